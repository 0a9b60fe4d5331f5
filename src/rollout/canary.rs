//! One live ramp: the stage that the answer path reads, with the clock, the history and the metrics around it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::policy::Experiment;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::policy::Ramp;
use crate::policy::Stage;
use crate::rollout::Change;
use crate::rollout::Status;
use crate::rollout::Waiting;
use crate::rollout::ramp;
use crate::rollout::ramp::Action;
use crate::rollout::ramp::Command;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::Refusal;
use crate::rollout::ramp::Target;
use crate::rollout::state::SavedCanary;
use crate::strategy::canary::Step;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::Timestamp;

/// How many changes are remembered, the oldest going first.
const HISTORY: usize = 64;

/// One live ramp.
#[derive(Debug)]
pub(super) struct Canary {
    name: ExperimentName,
    identity: String,
    steps: Vec<Step>,
    /// The arms' names for metrics; empty until a policy adopted the ramp.
    arms: Vec<ModelName>,
    ramp: Arc<Ramp>,
    /// Running time in the present stage.
    held: Duration,
    history: VecDeque<Change>,
}

impl Canary {
    /// Begins a ramp that nothing is known of.
    pub(super) fn begun(policy: &Policy, experiment: &Experiment, steps: &[Step]) -> Self {
        let mut canary = Self {
            name: experiment.name.clone(),
            identity: experiment.identity.clone(),
            steps: steps.to_vec(),
            arms: arm_names(policy, experiment),
            ramp: experiment.ramp.clone(),
            held: Duration::ZERO,
            history: VecDeque::new(),
        };
        canary.enter(1, first(steps), "the ramp begins");
        canary
    }

    /// Takes a ramp over into a policy: where it stands when nothing that matters changed, else from step 1.
    pub(super) fn adopted(self, policy: &Policy, experiment: &Experiment, steps: &[Step]) -> Self {
        let position = self.position();
        let same = self.identity == experiment.identity;
        let target = ramp::carry_over(&position, &self.steps, steps).filter(|_| same);
        let mut canary = Self {
            identity: experiment.identity.clone(),
            steps: steps.to_vec(),
            arms: arm_names(policy, experiment),
            ..self
        };
        match target {
            Some(target) => _ = canary.move_to(target, "the policy's present step changed"),
            None => {
                let what = if same { "a past step" } else { "the candidate, the salt or the unit" };
                let number = canary.ramp.load().number + 1;
                // A ramp of its own: requests that still hold the old policy belong to the old stage.
                canary.ramp = experiment.ramp.clone();
                canary.enter(number, first(steps), &format!("{what} changed: the ramp begins again"));
            }
        }
        canary
    }

    /// Does what the ramp does by itself, if anything.
    pub(super) fn step_on(&mut self) -> bool {
        let position = self.position();
        if !matches!(ramp::next(&position, &self.steps), Action::Advance | Action::Complete) {
            return false;
        }
        let Position { step, held, assigned, .. } = position;
        let seconds = held.as_secs();
        let reason = format!("step {} is done: {seconds} s and {assigned} requests", step + 1);
        self.move_to(ramp::advance(&position, &self.steps), &reason)
    }

    /// Obeys a person.
    pub(super) fn obey(&mut self, command: Command, reason: &str) -> Result<bool, Refusal> {
        let target = ramp::obey(command, &self.position(), &self.steps)?;
        Ok(self.move_to(target, reason))
    }

    /// Counts running time.
    pub(super) fn count(&mut self, elapsed: Duration) {
        if self.ramp.load().phase == Phase::Running {
            self.held = self.held.saturating_add(elapsed);
        }
    }

    pub(super) fn name(&self) -> &ExperimentName {
        &self.name
    }

    pub(super) fn ramp(&self) -> Arc<Ramp> {
        self.ramp.clone()
    }

    /// What an operator is shown.
    pub(super) fn status(&self) -> Status {
        let position = self.position();
        let waiting_for = match ramp::next(&position, &self.steps) {
            Action::Rest => None,
            Action::Hold { time, requests } => {
                let approval = self.steps[position.step].approve;
                Some(Waiting { hold_seconds: time.as_secs_f64(), requests, approval })
            }
            action => {
                let approval = action == Action::AwaitApproval;
                Some(Waiting { hold_seconds: 0.0, requests: 0, approval })
            }
        };
        Status {
            phase: position.phase,
            step: shown_step(&position),
            steps: self.steps.len(),
            stage: self.ramp.load().number,
            weight: position.weight,
            assigned: position.assigned,
            held_seconds: position.held.as_secs_f64(),
            waiting_for,
            history: self.history.iter().cloned().collect(),
        }
    }

