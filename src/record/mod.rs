//! The paired record: what is known of one request and every answer it got, and how it reaches the disk.
//!
//! The data plane hands over a raw [`Pair`] and never waits. One task on the side plane takes what the bounded
//! queue holds, redacts it, works out usage, cost and comparison, and writes JSON Lines. What the queue cannot
//! take is counted, exactly, and the log itself tells how many records are missing.

mod outcome;
mod pair;
mod queue;
mod settings;

pub use outcome::OutcomeRecord;
pub use outcome::OutcomeValue;
pub use pair::Captured;
pub use pair::CapturedRequest;
pub use pair::Degraded;
pub use pair::DroppedCopy;
pub use pair::Marks;
pub use pair::Observation;
pub use pair::Pair;
pub use pair::Shown;
pub use pair::ShownItem;
pub use queue::Entry;
pub use queue::Recorder;
pub use queue::Taken;
pub use settings::Redact;
pub use settings::RedactAction;
pub use settings::RedactTarget;
pub use settings::Rotation;
pub use settings::Settings;
