//! Carries the records elsewhere: to files, to object stores, to brokers, to a database.
//!
//! Each target is fed from the log on the disk, by a task of its own that knows how far it came: neither the writer nor a
//! user ever waits for one, and what a slow or dead target has not taken waits where it is safe. A place in the log is
//! saved once the target has said that it has all before it for good, so that every line arrives at least once, in the
//! log's order, whatever dies in between; a line that arrives twice has the same id both times ([`crate::columns::id`]).
//! Only `record.keep` may delete what a target has not got yet, for the users' disk comes first; that is counted.

mod backoff;
mod clickhouse;
#[cfg(feature = "parquet")]
mod directory;
mod failure;
#[cfg(any(feature = "parquet", feature = "object-store"))]
mod files;
#[cfg(feature = "kafka")]
mod kafka;
mod log;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "object-store")]
mod packed;
mod place;
mod segments;
mod settings;
mod stretch;
mod target;
mod task;

#[cfg(test)]
mod tests;

pub use failure::Failure;
#[cfg(any(feature = "parquet", feature = "object-store"))]
pub use files::Format;
#[cfg(feature = "kafka")]
pub use kafka::Kafka;
#[cfg(feature = "nats")]
pub use nats::Nats;
#[cfg(feature = "object-store")]
pub use object_store::Address;
#[cfg(feature = "object-store")]
pub use object_store::Bucket;
pub use settings::Batches;
pub use settings::ClickHouse;
pub use settings::Settings;
pub use settings::To;
pub use task::Delivery;
