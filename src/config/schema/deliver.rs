//! Where records are carried, in the policy file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::scalar::Bytes;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::schema::SecretSource;
use crate::config::schema::Tls;
use crate::upstream::Endpoint;

/// A place that records are carried to, from the log, in its order, each at least once. Exactly one of the targets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Deliver {
    /// Parquet files below a directory.
    #[serde(default)]
    pub(crate) parquet: Field<ParquetFiles>,
    /// A table of ClickHouse.
    #[serde(default)]
    pub(crate) clickhouse: Field<ClickHouse>,
    /// Records are carried once something waits for so long. Default: 15m where files are made, else 1s.
    #[serde(default)]
    pub(crate) every: Field<Scalar<Positive>>,
    /// Records are carried once so many bytes of lines wait, and about as many at once. Default: 128MiB where files are
    /// made, else 1MiB.
    #[serde(default)]
    pub(crate) bytes: Field<Scalar<Bytes>>,
}

/// Parquet files below a directory, one directory a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParquetFiles {
    /// The directory, made when it is not there.
    pub(crate) dir: Field<Scalar<String>>,
}

/// A table of ClickHouse, reached over HTTP.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClickHouse {
    /// The server's HTTP interface.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// The database. Default: crossfade.
    #[serde(default)]
    pub(crate) database: Field<Scalar<String>>,
    /// The table. Default: records.
    #[serde(default)]
    pub(crate) table: Field<Scalar<String>>,
    /// Who writes. Default: the user `default`.
    #[serde(default)]
    pub(crate) user: Field<Scalar<String>>,
    /// Their password. Default: none.
    #[serde(default)]
    pub(crate) password: Field<SecretSource>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
}

/// Places that records are carried to, by name.
pub(crate) type Deliveries = Field<Entries<Deliver>>;
