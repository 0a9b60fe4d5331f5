//! Canary ramps: when the next step begins, what a person may order, and how that survives a restart.
//!
//! What a ramp does next is a pure function, [`ramp::next`]; a thin loop calls it a few times a second and stores
//! the outcome where the answer path reads it. A reload hands the new policy to [`Rollout::adopt`] before it is
//! published. It never touches traffic: a weight is all it sets.

pub mod allocation;
mod canary;
pub mod ramp;
mod state;

#[cfg(test)]
mod tests;

pub use ramp::Command;
pub use ramp::Refusal;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::assign::Share;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::strategy::Strategy;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

use canary::Canary;
use state::State;
use state::StateFile;

/// How often ramps are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often counts and clocks are written while nothing else changes.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Every ramp of the present policy. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Rollout(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    metrics: Arc<Metrics>,
    ramps: Mutex<Ramps>,
    file: StateFile,
    /// What the file holds. Its lock is held across a writing, so that writings happen in the order of states.
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Ramps {
    canaries: HashMap<ExperimentName, Canary>,
    /// The experiments that are no canaries, so that a command to one is answered with the reason.
    others: HashMap<ExperimentName, StrategyKind>,
    /// Up to when running time is counted.
    counted_to: Instant,
    /// Whether something changed that the file must soon hold.
    moved: bool,
}

#[derive(Debug, Default)]
struct Written {
    content: Vec<u8>,
    failing: bool,
}

/// Where a ramp stands, for operators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// What the ramp is doing.
    pub phase: Phase,
    /// The step, from 1; 0 when the candidate was rolled back.
    pub step: usize,
    /// How many steps the policy has.
    pub steps: usize,
    /// The stage, which records carry.
    pub stage: u32,
    /// The share of units that the candidate answers.
    #[serde(serialize_with = "state::percent::serialize")]
    pub weight: Share,
    /// Requests that the candidate was assigned in this stage.
    pub assigned: u64,
    /// Running time in this stage, in seconds.
    pub held_seconds: f64,
    /// What the step still waits for; `None` when no step is running.
    pub waiting_for: Option<Waiting>,
    /// The latest changes, oldest first.
    pub history: Vec<Change>,
}

/// What a step still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Waiting {
    /// Running time, in seconds.
    pub hold_seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Whether a person must promote.
    pub approval: bool,
}

/// One change of a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it happened.
    pub time: Timestamp,
    /// The stage that it led to.
    pub stage: u32,
    /// The step that it led to, from 1.
    pub step: usize,
    /// The phase that it led to.
    pub phase: Phase,
    /// The weight that it led to.
    #[serde(with = "state::percent")]
    pub weight: Share,
    /// Why.
    pub reason: String,
}

/// Why a command was not obeyed. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// The policy has no such experiment.
    #[error("no experiment `{0}` in the policy")]
    Unknown(String),
    /// The experiment has fixed weights.
    #[error(
        "experiment `{name}` is of strategy `{}`, whose weights the policy file holds; change them there and reload",
        strategy.as_str()
    )]
    NotCanary {
        /// The experiment.
        name: ExperimentName,
        /// Its strategy.
        strategy: StrategyKind,
    },
    /// The ramp is not where the command makes sense.
    #[error("experiment `{name}`: {refusal}")]
    Refused {
        /// The experiment.
        name: ExperimentName,
        /// The reason.
        #[source]
        refusal: Refusal,
    },
}

impl Rollout {
    /// Reads what an earlier run kept in the record's directory.
    pub fn open(record_dir: &Path, metrics: Arc<Metrics>) -> Self {
        let file = StateFile::in_directory(record_dir);
        let kept = file.load().into_iter().map(Canary::restored);
        let canaries = kept.map(|canary| (canary.name().clone(), canary)).collect();
        let ramps = Ramps { canaries, others: HashMap::new(), counted_to: Instant::now(), moved: false };
        let written = Mutex::default();
        Self(Arc::new(Shared { metrics, ramps: Mutex::new(ramps), file, written }))
    }

