//! The task of one target: it looks at the log, carries what is due, and saves how far it came.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::delivery::Batches;
use crate::delivery::Settings;
use crate::delivery::To;
use crate::delivery::backoff::Backoff;
use crate::delivery::clickhouse;
#[cfg(feature = "parquet")]
use crate::delivery::directory;
use crate::delivery::failure::Failure;
#[cfg(feature = "kafka")]
use crate::delivery::kafka;
use crate::delivery::log::Log;
use crate::delivery::log::Waiting;
#[cfg(feature = "nats")]
use crate::delivery::nats;
#[cfg(feature = "object-store")]
use crate::delivery::object_store;
use crate::delivery::place::Place;
use crate::delivery::stretch::Stretch;
use crate::delivery::target::Carried;
use crate::delivery::target::Target;
use crate::delivery::target::blocking;
use crate::telemetry::Metrics;
use crate::vocab::DeliveryName;
use crate::vocab::Timestamp;

/// How often a target's task looks at the log.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the last lines may take when the gateway stops.
const FAREWELL: Duration = Duration::from_secs(10);

/// One target being fed.
pub struct Delivery {
    name: DeliveryName,
    batches: Batches,
    target: Box<dyn Target>,
    log: Arc<Mutex<Log>>,
    /// How far it came.
    place: Place,
    metrics: Arc<Metrics>,
    /// Since when something waits.
    noticed: Option<Instant>,
    failing: bool,
}

impl Delivery {
    /// Feeds a target from the log in a directory, from where it came to before. Looks at the log at once, so that nothing
    /// can be deleted from it unseen: to be called before the writer runs. Blocks.
    pub fn new(settings: Settings, dir: &Path, metrics: Arc<Metrics>) -> Self {
        let Settings { name, batches, to } = settings;
        let place = Place::of(&name, dir);
        let target: Box<dyn Target> = match to {
            #[cfg(feature = "parquet")]
            To::Parquet { dir } => Box::new(directory::Directory::new(dir)),
            To::ClickHouse(settings) => Box::new(clickhouse::Table::of(settings)),
            #[cfg(feature = "object-store")]
            To::ObjectStore(bucket) => {
                Box::new(object_store::Objects::new(bucket, dir.join(format!("delivery-{name}"))))
            }
            #[cfg(feature = "nats")]
            To::Nats(settings) => Box::new(nats::Stream::of(settings)),
            #[cfg(feature = "kafka")]
            To::Kafka(settings) => Box::new(kafka::Topic::of(settings, place.content.log.to_string())),
        };
        let log = Log::behind(place.content.reached.clone(), dir);
        Self::feeding(target, name, batches, (place, log), metrics)
    }

    pub(super) fn feeding(
        target: Box<dyn Target>,
        name: DeliveryName,
        batches: Batches,
        (place, log): (Place, Log),
        metrics: Arc<Metrics>,
    ) -> Self {
        let log = Arc::new(Mutex::new(log));
        let delivery = Self { name, batches, target, log, place, metrics, noticed: None, failing: false };
        if let Ok(waiting) = locked(&delivery.log).look() {
            delivery.tell(waiting);
        }
        delivery
    }

