//! The gateway's own side of the policy file: addresses, record, feedback.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::num::NonZeroUsize;
use std::time::Duration;

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Field;
use crate::config::field::Many;
use crate::config::scalar::Bytes;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;
use crate::config::scalar::UrlPath;
use crate::config::schema::Deliveries;
use crate::protocol::JsonPath;
use crate::record::Expression;
use crate::record::Pattern;
use crate::record::RedactAction;

/// Where the gateway listens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    /// The users' address: HTTP/1.1 and HTTP/2 on one port. Default: 127.0.0.1:8080.
    #[serde(default)]
    pub(crate) data: Field<Scalar<SocketAddr>>,
    /// The operators' address: metrics, probes, API, feedback. Default: 127.0.0.1:9090.
    #[serde(default)]
    pub(crate) admin: Field<Scalar<SocketAddr>>,
    /// The bearer token of the admin address, needed unless that address is loopback.
    #[serde(default)]
    pub(crate) token: Field<SecretSource>,
    /// How long what is in flight may still take after SIGTERM. Default: 30s.
    #[serde(default)]
    pub(crate) drain: Field<Scalar<Duration>>,
    /// Threads of the data plane. Default: the CPU limit.
    #[serde(default)]
    pub(crate) workers: Field<Scalar<NonZeroUsize>>,
    /// Connections from users at one moment. Default: 10000.
    #[serde(default)]
    pub(crate) max_connections: Field<Scalar<NonZeroU32>>,
    /// Makes the users' address HTTPS, with HTTP/2 and HTTP/1.1. Absent: it is plain HTTP.
    #[serde(default)]
    pub(crate) tls: Field<ListenTls>,
}

/// The certificate of the users' address. Changed files are taken up within seconds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenTls {
    /// The PEM file of the certificate, with those between it and its authority.
    pub(crate) cert_file: Field<Scalar<String>>,
    /// The PEM file of its private key.
    pub(crate) key_file: Field<Scalar<String>>,
    /// The PEM file of the certificate authorities that users' own certificates come from. Absent: users need none.
    #[serde(default)]
    pub(crate) client_ca_file: Field<Scalar<String>>,
}

/// Where a secret comes from. Exactly one key; a secret never stands in the file itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`{from_env: NAME}` or `{from_file: PATH}`, as a secret never stands in the policy itself"
)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct SecretSource {
    /// The environment variable that holds it.
    #[serde(default)]
    pub(crate) from_env: Field<Scalar<String>>,
    /// The file that holds it; white space around it is ignored.
    #[serde(default)]
    pub(crate) from_file: Field<Scalar<String>>,
}

/// What is recorded, where, and what never is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The directory of the records, made when it is not there. Default: ./records.
    #[serde(default)]
    pub(crate) dir: Field<Scalar<String>>,
    /// How much of a body is kept, for the record and for copies; a request with a longer body is not copied.
    /// At most 1GiB, and a quarter of queue.bytes. Default: 256KiB.
    #[serde(default)]
    pub(crate) body_cap: Field<Scalar<Bytes>>,
    /// When one file of records ends and the next begins.
    #[serde(default)]
    pub(crate) rotate: Field<Rotate>,
    /// How much is kept of what was recorded. Absent: everything.
    #[serde(default)]
    pub(crate) keep: Field<Keep>,
    /// How long what was written waits at most until the disk is asked to have it: so much may be lost to a loss of power.
    /// A gateway that is killed loses nothing that was written. Default: 200ms.
    #[serde(default)]
    pub(crate) sync_every: Field<Scalar<Positive>>,
    /// The key that the files of records are encrypted with (AES-256-GCM): 64 hexadecimal digits. Whoever reads them names
    /// its file in CROSSFADE_RECORD_KEY_FILE. Absent: they are not encrypted.
    #[serde(default)]
    pub(crate) encrypt: Field<SecretSource>,
    /// Holds the end of every answer back until the record has the answer, so that whoever has one knows that it is on
    /// record though the gateway be killed the moment after. Costs a write before every last byte. Absent: it does not wait.
    #[serde(default)]
    pub(crate) strict: Field<Strict>,
    /// How much may wait to be written; what does not fit is counted as lost.
    #[serde(default)]
    pub(crate) queue: Field<Queue>,
    /// Headers whose values are written, beside those that say how a message is to be read, was tried or was limited;
    /// `all` for every one. Those that carry credentials (cookies, authorization, x-api-key and their like) never are.
    #[serde(default)]
    pub(crate) headers: Field<Many<Scalar<HeaderName>>>,
    /// The key of the action `hash`, at least 16 bytes. Absent: hashes have no key, and whoever guesses a value can tell
    /// that it is the one.
    #[serde(default)]
    pub(crate) hash_key: Field<SecretSource>,
    /// What is changed before a record is written, in requests, answers and outcomes.
    #[serde(default)]
    pub(crate) redact: Field<Vec<Field<Redact>>>,
    /// Where records are carried, by name.
    #[serde(default)]
    pub(crate) deliver: Deliveries,
}