    /// Gives the ramps of a new policy their stages; call it before the policy is published.
    ///
    /// A canary of an experiment with the same identity and the same past steps goes on where it stands, on the
    /// very [`Ramp`](crate::policy::Ramp) that requests under the old policy count in. Any other begins at step 1.
    pub fn adopt(&self, policy: &mut Policy) {
        let mut ramps = self.counted();
        let mut before = std::mem::take(&mut ramps.canaries);
        ramps.others.clear();
        let metrics = &self.0.metrics;
        // Experiments that are gone must not be shown any longer.
        metrics.weight.reset();
        metrics.ramp_step.reset();
        metrics.ramp_phase.reset();
        for place in 0..policy.experiments.len() {
            let experiment = &policy.experiments[place];
            let name = experiment.name.clone();
            let Strategy::Canary(settings) = &experiment.strategy else {
                ramps.others.insert(name, experiment.strategy.kind());
                publish_fixed_weights(metrics, policy, place);
                continue;
            };
            let canary = match before.remove(&name) {
                Some(canary) => canary.adopted(policy, experiment, &settings.steps),
                None => Canary::begun(policy, experiment, &settings.steps),
            };
            canary.publish(metrics);
            policy.experiments[place].ramp = canary.ramp();
            ramps.canaries.insert(name, canary);
        }
        ramps.moved = true;
    }

    /// Obeys a person, and returns when the disk has it or the attempt failed and was logged.
    ///
    /// Dropped while it waits for the disk, the command holds and the loop writes it.
    pub async fn command(
        &self,
        experiment: &str,
        command: Command,
        reason: &str,
    ) -> Result<Status, RolloutError> {
        let status = {
            let mut ramps = self.counted();
            let canary = ramps.find(experiment)?;
            let name = canary.name().clone();
            let moved = canary.obey(command, reason);
            let moved = moved.map_err(|refusal| RolloutError::Refused { name, refusal })?;
            canary.publish(&self.0.metrics);
            let status = canary.status();
            ramps.moved |= moved;
            status
        };
        self.save().await;
        Ok(status)
    }

    /// Where the ramp of an experiment stands.
    pub fn status(&self, experiment: &str) -> Result<Status, RolloutError> {
        self.counted().find(experiment).map(|canary| canary.status())
    }

    /// Moves ramps until `stop`, then writes their state once more. Belongs on the side runtime, after the first
    /// policy was adopted.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        let mut saved = Instant::now();
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            if self.step_on() || saved.elapsed() >= SAVE_EVERY {
                self.save().await;
                saved = Instant::now();
            }
        }
        self.save().await;
    }

    /// Lets every ramp do what it does by itself; says whether there is something to write soon.
    fn step_on(&self) -> bool {
        let mut ramps = self.counted();
        let mut moved = ramps.moved;
        for canary in ramps.canaries.values_mut() {
            if canary.step_on() {
                canary.publish(&self.0.metrics);
                moved = true;
            }
        }
        ramps.moved = moved;
        moved
    }

    async fn save(&self) {
        let rollout = self.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || rollout.write()).await {
            tracing::error!(%error, "the ramps' state was not written");
        }
    }

    /// Writes the present state if the file does not hold it. Blocks, and goes on when its caller is gone.
    fn write(&self) {
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let content = self.snapshot();
        if content == written.content {
            return;
        }
        match self.0.file.write(&content) {
            Ok(()) => *written = Written { content, failing: false },
            Err(error) => {
                if !written.failing {
                    let path = self.0.file.path().display();
                    tracing::error!(%error, %path, "the ramps' state cannot be written; a restart would lose it");
                }
                written.failing = true;
            }
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut ramps = self.counted();
        ramps.moved = false;
        let mut canaries: Vec<_> = ramps.canaries.values().map(Canary::save).collect();
        canaries.sort_by(|a, b| a.experiment.cmp(&b.experiment));
        State::new(canaries).to_json()
    }

    /// The ramps, with running time counted up to now.
    fn counted(&self) -> MutexGuard<'_, Ramps> {
        // Every change is a few assignments that cannot panic half-way.
        let mut ramps = self.0.ramps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let elapsed = now - ramps.counted_to;
        ramps.counted_to = now;
        ramps.canaries.values_mut().for_each(|canary| canary.count(elapsed));
        ramps
    }
}

impl Ramps {
    fn find(&mut self, name: &str) -> Result<&mut Canary, RolloutError> {
        let unknown = || RolloutError::Unknown(name.to_owned());
        let name = ExperimentName::new(name).map_err(|_| unknown())?;
        match self.others.get(&name) {
            Some(&strategy) => Err(RolloutError::NotCanary { name, strategy }),
            None => self.canaries.get_mut(&name).ok_or_else(unknown),
        }
    }
}

fn publish_fixed_weights(metrics: &Metrics, policy: &Policy, place: usize) {
    let experiment = &policy.experiments[place];
    for (arm, weight) in experiment.arm_ids().zip(experiment.weights()) {
        let labels = [experiment.name.as_str(), experiment.arm_name(policy, arm).as_str()];
        metrics.weight.with_label_values(&labels).set(weight.probability());
    }
}