    /// Carries what comes until it is stopped, then what is left, as far as that takes no longer than ten seconds. Stop
    /// it when the writer is done. Dropped, it carries the rest, and perhaps some lines again, the next time.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = stop.cancelled() => break,
            }
            tokio::select! {
                () = self.carry_due() => {}
                () = stop.cancelled() => break,
            }
        }
        if tokio::time::timeout(FAREWELL, self.carry_rest()).await.is_err() {
            tracing::warn!(delivery = %self.name, "the last records were not delivered in time; the next start delivers them");
        }
    }

    /// Carries portion after portion while one is due, trying each for ever.
    async fn carry_due(&mut self) {
        let mut backoff = Backoff::new();
        while self.look().await.is_some_and(|waiting| self.is_due(waiting)) {
            match self.carry().await {
                Ok(true) => backoff = Backoff::new(),
                // What waits is a line that is not whole yet.
                Ok(false) => return,
                Err(_) => tokio::time::sleep(backoff.next(rand::random())).await,
            }
        }
    }

    /// Carries all that waits, until that fails.
    async fn carry_rest(&mut self) {
        while self.look().await.is_some_and(|waiting| waiting.bytes > 0) {
            if !self.carry().await.unwrap_or(false) {
                return;
            }
        }
    }

    fn is_due(&self, waiting: Waiting) -> bool {
        let waits = self.noticed.is_some_and(|since| since.elapsed() >= self.batches.every);
        waiting.bytes >= self.batches.bytes || waiting.bytes > 0 && waits
    }

    /// Looks what waits and tells it; `None`: the log cannot be read.
    async fn look(&mut self) -> Option<Waiting> {
        let log = Arc::clone(&self.log);
        match blocking(move || locked(&log).look()).await {
            Ok(waiting) => {
                self.noticed = if waiting.bytes > 0 { self.noticed.or(Some(Instant::now())) } else { None };
                self.tell(waiting);
                Some(waiting)
            }
            Err(failure) => {
                self.report(Err(&failure));
                None
            }
        }
    }

    fn tell(&self, waiting: Waiting) {
        let Waiting { bytes, since, lost_bytes } = waiting;
        let labels = [self.name.as_str()];
        let now = Timestamp::from(SystemTime::now());
        let seconds = since.map_or(0.0, |since| now.since(since).as_secs_f64());
        self.metrics
            .delivery_lag_bytes
            .with_label_values(&labels)
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.delivery_lag_seconds.with_label_values(&labels).set(seconds);
        self.metrics.delivery_lost.with_label_values(&labels).inc_by(lost_bytes);
        if lost_bytes > 0 {
            let delivery = &self.name;
            tracing::error!(%delivery, lost_bytes, "records were deleted (`record.keep`) before they were delivered");
        }
    }

    /// Carries one portion, and says whether there was any.
    async fn carry(&mut self) -> Result<bool, Failure> {
        let carried = self.carry_stretch().await;
        self.report(carried.as_ref().map(|_| ()));
        let carried = carried?;
        let Carried { lines, unreadable, too_large, .. } = carried;
        let labels = |reason| [self.name.as_str(), reason];
        self.metrics.delivered.with_label_values(&[self.name.as_str()]).inc_by(lines);
        for (reason, count) in [("unreadable", unreadable), ("too_large", too_large)] {
            if count > 0 {
                self.metrics.delivery_skipped.with_label_values(&labels(reason)).inc_by(count);
                tracing::error!(delivery = %self.name, reason, count, "records could not be delivered");
            }
        }
        self.noticed = None;
        Ok(locked(&self.log).reach(carried))
    }

    async fn carry_stretch(&mut self) -> Result<Carried, Failure> {
        let (log, most_bytes) = (Arc::clone(&self.log), self.batches.bytes);
        let stretch: Stretch = blocking(move || Ok(locked(&log).stretch(most_bytes)?)).await?;
        let carried = self.target.carry(stretch).await?;
        let (mut place, until) = (self.place.clone(), carried.until.clone());
        self.place = blocking(move || place.save(until).map(|()| place)).await?;
        Ok(carried)
    }

    /// Counts failures; logs when they begin and when they end, not each.
    fn report(&mut self, carried: Result<(), &Failure>) {
        let delivery = &self.name;
        match carried {
            Err(error) => {
                self.metrics.delivery_failures.with_label_values(&[delivery.as_str()]).inc();
                if !self.failing {
                    tracing::error!(%delivery, %error, "records are not being delivered; they wait in the log");
                }
            }
            Ok(()) if self.failing => tracing::info!(%delivery, "records are being delivered again"),
            Ok(()) => {}
        }
        self.failing = carried.is_err();
    }
}

/// A panic under the lock can only have left a look half done, and the next begins anew.
fn locked(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
