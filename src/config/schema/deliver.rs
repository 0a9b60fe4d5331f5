//! Where records are carried, in the policy file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::scalar::Bytes;
use crate::config::scalar::ObjectFormat;
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
    /// An object store; in builds with `--features object-store`.
    #[serde(default)]
    pub(crate) object_store: Field<Objects>,
    /// A stream of NATS JetStream; in builds with `--features nats`.
    #[serde(default)]
    pub(crate) nats: Field<Nats>,
    /// A topic of Kafka; in builds with `--features kafka`.
    #[serde(default)]
    pub(crate) kafka: Field<Kafka>,
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
#[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "read by builds that know Parquet"))]
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

/// A place in an object store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(feature = "object-store"),
    expect(dead_code, reason = "read by builds that know object stores")
)]
pub(crate) struct Objects {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub(crate) url: Field<Scalar<String>>,
    /// parquet: rows of typed columns; jsonl_zst: lines as the log has them, compressed. Default: parquet.
    #[serde(default)]
    pub(crate) format: Field<Scalar<ObjectFormat>>,
    /// How the store is reached, by the names of its environment variables: `aws_region`, `aws_endpoint`,
    /// `azure_storage_account_name`. Absent: by those variables, and by what the platform says.
    #[serde(default)]
    pub(crate) options: Field<Entries<Scalar<String>>>,
    /// The same for what is secret: `aws_secret_access_key`, `azure_storage_account_key`.
    #[serde(default)]
    pub(crate) secrets: Field<Entries<SecretSource>>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
}

/// A stream of NATS JetStream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "read by builds that know NATS"))]
pub(crate) struct Nats {
    /// The servers, separated by commas: `nats://host:4222`, over TLS `tls://host:4222`.
    pub(crate) url: Field<Scalar<String>>,
    /// The subject; a stream must listen to it.
    pub(crate) subject: Field<Scalar<String>>,
    /// Who publishes. Default: nobody.
    #[serde(default)]
    pub(crate) user: Field<Scalar<String>>,
    /// Their password.
    #[serde(default)]
    pub(crate) password: Field<SecretSource>,
    /// A token, instead of both.
    #[serde(default)]
    pub(crate) token: Field<SecretSource>,
}

/// A topic of Kafka.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "read by builds that know Kafka"))]
pub(crate) struct Kafka {
    /// The brokers, separated by commas: `host:9092`.
    pub(crate) brokers: Field<Scalar<String>>,
    /// The topic.
    pub(crate) topic: Field<Scalar<String>>,
    /// Properties of librdkafka, by name.
    #[serde(default)]
    pub(crate) properties: Field<Entries<Scalar<String>>>,
    /// The same for what is secret: `sasl.password`.
    #[serde(default)]
    pub(crate) secrets: Field<Entries<SecretSource>>,
}

/// Places that records are carried to, by name.
pub(crate) type Deliveries = Field<Entries<Deliver>>;
