//! Notices that the policy file changed, so that the gateway reloads it.
//!
//! Kubernetes replaces a mounted ConfigMap by renaming a symbolic link beside the file, after which a watch on the
//! file itself is dead. So the file's directory is watched, any event in it only means "look again", and what
//! counts is whether the content differs. A slow poll finds what events do not tell (network file systems, a
//! link to another directory). Nothing is parsed here.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use notify::Event;
use notify::EventKind;
use notify::RecommendedWatcher;
use notify::RecursiveMode;
use notify::Watcher;
use notify::event::AccessKind;
use notify::event::AccessMode;
use sha2::Digest;
use sha2::Sha256;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::config::file;
use crate::config::yaml::MAX_BYTES;

/// How long after an event the file is read: an editor or a kubelet makes several changes in a row.
const SETTLE: Duration = Duration::from_millis(100);
/// How often the file is read without an event.
const POLL: Duration = Duration::from_secs(10);

/// Watches a file from now on and sends a tick whenever its content has changed.
///
/// What the file holds at the moment of this call is what changes are measured against, so call it before the file
/// is loaded. The future that it returns does the work: it belongs on the side runtime, and it ends when the
/// ticks' receiver is gone. It can be dropped at any moment. A tick that finds the channel full is left out, for one is
/// waiting and its reader will see the newest content.
pub fn watch(path: &Path, ticks: mpsc::Sender<()>) -> impl Future<Output = ()> + Send + use<> {
    let path = path.to_owned();
    let known = content_digest(&path);
    let (events, nudges) = mpsc::channel(1);
    let watcher = watch_directory(&path, events);
    if let Err(error) = &watcher {
        tracing::warn!(%error, path = %path.display(), "no file events; the policy is read every {POLL:?} instead");
    }
    async move {
        // Held to the end: dropping the watcher ends its thread and its events.
        let _watcher = watcher;
        follow(path, known, nudges, ticks).await;
    }
}

async fn follow(
    path: PathBuf,
    mut known: Option<[u8; 32]>,
    mut nudges: mpsc::Receiver<()>,
    ticks: mpsc::Sender<()>,
) {
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(()) = nudges.recv() => {
                tokio::time::sleep(SETTLE).await;
                // Emptied before the file is read, so that a change after the reading leaves a nudge.
                let _ = nudges.try_recv();
            }
            _ = poll.tick() => {}
            () = ticks.closed() => return,
        }
        // A file that cannot be read is in the middle of a swap, or gone; either way the present policy stays.
        let reading = path.clone();
        let found = tokio::task::spawn_blocking(move || content_digest(&reading)).await.ok().flatten();
        if found.is_some() && found != known {
            known = found;
            let _ = ticks.try_send(());
        }
    }
}

fn watch_directory(path: &Path, events: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| !is_mere_reading(event.kind)) {
            // A full channel already holds a nudge.
            let _ = events.try_send(());
        }
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    watcher.watch(parent.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Our own reading of the file is an event too, and must not lead to another.
fn is_mere_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn content_digest(path: &Path) -> Option<[u8; 32]> {
    file::read(path, MAX_BYTES).ok().map(|content| Sha256::digest(content).into())
}
