//! Where records go, how much is kept of a body, and what is never written.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;
use regex::Regex;

use crate::protocol::JsonPath;
use crate::record::Pattern;
use crate::record::RecordKey;
use crate::vocab::Secret;

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
    /// What segments are encrypted with; `None`: they are not.
    pub encrypt: Option<RecordKey>,
    /// How long an answer's last byte waits until the record has the answer; `None`: it does not wait.
    pub strict: Option<Duration>,
    /// How many bytes of records may wait for the writer.
    pub queue_bytes: usize,
    /// How many records may wait for the writer.
    pub queue_records: usize,
    /// What is changed before a record is written. Cookies and the common headers of credentials are dropped always.
    pub redact: Vec<Redact>,
    /// Which headers' values are written.
    pub headers: HeaderChoice,
    /// The key of the action `hash`; `None`: it is a plain SHA-256, and whoever guesses a value can tell that it is it.
    pub hash_key: Option<Secret>,
}

/// Which headers' values are written. Of the others, records tell how many there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderChoice {
    /// Those of [`HeaderChoice::always`], and these.
    Listed(Vec<HeaderName>),
    /// All but those that carry credentials.
    All,
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
    pub sought: Sought,
    /// What becomes of it.
    pub action: RedactAction,
}

/// Where a rule of redaction applies, in requests and in answers alike.
#[derive(Debug, Clone, PartialEq)]
pub enum RedactTarget {
    /// In every text: path, query, headers, bodies, outcomes.
    Everywhere,
    /// In the values of this header.
    Header(HeaderName),
    /// In the values of this parameter of the query, or of a form.
    Query(String),
    /// In every value that this path selects in a JSON body.
    Json(JsonPath),
}

/// What a rule of redaction takes out of the texts where it applies.
#[derive(Debug, Clone, PartialEq)]
pub enum Sought {
    /// All of it.
    All,
    /// What fits a pattern.
    Pattern(Pattern),
    /// What fits an expression of the operator's.
    Regex(Expression),
}

/// A regular expression. Equal are those that are written alike.
#[derive(Debug, Clone)]
pub struct Expression(pub Regex);

/// What becomes of a redacted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedactAction {
    /// It is replaced by `"***"`.
    Mask,
    /// It is replaced by the first 16 hexadecimal digits of its HMAC-SHA256, or without a key of its SHA-256, so that
    /// equal values stay equal.
    Hash,
    /// It is left out; in an array, and for a number, `null` takes its place.
    Drop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("./records"),
            body_cap_bytes: 256 * 1024,
            rotate: Rotation { bytes: 256 * 1024 * 1024, every: Duration::from_secs(3600), pack: true },
            keep: Keep::default(),
            encrypt: None,
            strict: None,
            sync_every: Duration::from_millis(200),
            queue_bytes: 64 * 1024 * 1024,
            queue_records: 65_536,
            redact: Vec::new(),
            headers: HeaderChoice::default(),
            hash_key: None,
        }
    }
}

impl Default for HeaderChoice {
    fn default() -> Self {
        HeaderChoice::Listed(Vec::new())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
