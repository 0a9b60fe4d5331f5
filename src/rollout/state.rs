//! Where experiments stand, as JSON: the file that lets them survive a restart, `rollout.json` in the record's directory,
//! and what a fleet's controller tells its gateways.
//!
//! The file is replaced whole: written beside, flushed to the disk, renamed over. What cannot be read is kept aside for a
//! person to look at, and every experiment then begins anew, a canary at its first and smallest step.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

use crate::assign::Share;
use crate::policy::Phase;
use crate::record::replace;
use crate::rollout::Change;
use crate::rollout::ramp::Cause;
use crate::strategy::canary::Step;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// The format of the file. The one before lacks what has a default here.
const VERSION: u32 = 2;
const OLDEST: u32 = 1;

/// Everything that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// Counts up with everything that a fleet's controller tells.
    #[serde(default)]
    pub revision: u64,
    #[serde(alias = "canaries")]
    pub(super) experiments: Vec<Saved>,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) experiment: ExperimentName,
    pub(super) identity: String,
    #[serde(default = "canary")]
    pub(super) strategy: StrategyKind,
    #[serde(with = "steps")]
    pub(super) steps: Vec<Step>,
    pub(super) stage: u32,
    #[serde(default = "first_attempt")]
    pub(super) attempt: u32,
    pub(super) step: usize,
    pub(super) phase: Phase,
    #[serde(with = "percent")]
    pub(super) weight: Share,
    pub(super) assigned: u64,
    #[serde(default = "now")]
    pub(super) begun: Timestamp,
    pub(super) held: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_by: Option<Cause>,
    /// Candidates that were taken out of an A/B test, by their places among the arms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) out: Vec<usize>,
    pub(super) history: Vec<Change>,
}

fn canary() -> StrategyKind {
    StrategyKind::Canary
}

fn first_attempt() -> u32 {
    1
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// The file and how it is written.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl State {
    pub(super) fn new(revision: u64, experiments: Vec<Saved>) -> Self {
        Self { version: VERSION, revision, experiments }
    }

    /// The state as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names, numbers and texts are always JSON")
    }

    /// Reads what [`State::to_json`] writes.
    ///
    /// # Errors
    /// When it is of another version, or makes no sense.
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let state: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !(OLDEST..=VERSION).contains(&state.version) {
            return Err(format!("version {}, expected {VERSION}", state.version));
        }
        let lost = |saved: &&Saved| saved.step >= saved.steps.len().max(1);
        match state.experiments.iter().find(lost) {
            Some(saved) => Err(format!("{} stands at a step that it does not have", saved.experiment)),
            None => Ok(state),
        }
    }

    /// The same under the next revision.
    pub fn next(mut self) -> Self {
        self.revision += 1;
        self
    }

    /// The same without all but the last change of each experiment, for whoever follows.
    pub fn in_short(&self) -> Self {
        let mut short = self.clone();
        for saved in &mut short.experiments {
            saved.history.drain(..saved.history.len().saturating_sub(1));
        }
        short
    }

    /// Whether it says the same, but for clocks and counts, which change all the time.
    pub fn is_like(&self, other: &State) -> bool {
        let steady = |state: &State| {
            let experiments = state.experiments.iter().cloned();
            let steady = experiments.map(|saved| Saved { assigned: 0, held: Duration::ZERO, ..saved });
            steady.collect::<Vec<_>>()
        };
        steady(self) == steady(other)
    }
}

impl StateFile {
    pub(super) fn in_directory(dir: &Path) -> Self {
        Self { path: dir.join("rollout.json") }
    }

    /// Reads what was kept; nothing when there is no file, or none that can be read.
    pub(super) fn load(&self) -> Option<State> {
        let found = match fs::read(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "the experiments' state cannot be read; every experiment begins anew");
                return None;
            }
        };
        State::from_json(&found)
            .map_err(|problem| {
                let aside = self.path.with_extension("json.corrupt");
                let kept = fs::rename(&self.path, &aside);
                tracing::error!(
                    error = problem,
                    path = %self.path.display(),
                    kept_as = kept.is_ok().then(|| aside.display().to_string()),
                    "the experiments' state makes no sense; every experiment begins anew"
                );
            })
            .ok()
    }

    /// Replaces the file. Blocks until the disk has it.
    pub(super) fn write(&self, content: &[u8]) -> io::Result<()> {
        replace(&self.path, content)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Shares as the percentages that operators write.
pub(super) mod percent {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serializer;
    use serde::de::Error;

    use crate::assign::Share;

    pub(in crate::rollout) fn serialize<S: Serializer>(
        share: &Share,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(share)
    }

    pub(in crate::rollout) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Share, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The policy's steps, which know nothing of files.
mod steps {
    use std::time::Duration;

    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serialize;
    use serde::Serializer;

    use crate::assign::Share;
    use crate::strategy::canary::Step;

    #[derive(Serialize, Deserialize)]
    struct SavedStep {
        #[serde(with = "crate::rollout::state::percent")]
        weight: Share,
        hold: Duration,
        min_requests: u64,
        #[serde(default)]
        until_verdict: bool,
        approve: bool,
        #[serde(default)]
        timeout: Option<Duration>,
    }

    pub(super) fn serialize<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(steps.iter().map(|step| {
            let Step { weight, hold, min_requests, until_verdict, approve, timeout } = *step;
            SavedStep { weight, hold, min_requests, until_verdict, approve, timeout }
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
        let saved = Vec::<SavedStep>::deserialize(deserializer)?;
        let step = |saved: SavedStep| {
            let SavedStep { weight, hold, min_requests, until_verdict, approve, timeout } = saved;
            Step { weight, hold, min_requests, until_verdict, approve, timeout }
        };
        Ok(saved.into_iter().map(step).collect())
    }
}
