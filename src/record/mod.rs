//! The paired record: what is known of one request and every answer it got, and how it reaches the disk.
//!
//! The data plane hands over a raw [`Pair`] and never waits. One task on the side plane takes what the bounded
//! queue holds, redacts it, works out usage, cost and comparison, and writes JSON Lines. What the queue cannot
//! take is counted, exactly, and the log itself tells how many records are missing.

mod body;
mod build;
mod comparison;
mod count;
mod design;
mod digest;
mod guard;
mod headers;
mod json;
mod line;
mod lines;
mod loss;
mod memory;
mod outcome;
mod pair;
mod paired;
mod queue;
mod read;
mod reading;
mod readings;
mod redact;
mod replace;
mod segment;
mod settings;
mod subjects;
mod writer;

#[cfg(test)]
mod tests;

pub use body::Body;
pub use body::Unread;
pub use design::DesignRecord;
pub use design::OutcomeDesign;
pub use digest::hashed_unit;
pub use digest::looks_hashed;
pub use digest::recorded_identity;
pub use digest::recorded_unit;
pub use guard::Guard;
pub use guard::MASK;
pub use guard::Pattern;
pub use headers::HeaderRecord;
pub use line::Gap;
pub use line::Line;
pub use line::LineError;
pub use line::LineKind;
pub use line::LossReason;
pub use line::SCHEMA;
pub use memory::Hold;
pub use memory::MemoryBudget;
pub use memory::Want;
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
pub use paired::ComparisonRecord;
pub use paired::CostRecord;
pub use paired::DroppedRecord;
pub use paired::ObservationRecord;
pub use paired::PairedRecord;
pub use paired::RequestRecord;
pub use paired::ShownItemRecord;
pub use paired::ShownRecord;
pub use queue::Entry;
pub use queue::Recorder;
pub use queue::Taken;
pub use read::ReadError;
pub use read::Reader;
pub use read::read;
pub use read::read_each;
pub use read::read_from;
pub use reading::Reading;
pub use reading::fits_into_line;
pub use readings::Readings;
pub use replace::replace;
pub use segment::Position;
pub use settings::Expression;
pub use settings::HeaderChoice;
pub use settings::Redact;
pub use settings::RedactAction;
pub use settings::RedactTarget;
pub use settings::Rotation;
pub use settings::Settings;
pub use settings::Sought;
pub use writer::Sink;
pub use writer::Writer;
