//! What a client may take of the gateway before it is cut off, and the names under which that is counted.

use std::time::Duration;

use crate::protocol::http1::Malformed;
use crate::proxy::respond::Refusal;

/// The bounds on clients; read once, at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The head of a request; of HTTP/2 the list of fields, each with 32 bytes more (RFC 9113, section 10.5.1).
    pub header_bytes: usize,
    /// The fields of a head. Above 100 HTTP/1.1 costs two allocations a request.
    pub header_count: usize,
    /// The first line of a request, or the target of an HTTP/2 one.
    pub uri_bytes: usize,
    /// From the first byte of a request to the end of its head.
    pub header_time: Duration,
    /// What an upload must keep up while its request waits for an answer, in bytes a second.
    pub body_rate: u64,
    /// How far an upload may fall behind that rate.
    pub body_grace: Duration,
    /// Without a request, until a connection is closed.
    pub idle: Duration,
    /// How long a client may take none of its answer.
    pub write_stall: Duration,
    /// Requests of one HTTP/2 connection at a time.
    pub streams: u32,
    /// HTTP/2 frames that carry no request and follow from no answer, which a connection may send at once; a tenth of
    /// it comes back every second.
    pub control_frames: u32,
    /// What copies, captured bodies and waiting records may hold, in bytes; `None`: a quarter of what the process
    /// may use.
    pub memory_bytes: Option<u64>,
}

/// The bound that a client met. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    HeaderBytes,
    HeaderCount,
    UriBytes,
    HeaderTime,
    BodyRate,
    Idle,
    WriteStall,
    ControlFrames,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            header_bytes: 64 * 1024,
            header_count: 100,
            uri_bytes: 32 * 1024,
            header_time: seconds(10),
            body_rate: 500,
            body_grace: seconds(20),
            // Longer than the 60 seconds that load balancers keep their idle connections, so that it is they who
            // close them.
            idle: seconds(75),
            write_stall: seconds(60),
            streams: 256,
            control_frames: 1000,
            memory_bytes: None,
        }
    }
}

impl Limit {
    /// The limit, if it is one, for which a request is refused.
    pub(super) fn met_by(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::Malformed(Malformed::TargetTooLong) => Some(Limit::UriBytes),
            Refusal::Malformed(Malformed::HeadTooLarge) => Some(Limit::HeaderBytes),
            Refusal::Malformed(Malformed::TooManyFields) => Some(Limit::HeaderCount),
            _ => None,
        }
    }

    /// The label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Limit::HeaderBytes => "header_bytes",
            Limit::HeaderCount => "header_count",
            Limit::UriBytes => "uri_bytes",
            Limit::HeaderTime => "header_time",
            Limit::BodyRate => "body_rate",
            Limit::Idle => "idle",
            Limit::WriteStall => "write_stall",
            Limit::ControlFrames => "control_frames",
        }
    }
}
