//! What redaction left of a recorded request: whether all of it is there, so that it may be sent again.

use serde::Deserialize;
use serde::Serialize;

use crate::record::Body;
use crate::record::PairedRecord;
use crate::record::RequestRecord;
use crate::record::looks_hashed;

/// What stands in records for a value that was masked.
const MASK: &str = "***";

/// How many hexadecimal digits stand for a value that was hashed.
const DIGEST_DIGITS: usize = 16;

/// Why a recorded request is not the one that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// Its body was above the cap: only the beginning is on record.
    Cut,
    /// Its body could not be read as JSON, of which a rule of redaction speaks.
    Withheld,
    /// A rule of redaction changed its query or body, or took something out.
    Redacted,
    /// A mask stands in its query or body.
    Masked,
    /// The hash of its unit stands in its query or body.
    Unit,
    /// The version that recorded it did not mark what redaction changed: a rule may have hashed or dropped something.
    Unmarked,
}

impl Hidden {
    /// The words that tell it to people.
    pub fn as_words(self) -> &'static str {
        match self {
            Hidden::Cut => "whose body was above the cap",
            Hidden::Withheld => "whose body redaction withheld",
            Hidden::Redacted => "whose query or body redaction changed",
            Hidden::Masked => "whose query or body holds a mask",
            Hidden::Unit => "whose query or body names the unit, of which records hold a hash",
            Hidden::Unmarked => "recorded by a version that did not mark what redaction changed",
        }
    }
}

/// What of a request's target and body is not on record as it was; `None`: nothing.
pub fn hidden(record: &PairedRecord) -> Option<Hidden> {
    let RequestRecord { query, truncated, redacted, unmarked, body, .. } = &record.request;
    if *truncated {
        return Some(Hidden::Cut);
    }
    let text = match body {
        Some(Body::Withheld(_)) => return Some(Hidden::Withheld),
        Some(Body::Json(raw)) => raw.get(),
        Some(Body::Text(text)) => text,
        Some(Body::Base64(_)) | None => "",
    };
    let query = query.as_deref().unwrap_or_default();
    if query.contains(MASK) || text.contains(&format!("\"{MASK}\"")) {
        return Some(Hidden::Masked);
    }
    let unit = record.unit.as_deref().filter(|unit| looks_hashed(unit));
    if unit.is_some_and(|unit| query.contains(unit) || text.contains(unit)) {
        return Some(Hidden::Unit);
    }
    match (redacted, unmarked) {
        (true, _) => Some(Hidden::Redacted),
        (false, true) => Some(Hidden::Unmarked),
        (false, false) => None,
    }
}

/// Whether a header's value is one that redaction makes: a mask, a digest, or the hash of a unit. A value that only looks
/// like a digest is taken for one.
pub fn is_made(value: &str) -> bool {
    let is_digest = |digits: usize| {
        value.len() == digits && value.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    value.contains(MASK) || looks_hashed(value) || is_digest(DIGEST_DIGITS)
}
