//! gRPC as far as a proxy must know it: which requests it is, how long they may take, how a call ended.
//!
//! gRPC-Web is none of it: that is made to pass through proxies as plain HTTP.

use std::time::Duration;

use http::HeaderMap;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// The header or trailer that tells how a call ended.
pub const STATUS: &str = "grpc-status";
/// What a person may read of it.
pub const MESSAGE: &str = "grpc-message";
/// The type of the answers that say nothing but how the call ended.
pub const MEDIA_TYPE: &str = "application/grpc";

/// How long the client waits for the whole call.
const TIMEOUT: &str = "grpc-timeout";

/// How a call ended, as gRPC numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

impl Status {
    /// The request is not what was expected.
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// The deadline passed.
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// There is no room for the call.
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// Nobody serves this method.
    pub const UNIMPLEMENTED: Self = Self(12);
    /// The service cannot be reached, or broke off.
    pub const UNAVAILABLE: Self = Self(14);

    /// Reads it from a head or from trailers; a number that gRPC does not know is `UNKNOWN`, as gRPC demands.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        const UNKNOWN: u8 = 2;
        let text = headers.get(STATUS)?.to_str().unwrap_or("");
        Some(Self(text.parse().ok().filter(|code| *code <= 16).unwrap_or(UNKNOWN)))
    }

    /// The HTTP status that says the same (`google.rpc.Code`), by which calls are counted and judged.
    pub fn as_http(self) -> u16 {
        match self.0 {
            0 => 200,
            1 => 499,
            3 | 9 | 11 => 400,
            4 => 504,
            5 => 404,
            6 | 10 => 409,
            7 => 403,
            8 => 429,
            12 => 501,
            14 => 503,
            16 => 401,
            _ => 500,
        }
    }

    /// The value of the header or trailer.
    pub fn value(self) -> HeaderValue {
        HeaderValue::from(u16::from(self.0))
    }
}

/// Says whether a request, or an answer, is gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().strip_prefix(MEDIA_TYPE.as_bytes()));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// How long a call may take at most, where its client says so.
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}
