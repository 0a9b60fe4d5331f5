//! One live experiment's course: the stage that the answer path reads, with the clocks and the history around it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use crate::analysis::Analysis;
use crate::analysis::Copies;
use crate::analysis::Opinion;
use crate::assign::Share;
use crate::policy::Experiment;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::policy::Ramp;
use crate::policy::Shares;
use crate::policy::Stage;
use crate::record::recorded_identity;
use crate::rollout::Change;
use crate::rollout::Event;
use crate::rollout::Status;
use crate::rollout::Waiting;
use crate::rollout::announce::Announcer;
use crate::rollout::ramp;
use crate::rollout::ramp::Action;
use crate::rollout::ramp::Cause;
use crate::rollout::ramp::Command;
use crate::rollout::ramp::Judged;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::Refusal;
use crate::rollout::ramp::Rules;
use crate::rollout::ramp::Target;
use crate::rollout::state::Saved;
use crate::strategy::Strategy;
use crate::strategy::ab;
use crate::strategy::shadow::Total;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// How many changes are remembered, the oldest going first.
const HISTORY: usize = 256;

/// One live experiment.
#[derive(Debug)]
pub(super) struct Course {
    name: ExperimentName,
    identity: String,
    rules: Rules,
    /// The arms' names for metrics; empty until a policy adopted the course.
    arms: Vec<ModelName>,
    /// The shares of an A/B test with all its arms; empty under the other strategies, and where they follow what is
    /// learnt.
    split: Vec<Share>,
    ramp: Arc<Ramp>,
    shares: Arc<Shares>,
    begun: Timestamp,
    held: Duration,
    held_by: Option<Cause>,
    clear: Duration,
    out: Vec<usize>,
    /// What the evidence said when it was last asked.
    judged: Judged,
    history: VecDeque<Change>,
    announcer: Arc<Announcer>,
}

impl Course {
    /// Begins a course that nothing is known of. In a fleet it begins when the controller says so.
    pub(super) fn begun(
        policy: &Policy,
        experiment: &Experiment,
        follows: bool,
        announcer: Arc<Announcer>,
    ) -> Self {
        let now = now();
        let mut course = Self {
            name: experiment.name.clone(),
            identity: experiment.identity.clone(),
            rules: rules(experiment),
            arms: arm_names(policy, experiment),
            split: split(experiment),
            ramp: experiment.ramp.clone(),
            shares: experiment.shares.clone(),
            begun: now,
            held: Duration::ZERO,
            held_by: None,
            clear: Duration::ZERO,
            out: Vec::new(),
            judged: Judged::default(),
            history: VecDeque::new(),
            announcer,
        };
        let first = course.first(follows);
        course.begin((1, 1), first, Cause::Policy, "it begins");
        course
    }

    /// Takes a course over into a policy: where it stands when nothing that matters changed, else from the beginning.
    pub(super) fn adopted(self, policy: &Policy, experiment: &Experiment, follows: bool) -> Self {
        let position = self.position();
        let known = self.identity == experiment.identity;
        let same = known && self.rules.strategy == experiment.strategy.kind();
        let rules = rules(experiment);
        let target = ramp::carry_over(&position, &self.rules.steps, &rules.steps).filter(|_| same);
        let mut course = Self {
            identity: experiment.identity.clone(),
            rules,
            arms: arm_names(policy, experiment),
            split: split(experiment),
            shares: experiment.shares.clone(),
            ..self
        };
        match target {
            Some(target) => {
                course.apply_out();
                course.move_to(target, Cause::Policy, "the policy's present step changed");
            }
            None => {
                let what = match (known, same) {
                    (_, true) => "a past step",
                    (true, false) => "the strategy",
                    (false, false) => "the candidate, the salt or the unit",
                };
                let stage = course.ramp.load();
                let numbers = (stage.number + 1, if known { stage.attempt + 1 } else { 1 });
                // A ramp of its own: requests that still hold the old policy belong to the old stage.
                course.ramp = experiment.ramp.clone();
                course.out.clear();
                let first = course.first(follows);
                course.begin(numbers, first, Cause::Policy, &format!("{what} changed: it begins again"));
            }
        }
        course
    }

