//! The limits in the policy file.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Field;
use crate::config::scalar::Bytes;
use crate::config::scalar::Positive;
use crate::config::scalar::Scalar;

/// What clients may take before they are cut off, and what the gateway may hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// The head of a request; beyond it the answer is 431. At most 16MiB. Default: 64KiB.
    #[serde(default)]
    pub(crate) header_bytes: Field<Scalar<Bytes>>,
    /// The fields of a head; beyond it the answer is 431. Default: 100, above which HTTP/1.1 is a little slower.
    #[serde(default)]
    pub(crate) header_count: Field<Scalar<NonZeroU32>>,
    /// The first line of a request, or the target of an HTTP/2 one; beyond it the answer is 414. At most 65534 bytes. Default: 32KiB.
    #[serde(default)]
    pub(crate) uri_bytes: Field<Scalar<Bytes>>,
    /// From a request's first byte to the end of its head; beyond it the answer is 408. Default: 10s.
    #[serde(default)]
    pub(crate) header_time: Field<Scalar<Positive>>,
    /// What an upload must keep up, a second, while its request waits for an answer. Default: 500B.
    #[serde(default)]
    pub(crate) body_rate: Field<Scalar<Bytes>>,
    /// How far an upload may fall behind that rate; beyond it the answer is 408. Default: 20s.
    #[serde(default)]
    pub(crate) body_grace: Field<Scalar<Positive>>,
    /// How long a connection without a request is kept. Default: 75s.
    #[serde(default)]
    pub(crate) idle: Field<Scalar<Positive>>,
    /// How long a client may take none of its answer. Default: 60s.
    #[serde(default)]
    pub(crate) write_stall: Field<Scalar<Positive>>,
    /// Requests of one HTTP/2 connection at one moment. Default: 256.
    #[serde(default)]
    pub(crate) streams: Field<Scalar<NonZeroU32>>,
    /// HTTP/2 frames such as PING, SETTINGS and RST_STREAM that a connection may send at once beyond what its
    /// answers call for; a tenth of it comes back every second. Default: 1000.
    #[serde(default)]
    pub(crate) control_frames: Field<Scalar<NonZeroU32>>,
    /// What copies, captured bodies and waiting records may hold in memory: from 70 % of it copies are dropped, from
    /// 85 % bodies are captured no further, from 100 % no connection is accepted. Default: a quarter of what the
    /// process may use.
    #[serde(default)]
    pub(crate) memory: Field<Scalar<Bytes>>,
}
