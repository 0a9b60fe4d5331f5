//! Replay: the requests of snapshots, sent to the next model before it sees a user.
//!
//! Each request goes to each target over the gateway's own client, on time and not when an answer is back. The new answer
//! and the recorded one become a pair in a log of its own, under one experiment for each set, recorded experiment and
//! target; the fold that reports on live traffic reports on it. What redaction changed is never sent.

mod call;
mod gate;
mod lanes;
mod notes;
mod pace;
mod rebuilt;
mod run;

#[cfg(test)]
mod tests;

pub use gate::Broken;
pub use gate::Condition;
pub use gate::ConditionError;
pub use gate::Judgement;
pub use gate::judge;
pub use lanes::Target;
pub use notes::Notes;
pub use notes::Run;
pub use notes::Source;
pub use pace::Pace;
pub use run::Progress;
pub use run::run;

use std::path::PathBuf;

use http::HeaderName;
use http::HeaderValue;

use crate::config::Problems;
use crate::dataset::FolderError;
use crate::record::ReadError;
use crate::vocab::NameError;

/// What is replayed, where to, and how.
#[derive(Debug)]
pub struct Setup {
    /// The directories of the snapshots.
    pub snapshots: Vec<PathBuf>,
    /// The models that get the requests.
    pub targets: Vec<Target>,
    /// The policy that says how models are reached and answers compared; `None`: the recorded designs.
    pub policy: Option<PathBuf>,
    /// When each request leaves.
    pub pace: Pace,
    /// How many calls to one target may be under way.
    pub concurrency: usize,
    /// Only the first so many requests of each snapshot.
    pub limit: Option<u64>,
    /// Headers that every request gets, credentials among them; they are never written.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Sends also what is on record by a version that did not mark what redaction changed.
    pub send_unmarked: bool,
    /// Where the new records go.
    pub records: PathBuf,
    /// Goes on with what is there already.
    pub resume: bool,
}

/// Says why a replay cannot be run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A snapshot cannot be opened.
    #[error(transparent)]
    Snapshot(#[from] FolderError),
    /// A snapshot is not the one that was made.
    #[error("`{snapshot}` is not as it was made: {change}; hint: `crossfade export` makes another")]
    Changed {
        /// The snapshot.
        snapshot: PathBuf,
        /// The first difference.
        change: String,
    },
    /// Lines cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The policy has problems.
    #[error("{0}")]
    Policy(Problems),
    /// A target is not known.
    #[error("`--to {name}` is no model of {policy}: it has {known}; hint: `--to NAME=URL` reaches any other")]
    UnknownTarget {
        /// What was asked for.
        name: String,
        /// The policy file.
        policy: String,
        /// The models that there are.
        known: String,
    },
    /// A name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There are records where none should be.
    #[error("`{0}` holds records already; hint: `--resume` goes on with them")]
    NotEmpty(PathBuf),
    /// There are records of something else.
    #[error("`{dir}` is of another replay: {why}; hint: name another directory")]
    Another {
        /// The directory.
        dir: PathBuf,
        /// What differs.
        why: String,
    },
    /// Files cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A target cannot be reached.
    #[error("{target} cannot be reached: {why}; what was answered is on record, `--resume` sends the rest")]
    Unreachable {
        /// The target.
        target: String,
        /// What the last call said.
        why: String,
    },
}