    /// Does what the experiment does by itself, if anything.
    pub(super) fn step_on(&mut self) -> bool {
        let position = self.position();
        match ramp::next(&position, &self.rules, &self.judged, now()) {
            Action::Rest | Action::Wait(_) => false,
            Action::Move { to, cause, reason } => self.move_to(to, cause, &reason),
            Action::TakeOut { arm, reason } => {
                self.out.push(arm);
                self.apply_out();
                let name = self.arms.get(arm).map_or("an arm", ModelName::as_str);
                let reason = format!("{name} was taken out: {reason}");
                let stage = self.ramp.load();
                self.note(stage.number, position_target(&position), Cause::Guardrail, &reason);
                true
            }
        }
    }

    /// Obeys a person.
    pub(super) fn obey(&mut self, command: Command, reason: &str) -> Result<bool, Refusal> {
        let target = ramp::obey(command, &self.position(), &self.rules, now())?;
        // Whoever resumes what took too long gives it its time once more.
        if command == Command::Resume && self.held_by == Some(Cause::Timeout) {
            self.held = Duration::ZERO;
        }
        Ok(self.move_to(target, Cause::Person, reason))
    }

    /// Goes where the fleet's controller says; what it says of another experiment by this name is left alone.
    pub(super) fn follow(&mut self, saved: &Saved) -> bool {
        let stage = self.ramp.load();
        let Saved { stage: number, attempt, step, phase, weight, .. } = *saved;
        let same = (stage.number, stage.attempt, stage.step, stage.phase, stage.weight, &self.out)
            == (number, attempt, step, phase, weight, &saved.out);
        if saved.identity != self.identity || same {
            return false;
        }
        self.begun = saved.begun;
        self.held = saved.held;
        self.held_by = saved.held_by;
        self.out.clone_from(&saved.out);
        self.apply_out();
        let target = Target { step, phase, weight, again: false };
        let assigned = if stage.number == number { stage.assigned() } else { 0 };
        self.store((number, attempt), target, assigned);
        let reason = saved.history.last().map_or("", |change| change.reason.as_str());
        self.note(number, target, Cause::Controller, reason);
        true
    }

    /// Takes in what the evidence says of it. `since` is the time since it was last asked in full; where it is not to be
    /// asked in full, breaches alone are looked for, which takes no time.
    pub(super) fn judge(&mut self, analysis: &Analysis, counted: bool, since: Option<Duration>) {
        let stage = self.ramp.load();
        let (name, identity) = (self.name.as_str(), recorded_identity(&self.identity, stage.attempt));
        if counted {
            stage.set_assigned(analysis.assigned_in(name, &identity, stage.number));
        }
        // What no verdict moves need not be asked for one: that takes a while, and the log waits meanwhile.
        let moved = matches!(self.rules.strategy, StrategyKind::Canary | StrategyKind::Ab)
            && matches!(stage.phase, Phase::Running | Phase::Held);
        let Some(since) = since.filter(|_| moved) else {
            let breaches = analysis.breaches(name, &identity);
            self.judged.candidates.resize(breaches.len(), Opinion::default());
            for (opinion, breach) in self.judged.candidates.iter_mut().zip(breaches) {
                opinion.breach = breach;
            }
            if self.rules.total != Total::default() {
                Copies { calls: self.judged.copies, money: self.judged.money } =
                    analysis.copies(name, &identity);
            }
            return;
        };
        self.judged.candidates = analysis.opinions(name, &identity);
        let forbidden = self.judged.candidates.iter().any(|opinion| opinion.hold.is_some());
        self.clear = if forbidden { Duration::ZERO } else { self.clear.saturating_add(since) };
    }

