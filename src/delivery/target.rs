//! What every target can do.

use std::future::Future;
use std::pin::Pin;

use crate::delivery::failure::Failure;
use crate::delivery::stretch::Stretch;
use crate::record::Position;
use crate::record::Reader;
use crate::vocab::Timestamp;

/// Somebody who takes records.
pub(super) trait Target: Send {
    /// Carries a stretch of the log, all of it or none, and returns once it is there for good. After a failure the same
    /// stretch comes again, perhaps longer. Dropped, it may have carried any part.
    fn carry(&mut self, stretch: Stretch) -> Carrying<'_>;
}

/// A stretch being carried.
pub(super) type Carrying<'t> = Pin<Box<dyn Future<Output = Result<Carried, Failure>> + Send + 't>>;

/// What was carried.
#[derive(Debug)]
pub(super) struct Carried {
    /// Behind the last line of it.
    pub(super) until: Position,
    /// When that line was made.
    pub(super) last: Option<Timestamp>,
    /// The reader that stands there, if it can go on.
    pub(super) rest: Option<Box<Reader>>,
    /// How many lines it was.
    pub(super) lines: u64,
    /// How many lines could not be read, and were passed over.
    pub(super) unreadable: u64,
    /// How many lines are larger than the target takes, and were passed over.
    pub(super) too_large: u64,
}

/// Does what blocks on a thread for that.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    // Its panic was logged and counted where it happened.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Failure::Fault))
}
