//! Where records go, how much is kept of a body, and what is never written.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use crate::protocol::JsonPath;

/// The settings of the record.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory of the segments; made when it is not there.
    pub dir: PathBuf,
    /// How many bytes of a body are kept, for the record and for copies; a longer body is not copied.
    pub body_cap_bytes: usize,
    /// When a segment ends.
    pub rotate: Rotation,
    /// Which ended segments are kept.
    pub keep: Keep,
    /// How long written lines wait at most until the disk is asked to have them, with which they survive a loss of power.
    pub sync_every: Duration,
    /// How long an answer's last byte waits until the record has the answer; `None`: it does not wait.
    pub strict: Option<Duration>,
    /// How many bytes of records may wait for the writer.
    pub queue_bytes: usize,
    /// How many records may wait for the writer.
    pub queue_records: usize,
    /// What is changed before a record is written. Cookies and the common headers of credentials are dropped always.
    pub redact: Vec<Redact>,
}

/// When a segment ends and the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// At this size in bytes.
    pub bytes: u64,
    /// At this age.
    pub every: Duration,
    /// Whether it is packed then.
    pub pack: bool,
}

/// Which ended segments are kept; the oldest go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// So many bytes of them, as they lie on the disk; `None`: all.
    pub bytes: Option<u64>,
    /// Those that ended no longer ago than this; `None`: all.
    pub age: Option<Duration>,
}

/// One rule of redaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Redact {
    /// Where.
    pub target: RedactTarget,
    /// What.
    pub action: RedactAction,
}

/// Where a rule of redaction applies, in requests and in answers alike.
#[derive(Debug, Clone, PartialEq)]
pub enum RedactTarget {
    /// The values of this header.
    Header(HeaderName),
    /// Every value that this path selects in a JSON body.
    Json(JsonPath),
}

/// What becomes of a redacted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedactAction {
    /// It is replaced by `"***"`.
    Mask,
    /// It is replaced by the first 16 hexadecimal digits of its SHA-256, so that equal values stay equal.
    Hash,
    /// It is left out; in an array, `null` takes its place.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./records"),
            body_cap_bytes: 256 * 1024,
            rotate: Rotation { bytes: 256 * 1024 * 1024, every: Duration::from_secs(3600), pack: true },
            keep: Keep::default(),
            strict: None,
            sync_every: Duration::from_millis(200),
            queue_bytes: 64 * 1024 * 1024,
            queue_records: 65_536,
            redact: Vec::new(),
        }
    }
}
