//! The file that lets ramps survive a restart: `rollout.json` in the record's directory.
//!
//! It is replaced whole: written beside, flushed to the disk, renamed over. What cannot be read is kept aside for a
//! person to look at, and every ramp then begins at its first and smallest step.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::assign::Share;
use crate::policy::Phase;
use crate::record::replace;
use crate::rollout::Change;
use crate::strategy::canary::Step;
use crate::vocab::ExperimentName;

/// The format of the file; another one is not read.
const VERSION: u32 = 1;

/// Everything that is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    pub(super) canaries: Vec<SavedCanary>,
}

/// One ramp.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedCanary {
    pub(super) experiment: ExperimentName,
    pub(super) identity: String,
    #[serde(with = "steps")]
    pub(super) steps: Vec<Step>,
    pub(super) stage: u32,
    pub(super) step: usize,
    pub(super) phase: Phase,
    #[serde(with = "percent")]
    pub(super) weight: Share,
    pub(super) assigned: u64,
    pub(super) held: Duration,
    pub(super) history: Vec<Change>,
}

/// The file and how it is written.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

impl State {
    pub(super) fn new(canaries: Vec<SavedCanary>) -> Self {
        Self { version: VERSION, canaries }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("names, numbers and texts are always JSON")
    }
}

impl StateFile {
    pub(super) fn in_directory(dir: &Path) -> Self {
        Self { path: dir.join("rollout.json") }
    }

    /// Reads what was kept; nothing when there is no file, or none that can be read.
    pub(super) fn load(&self) -> Vec<SavedCanary> {
        let found = match fs::read(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "the ramps' state cannot be read; every ramp begins at step 1");
                return Vec::new();
            }
        };
        parse(&found).unwrap_or_else(|problem| {
            let aside = self.path.with_extension("json.corrupt");
            let kept = fs::rename(&self.path, &aside);
            tracing::error!(
                error = problem,
                path = %self.path.display(),
                kept_as = kept.is_ok().then(|| aside.display().to_string()),
                "the ramps' state makes no sense; every ramp begins at step 1"
            );
            Vec::new()
        })
    }

    /// Replaces the file. Blocks until the disk has it.
    pub(super) fn write(&self, content: &[u8]) -> io::Result<()> {
        replace(&self.path, content)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn parse(content: &[u8]) -> Result<Vec<SavedCanary>, String> {
    let State { version, canaries } = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("version {version}, expected {VERSION}"));
    }
    match canaries.iter().find(|canary| canary.step >= canary.steps.len()) {
        Some(canary) => Err(format!("{} stands at a step that it does not have", canary.experiment)),
        None => Ok(canaries),
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
        approve: bool,
    }

    pub(super) fn serialize<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(steps.iter().map(|step| {
            let Step { weight, hold, min_requests, approve } = *step;
            SavedStep { weight, hold, min_requests, approve }
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Step>, D::Error> {
        let saved = Vec::<SavedStep>::deserialize(deserializer)?;
        let step = |saved: SavedStep| {
            let SavedStep { weight, hold, min_requests, approve } = saved;
            Step { weight, hold, min_requests, approve }
        };
        Ok(saved.into_iter().map(step).collect())
    }
}