    /// Sets the ramp's metrics to where it stands.
    pub(super) fn publish(&self, metrics: &Metrics) {
        let (name, position) = (self.name.as_str(), self.position());
        let weights = [position.weight.complement(), position.weight];
        for (arm, weight) in self.arms.iter().zip(weights) {
            metrics.weight.with_label_values(&[name, arm.as_str()]).set(weight.probability());
        }
        metrics.ramp_step.with_label_values(&[name]).set(shown_step(&position) as i64);
        for phase in Phase::ALL {
            let value = i64::from(phase == position.phase);
            metrics.ramp_phase.with_label_values(&[name, phase.as_str()]).set(value);
        }
    }

    pub(super) fn save(&self) -> SavedCanary {
        let stage = self.ramp.load();
        SavedCanary {
            experiment: self.name.clone(),
            identity: self.identity.clone(),
            steps: self.steps.clone(),
            stage: stage.number,
            step: stage.step,
            phase: stage.phase,
            weight: stage.weight,
            assigned: stage.assigned(),
            held: self.held,
            history: self.history.iter().cloned().collect(),
        }
    }

    pub(super) fn restored(saved: SavedCanary) -> Self {
        let SavedCanary { experiment, identity, steps, stage, step, phase, weight, assigned, held, history } =
            saved;
        Self {
            name: experiment,
            identity,
            steps,
            arms: Vec::new(),
            ramp: Arc::new(Ramp::new(Stage::new(stage, step, phase, weight, assigned))),
            held,
            history: history.into(),
        }
    }

    fn position(&self) -> Position {
        let stage = self.ramp.load();
        let Stage { step, phase, weight, .. } = *stage;
        Position { step, phase, weight, held: self.held, assigned: stage.assigned() }
    }

    /// Moves to a target, if it is not there already. A change of the phase alone keeps the stage and its counts.
    fn move_to(&mut self, target: Target, reason: &str) -> bool {
        let stage = self.ramp.load();
        let stays = stage.weight == target.weight && stage.step == target.step;
        if stays && stage.phase == target.phase {
            return false;
        }
        if !stays {
            self.enter(stage.number + 1, target, reason);
            return true;
        }
        // A request that loaded the stage a moment ago and counts itself a moment later is not counted. The count
        // is a bound from below, so that only makes the step longer.
        let Target { step, phase, weight } = target;
        self.ramp.store(Stage::new(stage.number, step, phase, weight, stage.assigned()));
        self.note(stage.number, target, reason);
        true
    }

    /// Begins a new stage: a stretch of one step at one weight, with a clock and a count of its own.
    fn enter(&mut self, number: u32, target: Target, reason: &str) {
        let Target { step, phase, weight } = target;
        self.ramp.store(Stage::new(number, step, phase, weight, 0));
        self.held = Duration::ZERO;
        self.note(number, target, reason);
    }

    fn note(&mut self, stage: u32, target: Target, reason: &str) {
        let Target { step, phase, weight } = target;
        tracing::info!(
            experiment = %self.name,
            stage,
            step = step + 1,
            phase = phase.as_str(),
            weight = %weight,
            reason,
            "the ramp moved"
        );
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        let time = Timestamp::from(SystemTime::now());
        self.history.push_back(Change {
            time,
            stage,
            step: step + 1,
            phase,
            weight,
            reason: reason.to_owned(),
        });
    }
}

fn first(steps: &[Step]) -> Target {
    Target { step: 0, phase: Phase::Running, weight: steps[0].weight }
}

fn arm_names(policy: &Policy, experiment: &Experiment) -> Vec<ModelName> {
    experiment.arm_ids().map(|arm| experiment.arm_name(policy, arm).clone()).collect()
}

/// The step as people count, from 1; 0 when the candidate is out.
fn shown_step(position: &Position) -> usize {
    if position.phase == Phase::RolledBack { 0 } else { position.step + 1 }
}