    /// Keeps it from going on by itself while something is unknown; a roll back still happens.
    pub(super) fn doubt(&mut self, doubt: Option<&String>) {
        self.judged.doubt = doubt.cloned();
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

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What an operator is shown.
    pub(super) fn status(&self) -> Status {
        let position = self.position();
        let waiting_for = match ramp::next(&position, &self.rules, &self.judged, now()) {
            Action::Wait(missing) if !self.rules.steps.is_empty() => Some(Waiting::of(&missing)),
            _ => None,
        };
        let stage = self.ramp.load();
        Status {
            phase: position.phase,
            held_by: position.held_by,
            step: shown_step(&position, &self.rules),
            steps: self.rules.steps.len(),
            stage: stage.number,
            attempt: stage.attempt,
            weight: position.weight,
            assigned: position.assigned,
            held_seconds: position.held.as_secs_f64(),
            elapsed_seconds: position.elapsed.as_secs_f64(),
            taken_out: self.out.iter().filter_map(|arm| self.arms.get(*arm).cloned()).collect(),
            waiting_for,
            history: self.history.iter().cloned().collect(),
        }
    }

    /// Sets the metrics of where it stands.
    pub(super) fn publish(&self, metrics: &Metrics) {
        let (name, position) = (self.name.as_str(), self.position());
        for (arm, weight) in self.arms.iter().zip(self.weights(&position)) {
            metrics.weight.with_label_values(&[name, arm.as_str()]).set(weight.probability());
        }
        if !self.rules.steps.is_empty() {
            metrics.ramp_step.with_label_values(&[name]).set(shown_step(&position, &self.rules) as i64);
        }
        for phase in Phase::ALL {
            let value = i64::from(phase == position.phase);
            metrics.ramp_phase.with_label_values(&[name, phase.as_str()]).set(value);
        }
    }

    pub(super) fn save(&self) -> Saved {
        let stage = self.ramp.load();
        Saved {
            experiment: self.name.clone(),
            identity: self.identity.clone(),
            strategy: self.rules.strategy,
            steps: self.rules.steps.clone(),
            stage: stage.number,
            attempt: stage.attempt,
            step: stage.step,
            phase: stage.phase,
            weight: stage.weight,
            assigned: stage.assigned(),
            begun: self.begun,
            held: self.held,
            held_by: self.held_by,
            out: self.out.clone(),
            history: self.history.iter().cloned().collect(),
        }
    }

    pub(super) fn restored(saved: Saved, announcer: Arc<Announcer>) -> Self {
        let target = Target { step: saved.step, phase: saved.phase, weight: saved.weight, again: false };
        let stage = stage((saved.stage, saved.attempt), target, saved.assigned);
        Self {
            name: saved.experiment,
            identity: saved.identity,
            rules: Rules {
                strategy: saved.strategy,
                steps: saved.steps,
                schedule: Default::default(),
                stop_after: None,
                ends_on_verdict: false,
                total: Total::default(),
            },
            arms: Vec::new(),
            split: Vec::new(),
            ramp: Arc::new(Ramp::new(stage)),
            shares: Arc::new(Shares::new(Vec::new())),
            begun: saved.begun,
            held: saved.held,
            held_by: saved.held_by,
            clear: Duration::ZERO,
            out: saved.out,
            judged: Judged::default(),
            history: saved.history.into(),
            announcer,
        }
    }

    /// The share of units or requests that each arm answers.
    fn weights(&self, position: &Position) -> Vec<Share> {
        if !self.rules.steps.is_empty() {
            return vec![position.weight.complement(), position.weight];
        }
        let split = Some(self.shares.load()).filter(|_| position.phase.is_open());
        match split {
            Some(split) if split.weights.len() == self.arms.len() => split.weights.clone(),
            _ => {
                let legacy_alone = |place| if place == 0 { Share::ALL } else { Share::NONE };
                (0..self.arms.len()).map(legacy_alone).collect()
            }
        }
    }

    fn first(&self, follows: bool) -> Target {
        match follows {
            true => Target { step: 0, phase: Phase::Scheduled, weight: Share::NONE, again: false },
            false => self.rules.first(now()),
        }
    }

    fn position(&self) -> Position {
        let stage = self.ramp.load();
        let Stage { step, phase, weight, .. } = *stage;
        Position {
            step,
            phase,
            weight,
            held: self.held,
            assigned: stage.assigned(),
            elapsed: now().since(self.begun),
            held_by: self.held_by,
            clear: self.clear,
            out: self.out.clone(),
        }
    }

    /// Moves to a target, if it is not there already. A change of the phase alone keeps the stage and its counts.
    fn move_to(&mut self, target: Target, cause: Cause, reason: &str) -> bool {
        let stage = self.ramp.load();
        if target.again {
            self.out.clear();
            self.apply_out();
            self.begin((stage.number + 1, stage.attempt + 1), target, cause, reason);
            return true;
        }
        let stays = stage.weight == target.weight && stage.step == target.step;
        if stays && stage.phase == target.phase {
            return false;
        }
        self.held_by = (target.phase == Phase::Held).then_some(cause);
        if stage.phase == Phase::Scheduled {
            self.begun = now();
        }
        if !stays {
            self.enter((stage.number + 1, stage.attempt), target, cause, reason);
            return true;
        }
        // A request that loaded the stage a moment ago and counts itself a moment later is not counted. The count
        // is a bound from below, so that only makes the step longer.
        self.store((stage.number, stage.attempt), target, stage.assigned());
        self.note(stage.number, target, cause, reason);
        true
    }

    /// Begins an attempt, of which nothing is known.
    fn begin(&mut self, numbers: (u32, u32), target: Target, cause: Cause, reason: &str) {
        self.begun = now();
        self.clear = Duration::ZERO;
        self.judged = Judged::default();
        self.enter(numbers, target, cause, reason);
    }

    /// Begins a new stage: a stretch of one step at one weight, with a clock and a count of its own.
    fn enter(&mut self, numbers: (u32, u32), target: Target, cause: Cause, reason: &str) {
        self.store(numbers, target, 0);
        self.held = Duration::ZERO;
        self.held_by = None;
        self.note(numbers.0, target, cause, reason);
    }

    fn store(&self, numbers: (u32, u32), target: Target, assigned: u64) {
        self.ramp.store(stage(numbers, target, assigned));
    }

    /// Gives the shares of candidates that were taken out to legacy.
    fn apply_out(&self) {
        if self.split.is_empty() {
            return;
        }
        let mut shares: Vec<u32> = self.split.iter().map(|share| share.billionths()).collect();
        for arm in &self.out {
            let freed = shares.get_mut(*arm).map(std::mem::take).unwrap_or_default();
            shares[0] += freed;
        }
        self.shares.set(shares.into_iter().filter_map(Share::from_billionths).collect());
    }

    fn note(&mut self, stage: u32, target: Target, cause: Cause, reason: &str) {
        let Target { step, phase, weight, .. } = target;
        let change = Change {
            time: now(),
            stage,
            step: if self.rules.steps.is_empty() { 0 } else { step + 1 },
            phase,
            weight,
            cause,
            reason: reason.to_owned(),
        };
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(change.clone());
        self.announcer.announce(Event {
            experiment: self.name.clone(),
            strategy: self.rules.strategy,
            steps: self.rules.steps.len(),
            attempt: self.ramp.load().attempt,
            change,
        });
    }
}

impl Waiting {
    fn of(missing: &ramp::Missing) -> Self {
        Self {
            hold_seconds: missing.time.as_secs_f64(),
            requests: missing.requests,
            verdict: missing.verdict,
            approval: missing.approval,
            quiet: missing.quiet,
            doubt: missing.doubt,
        }
    }
}

fn stage((number, attempt): (u32, u32), target: Target, assigned: u64) -> Stage {
    let mut stage = Stage::first(target.phase, target.weight);
    (stage.number, stage.attempt, stage.step) = (number, attempt, target.step);
    stage.set_assigned(assigned);
    stage
}

fn rules(experiment: &Experiment) -> Rules {
    let (steps, total, ends_on_verdict) = match &experiment.strategy {
        Strategy::Canary(settings) => (settings.steps.clone(), Total::default(), false),
        Strategy::Shadow(settings) => (Vec::new(), settings.budget.in_all.clone(), false),
        Strategy::Ab(settings) => (Vec::new(), Total::default(), settings.ends_on_verdict),
        Strategy::Interleave(_) => (Vec::new(), Total::default(), false),
    };
    Rules {
        strategy: experiment.strategy.kind(),
        steps,
        schedule: experiment.schedule.clone(),
        stop_after: experiment.decision.stop_after_seconds.map(Duration::from_secs_f64),
        ends_on_verdict,
        total,
    }
}

fn split(experiment: &Experiment) -> Vec<Share> {
    match &experiment.strategy {
        Strategy::Ab(ab::Settings { allocation: None, weights, .. }) => weights.clone(),
        _ => Vec::new(),
    }
}

fn arm_names(policy: &Policy, experiment: &Experiment) -> Vec<ModelName> {
    experiment.arm_ids().map(|arm| experiment.arm_name(policy, arm).clone()).collect()
}

fn position_target(position: &Position) -> Target {
    let Position { step, phase, weight, .. } = *position;
    Target { step, phase, weight, again: false }
}

/// The step as people count, from 1; 0 when the candidate is out.
fn shown_step(position: &Position, rules: &Rules) -> usize {
    if rules.steps.is_empty() || !position.phase.is_open() { 0 } else { position.step + 1 }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
