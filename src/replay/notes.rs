//! What a replay notes beside its records: what was sent where, and what was not.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::dataset::Hidden;
use crate::dataset::Snapshot;
use crate::record::Line;
use crate::record::read;
use crate::record::replace;
use crate::replay::ReplayError;
use crate::vocab::ExperimentName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// The file of the notes, beside the records.
const FILE: &str = "replay.json";

/// What a replay notes beside its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notes {
    /// The snapshots.
    pub sources: Vec<Source>,
    /// The targets with where they are.
    pub targets: BTreeMap<String, String>,
    /// The policy: the first 12 digits of its SHA-256; missing without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Each time that it was begun or gone on with.
    pub runs: Vec<Run>,
}

/// A snapshot that was replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The set.
    pub set: String,
    /// The hash of its content.
    pub content: String,
}

/// One time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began.
    pub begun: Timestamp,
    /// The pace.
    pub pace: String,
    /// Calls that may be under way to one target.
    pub concurrency: usize,
    /// Requests that were looked at.
    pub requests: u64,
    /// Calls that were made.
    pub sent: u64,
    /// Calls that were on record already.
    pub on_record: u64,
    /// Requests that were not sent for redaction changed them, by how.
    pub hidden: BTreeMap<Hidden, u64>,
    /// Requests that cannot be read as requests.
    pub unreadable: u64,
    /// Calls for which no connection came about: they are not on record.
    pub unsent: u64,
    /// Calls that left later than their time, for as many as may be were under way.
    pub delayed: u64,
    /// The longest of those delays, in milliseconds.
    pub longest_delay_ms: f64,
    /// Requests without a recorded answer to hold the new one against.
    pub without_answer: u64,
    /// Recorded answers that redaction changed: nothing is compared with them.
    pub answers_changed: u64,
    /// Headers that were left out for a mask or a digest stood in them, by name.
    pub headers_left_out: BTreeMap<String, u64>,
    /// Outcomes that describe the request and were carried over.
    pub outcomes: u64,
    /// Outcomes that describe the old answer and were not.
    pub outcomes_left_out: u64,
}

impl Source {
    /// What is noted of a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self { set: snapshot.manifest.set.clone(), content: snapshot.manifest.content.clone() }
    }
}

impl Notes {
    /// The notes of a directory, when it holds some of this replay.
    pub(super) fn resumed(self, dir: &Path, resume: bool) -> Result<Self, ReplayError> {
        let there = fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
        if !there {
            return Ok(self);
        }
        if !resume {
            return Err(ReplayError::NotEmpty(dir.to_owned()));
        }
        let another = |why: &str| ReplayError::Another { dir: dir.to_owned(), why: why.to_owned() };
        let known: Option<Notes> =
            fs::read(dir.join(FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let known = known.ok_or_else(|| another("it holds no `replay.json`"))?;
        if known.sources != self.sources {
            return Err(another("its snapshots are others"));
        }
        if known.targets != self.targets {
            return Err(another("its targets are others"));
        }
        if known.policy != self.policy {
            return Err(another("its policy is another"));
        }
        Ok(known)
    }

    /// Writes them down.
    pub(super) fn write(&self, dir: &Path) -> Result<(), ReplayError> {
        let path = dir.join(FILE);
        let failed = |source| ReplayError::Write { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        replace(&path, &text).map_err(failed)
    }
}

/// What is on record already, by the experiment that it is on record under.
pub(super) fn on_record(dir: &Path) -> Result<HashSet<(ExperimentName, RequestId)>, ReplayError> {
    let mut found = HashSet::new();
    // A line that cannot be read is sent again.
    for line in read(dir)? {
        if let Ok(Line::Pair(pair)) = line {
            found.insert((pair.experiment.clone(), pair.request_id));
        }
    }
    Ok(found)
}