/// When one file of records ends and the next begins, whichever comes first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// At this size. Default: 256MiB.
    #[serde(default)]
    pub(crate) bytes: Field<Scalar<Bytes>>,
    /// At this age. Default: 1h.
    #[serde(default)]
    pub(crate) every: Field<Scalar<Positive>>,
    /// Whether it is packed by zstd then. Default: true.
    #[serde(default)]
    pub(crate) pack: Field<Scalar<bool>>,
}

/// What an answer's end waits for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strict {
    /// How long it waits at most: a disk that takes nothing must not keep users from their answers. Default: 1s.
    #[serde(default)]
    pub(crate) patience: Field<Scalar<Positive>>,
}

/// How much is kept of what was recorded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keep {
    /// The size of all ended files; beyond it the oldest are deleted. Absent: none are.
    #[serde(default)]
    pub(crate) bytes: Field<Scalar<Bytes>>,
    /// How long ago a file may have ended; older ones are deleted. Absent: none are.
    #[serde(default)]
    pub(crate) age: Field<Scalar<Positive>>,
}

/// How much may wait to be written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    /// Their size. Default: 64MiB.
    #[serde(default)]
    pub(crate) bytes: Field<Scalar<Bytes>>,
    /// Their number. Default: 65536.
    #[serde(default)]
    pub(crate) records: Field<Scalar<NonZeroUsize>>,
}

/// One rule of redaction: where (at most one of `header`, `query`, `json`; none: everywhere), what (at most one of
/// `pattern` and `regex`; none: the whole value), and what becomes of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 2, "maxProperties" = 3))]
pub(crate) struct Redact {
    /// The values of this header.
    #[serde(default)]
    pub(crate) header: Field<Scalar<HeaderName>>,
    /// The values of this parameter of the query, or of a form.
    #[serde(default)]
    pub(crate) query: Field<Scalar<String>>,
    /// Every value that this RFC 9535 path selects in a JSON body.
    #[serde(default)]
    pub(crate) json: Field<Scalar<JsonPath>>,
    /// Only what fits this pattern: email, phone, card (that passes Luhn's check), iban (that passes its check),
    /// api_key (of known makers, and JSON web tokens), ip, secret (private keys, passwords in URLs, what stands beside
    /// names such as `password`).
    #[serde(default)]
    pub(crate) pattern: Field<Scalar<Pattern>>,
    /// Only what fits this regular expression, in the language of the crate regex, which has no look-around and no
    /// back-references.
    #[serde(default)]
    pub(crate) regex: Field<Scalar<Expression>>,
    /// mask: replaced by `***`; hash: replaced by a hash, so that equal values stay equal; drop: left out.
    pub(crate) action: Field<Scalar<RedactAction>>,
}

/// How outcomes are taken in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feedback {
    /// A path of the users' address that takes outcomes too, beside /feedback of the admin address. Absent: none.
    #[serde(default)]
    pub(crate) path: Field<Scalar<UrlPath>>,
    /// Signed tickets, by which another replica can credit an outcome. Absent: answers carry none.
    #[serde(default)]
    pub(crate) tickets: Field<Tickets>,
    /// How many requests are remembered for outcomes to be joined with. Default: 200000.
    #[serde(default)]
    pub(crate) remember: Field<Scalar<NonZeroUsize>>,
}

/// Signed tickets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tickets {
    /// The key that signs them, at least 16 bytes, the same on every replica.
    pub(crate) key: Field<SecretSource>,
}
