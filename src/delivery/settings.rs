//! Where records are carried, and in what portions.

#[cfg(feature = "parquet")]
use std::path::PathBuf;
use std::time::Duration;

#[cfg(feature = "object-store")]
use crate::delivery::Bucket;
#[cfg(feature = "kafka")]
use crate::delivery::Kafka;
#[cfg(feature = "nats")]
use crate::delivery::Nats;
use crate::outbound::Target;
use crate::vocab::DeliveryName;
use crate::vocab::Secret;

/// One target.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name; a label of metrics, and of the file that says how far it came.
    pub name: DeliveryName,
    /// When a portion is carried.
    pub batches: Batches,
    /// Where to.
    pub to: To,
}

/// When a portion is carried, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Once so many bytes of lines wait; about as many are carried at once.
    pub bytes: u64,
    /// Once something waits for so long.
    pub every: Duration,
}

/// Where records are carried.
#[derive(Debug, Clone)]
pub enum To {
    /// Into Parquet files below this directory, one directory a day.
    #[cfg(feature = "parquet")]
    Parquet {
        /// The directory; made when it is not there.
        dir: PathBuf,
    },
    /// Into a table of ClickHouse.
    ClickHouse(ClickHouse),
    /// Into an object store.
    #[cfg(feature = "object-store")]
    ObjectStore(Bucket),
    /// Into a stream of NATS JetStream.
    #[cfg(feature = "nats")]
    Nats(Nats),
    /// Into a topic of Kafka.
    #[cfg(feature = "kafka")]
    Kafka(Kafka),
}

/// A table of ClickHouse, reached over its HTTP interface.
#[derive(Debug, Clone)]
pub struct ClickHouse {
    /// The server.
    pub server: Target,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Who writes; `None`: ClickHouse's default user.
    pub user: Option<String>,
    /// Their password.
    pub password: Option<Secret>,
}
