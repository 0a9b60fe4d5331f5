//! What the log needs besides being written: to reach the disk, to be packed, and to lose what is too old.
//!
//! All of it may take long where a disk is slow, so it runs beside the writer, one of each kind at a time.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::record::Settings;
use crate::record::packed;
use crate::record::segment::Segments;
use crate::telemetry::Metrics;

/// How often it is looked for segments that are too old, though none begins.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What runs beside the writer. Dropped, what runs goes on to its end unheard.
#[derive(Debug)]
pub(super) struct Upkeep {
    sync_every: Duration,
    pack: bool,
    syncing: Option<(PathBuf, JoinHandle<io::Result<()>>)>,
    packing: Option<(PathBuf, JoinHandle<io::Result<bool>>)>,
    sweeping: Option<JoinHandle<()>>,
    synced: Instant,
    swept: Instant,
}

impl Upkeep {
    pub(super) fn of(settings: &Settings) -> Self {
        let now = Instant::now();
        Self {
            sync_every: settings.sync_every,
            pack: settings.rotate.pack,
            syncing: None,
            packing: None,
            sweeping: None,
            synced: now,
            swept: now,
        }
    }

    /// Begins what is due and hears of what is done. Does not wait.
    pub(super) async fn tend(
        &mut self,
        segments: &mut Segments,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) {
        if let Some((path, done)) = done(&mut self.syncing)
            && let Ok(Err(error)) = done.await
        {
            segments.not_synced(&path, &error);
        }
        metrics.record_sync_failures.inc_by(std::mem::take(&mut segments.unsynced));
        if self.syncing.is_none() && self.synced.elapsed() >= self.sync_every {
            self.synced = Instant::now();
            if let Some((path, file)) = segments.take_unsynced() {
                self.syncing = Some((path, tokio::task::spawn_blocking(move || file.sync_data())));
            }
        }
        if let Some((path, done)) = done(&mut self.packing)
            && let Ok(Err(error)) = done.await
        {
            tracing::warn!(path = %path.display(), %error, "a segment of records could not be packed and stays as it is");
        }
        if self.packing.is_none()
            && self.pack
            && let Some(path) = segments.next_ended()
        {
            let (stop, segment) = (stop.clone(), path.clone());
            let packing = move || packed::pack(&segment, &|| stop.is_cancelled());
            self.packing = Some((path, tokio::task::spawn_blocking(packing)));
        }
        let sweeps = self.sweeping.as_ref().is_some_and(|sweeping| !sweeping.is_finished());
        if !sweeps && self.swept.elapsed() >= SWEEP_EVERY {
            self.swept = Instant::now();
            self.sweeping = Some(tokio::task::spawn_blocking(segments.sweep()));
        }
    }
}

/// What ran and is done.
fn done<T>(running: &mut Option<(PathBuf, JoinHandle<T>)>) -> Option<(PathBuf, JoinHandle<T>)> {
    running.take_if(|(_, running)| running.is_finished())
}
