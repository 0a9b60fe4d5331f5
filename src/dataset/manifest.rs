//! The manifest: how a snapshot came to be, and what it must be to be the same.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::dataset::Hidden;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// The version of the manifest that this build writes and reads.
pub(super) const MANIFEST: u32 = 1;

/// The file that holds the manifest.
pub(super) const MANIFEST_FILE: &str = "manifest.json";

/// How a snapshot came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest.
    pub manifest: u32,
    /// The set's name.
    pub set: String,
    /// The SHA-256 of the record lines, in hexadecimal digits: the same whenever the same is exported.
    pub content: String,
    /// The file that holds the record lines.
    pub records: String,
    /// The version of the record's schema.
    pub schema: u32,
    /// The version that made it.
    pub crossfade: String,
    /// When it was made.
    pub created: Timestamp,
    /// The directories and files that it was made of, as they were named.
    pub sources: Vec<String>,
    /// What was asked for, in full.
    pub filters: Value,
    /// The policies that its requests were served under: the first 12 digits of each file's SHA-256.
    pub policies: Vec<String>,
    /// Its requests by experiment.
    pub experiments: BTreeMap<ExperimentName, u64>,
    /// What redaction did to what it holds.
    pub redaction: Redaction,
    /// How its requests were chosen.
    pub counts: Counts,
    /// Every other file.
    pub files: BTreeMap<String, FileDigest>,
}

/// What redaction did to the requests that a snapshot holds, as far as records tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// Requests that cannot be sent again as they were, by why.
    pub requests: BTreeMap<Hidden, u64>,
    /// Calls whose answer was changed or withheld.
    pub answers: u64,
}

/// How the requests of a snapshot were chosen: `read` is the sum of all the others but `matched`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests, or rows, that were read.
    pub read: u64,
    /// Those that were on record more than once, beyond the first.
    pub repeated: u64,
    /// Of another experiment or time.
    pub filtered: u64,
    /// Not of the set.
    pub unmatched: u64,
    /// Of the set.
    pub matched: u64,
    /// Of the set and left out, by why.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Of the set and the same query as an earlier one.
    pub duplicates: u64,
    /// Of the set and not drawn.
    pub not_drawn: u64,
    /// Kept.
    pub kept: u64,
    /// Outcomes of those that were kept.
    pub outcomes: u64,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// Records that the log says it lacks.
    pub lost: u64,
}

/// Why a request that is of the set is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// The client sent it before.
    Retry,
    /// A header forced its arm: somebody tried something out.
    Forced,
    /// The client left before it had the answer.
    Cancelled,
    /// Its body, or an answer's, was above the cap.
    Cut,
    /// Redaction withheld its body.
    Withheld,
    /// Nobody answered it with success.
    Unanswered,
    /// The row says nothing that can be sent.
    Unusable,
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}
