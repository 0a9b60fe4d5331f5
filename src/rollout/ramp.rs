//! What an experiment does next: by itself, and when a person says so. Pure.
//!
//! A canary's step is done when it was held long enough, the candidate was assigned enough requests, the evidence says
//! what the policy asks of it and, where the policy wants that, a person promoted. `hold` counts running time only:
//! neither a pause nor a restart of the gateway shortens what users and operators get to see of a step. A roll back
//! waits for nothing: not for quiet hours, not for a person who paused.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::analysis::Opinion;
use crate::assign::Share;
use crate::cost::Money;
use crate::policy::Phase;
use crate::policy::Schedule;
use crate::strategy::canary::Step;
use crate::strategy::shadow::Total;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// For so long the evidence must give no reason to hold before a canary that was held goes on: a figure that hovers at
/// its limit would else stop and start it with every request.
pub const CLEAR_FOR: Duration = Duration::from_secs(60);

/// What the policy says of how an experiment goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// What is done with its requests.
    pub strategy: StrategyKind,
    /// The canary's steps; empty under the other strategies.
    pub steps: Vec<Step>,
    /// When it runs.
    pub schedule: Schedule,
    /// How long it lasts at most; `None`: for ever.
    pub stop_after: Option<Duration>,
    /// Whether an A/B test ends once a candidate may be promoted.
    pub ends_on_verdict: bool,
    /// What the copies of a shadow experiment may come to.
    pub total: Total,
}

/// Where an experiment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The step, from 0.
    pub step: usize,
    /// What the experiment is doing.
    pub phase: Phase,
    /// The share of units that the canary's candidate answers.
    pub weight: Share,
    /// Running time in the present stage.
    pub held: Duration,
    /// Requests that the candidate was assigned in the present stage.
    pub assigned: u64,
    /// Time since it began, pauses included.
    pub elapsed: Duration,
    /// Why it is held, while it is.
    pub held_by: Option<Cause>,
    /// For how long the evidence has given no reason to hold.
    pub clear: Duration,
    /// The candidates that were taken out of an A/B test, by their places among the arms.
    pub out: Vec<usize>,
}

/// What the evidence says of an experiment. Without any it says nothing at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Of each candidate.
    pub candidates: Vec<Opinion>,
    /// Copies that were answered or failed.
    pub copies: u64,
    /// What they cost, in US dollars.
    pub money: Money,
    /// Why not all evidence is known; `None`: it is.
    pub doubt: Option<String>,
}

/// Who or what moves an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A step is done by time and requests.
    Step,
    /// The evidence allows it, or forbids it.
    Verdict,
    /// A guardrail tipped.
    Guardrail,
    /// A person.
    Person,
    /// A change of the policy.
    Policy,
    /// The schedule.
    Schedule,
    /// What copies may come to.
    Budget,
    /// It took too long.
    Timeout,
    /// The fleet's controller.
    Controller,
}

/// What an experiment does next by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Nothing: somebody else must act, or its time must come.
    Rest,
    /// It waits for the rest of the step.
    Wait(Missing),
    /// It moves.
    Move {
        /// Where to.
        to: Target,
        /// What moves it.
        cause: Cause,
        /// Why, for people.
        reason: String,
    },
    /// One of several candidates is taken out of an A/B test.
    TakeOut {
        /// Its place among the arms.
        arm: usize,
        /// Why, for people.
        reason: String,
    },
}

/// What a step still waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missing {
    /// Running time.
    pub time: Duration,
    /// Requests.
    pub requests: u64,
    /// The evidence.
    pub verdict: bool,
    /// A person.
    pub approval: bool,
    /// The end of quiet hours.
    pub quiet: bool,
    /// The gateways that were not heard of.
    pub doubt: bool,
}

/// What a person asks of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Begin the canary's next step now; after the last, be promoted.
    Promote,
    /// Take the candidates out, until `Resume`.
    Rollback,
    /// Stop the canary's clock and keep the weight.
    Pause,
    /// Go on with the present step at its own weight; after a roll back or the end, begin again with empty evidence.
    Resume,
    /// Set a canary's weight and pause there.
    Weight(Share),
}

/// Where an experiment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The step, from 0.
    pub step: usize,
    /// What the experiment does there.
    pub phase: Phase,
    /// The share of units that the canary's candidate answers there.
    pub weight: Share,
    /// Whether it begins again, with empty evidence.
    pub again: bool,
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// After a rollback only `resume` begins again.
    #[error("the candidate was rolled back; only `resume` begins again, at step 1")]
    RolledBack,
    /// There is nothing left to stop or to go on with.
    #[error("the candidate was promoted, no step is running; `rollback` and `weight` still work")]
    Promoted,
    /// It is over.
    #[error("the experiment has ended; only `resume` begins again, with empty evidence")]
    Ended,
    /// Its time has not come.
    #[error("the experiment has not begun; its `schedule.start` says when it does")]
    Scheduled,
    /// It goes on already.
    #[error("the experiment is running already")]
    Running,
}

impl Cause {
    /// The word that metrics, logs and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Step => "step",
            Cause::Verdict => "verdict",
            Cause::Guardrail => "guardrail",
            Cause::Person => "person",
            Cause::Policy => "policy",
            Cause::Schedule => "schedule",
            Cause::Budget => "budget",
            Cause::Timeout => "timeout",
            Cause::Controller => "controller",
        }
    }
}

impl Rules {
    /// Where the experiment begins.
    pub fn first(&self, now: Timestamp) -> Target {
        match self.schedule.has_begun(now) {
            true => Target { step: 0, phase: Phase::Running, weight: self.weight_of(0), again: false },
            false => Target { step: 0, phase: Phase::Scheduled, weight: Share::NONE, again: false },
        }
    }

    /// The weight of a step; 0 under other strategies than canary.
    fn weight_of(&self, step: usize) -> Share {
        self.steps.get(step).map_or(Share::NONE, |step| step.weight)
    }

    /// The step after a position, or the end of the ramp.
    fn after(&self, position: &Position) -> Target {
        let step = position.step + 1;
        match self.steps.get(step) {
            Some(next) => Target { step, phase: Phase::Running, weight: next.weight, again: false },
            None => Target {
                step: position.step,
                phase: Phase::Promoted,
                weight: self.weight_of(position.step),
                again: false,
            },
        }
    }
}

impl Position {
    fn with(&self, phase: Phase) -> Target {
        Target { step: self.step, phase, weight: self.weight, again: false }
    }

    fn closed(&self, phase: Phase) -> Target {
        Target { step: self.step, phase, weight: Share::NONE, again: false }
    }
}

/// Says what an experiment does next by itself.
pub fn next(position: &Position, rules: &Rules, judged: &Judged, now: Timestamp) -> Action {
    let goes = |to, cause, reason: &str| Action::Move { to, cause, reason: reason.to_owned() };
    match position.phase {
        Phase::RolledBack | Phase::Ended => return Action::Rest,
        Phase::Scheduled if rules.schedule.is_over(now) => {
            return goes(position.closed(Phase::Ended), Cause::Schedule, "its time is over");
        }
        Phase::Scheduled if rules.schedule.has_begun(now) => {
            return goes(rules.first(now), Cause::Schedule, "its time has come");
        }
        Phase::Scheduled => return Action::Rest,
        Phase::Running | Phase::Held | Phase::Paused | Phase::Promoted => {}
    }
    if let Some(action) = roll_back(position, rules, judged) {
        return action;
    }
    if position.phase != Phase::Promoted && rules.schedule.is_over(now) {
        return goes(position.closed(Phase::Ended), Cause::Schedule, "its time is over");
    }
    if matches!(position.phase, Phase::Paused | Phase::Promoted) {
        return Action::Rest;
    }
    if judged.doubt.is_some() {
        return Action::Wait(Missing { doubt: true, ..Missing::default() });
    }
    match rules.strategy {
        StrategyKind::Canary => climb(position, rules, judged, now),
        StrategyKind::Ab | StrategyKind::Shadow | StrategyKind::Interleave => end(position, rules, judged),
    }
}

/// Takes candidates out that a guardrail tells of. Of a shadow experiment no user sees an answer, so it goes on.
fn roll_back(position: &Position, rules: &Rules, judged: &Judged) -> Option<Action> {
    if rules.strategy == StrategyKind::Shadow {
        return None;
    }
    let breached = |(place, opinion): (usize, &Opinion)| {
        let arm = place + 1;
        let reason = opinion.breach.clone()?;
        (!position.out.contains(&arm)).then_some((arm, reason))
    };
    let (arm, reason) = judged.candidates.iter().enumerate().find_map(breached)?;
    let left = judged.candidates.len().saturating_sub(position.out.len());
    Some(match rules.strategy {
        StrategyKind::Ab if left > 1 => Action::TakeOut { arm, reason },
        _ => Action::Move { to: position.closed(Phase::RolledBack), cause: Cause::Guardrail, reason },
    })
}

/// What a canary does next.
fn climb(position: &Position, rules: &Rules, judged: &Judged, now: Timestamp) -> Action {
    let Some(step) = rules.steps.get(position.step) else { return Action::Rest };
    let opinion = judged.candidates.first();
    let forbidden = opinion.and_then(|opinion| opinion.hold.as_ref());
    if position.phase == Phase::Held {
        let goes_on =
            position.held_by == Some(Cause::Verdict) && forbidden.is_none() && position.clear >= CLEAR_FOR;
        return match goes_on {
            true => Action::Move {
                to: position.with(Phase::Running),
                cause: Cause::Verdict,
                reason: format!("nothing has spoken against it for {} s", CLEAR_FOR.as_secs()),
            },
            false => Action::Rest,
        };
    }
    if let Some(reason) = forbidden {
        let to = position.with(Phase::Held);
        return Action::Move { to, cause: Cause::Verdict, reason: reason.clone() };
    }
    let last = position.step + 1 == rules.steps.len();
    let proven = opinion.is_some_and(|opinion| if last { opinion.promote } else { opinion.inside });
    let missing = Missing {
        time: step.hold.saturating_sub(position.held),
        requests: step.min_requests.saturating_sub(position.assigned),
        verdict: step.until_verdict && !proven,
        approval: step.approve,
        quiet: rules.schedule.is_quiet(now),
        doubt: false,
    };
    let done = missing.time.is_zero() && missing.requests == 0 && !missing.verdict;
    if done && !missing.approval && !missing.quiet {
        let (number, seconds, requests) = (position.step + 1, position.held.as_secs(), position.assigned);
        let said = opinion.filter(|_| step.until_verdict).map(|opinion| opinion.sentence.as_str());
        let said = said.map(|sentence| format!("; {sentence}")).unwrap_or_default();
        let cause = if step.until_verdict { Cause::Verdict } else { Cause::Step };
        let reason = format!("step {number} is done: {seconds} s and {requests} requests{said}");
        return Action::Move { to: rules.after(position), cause, reason };
    }
    let limits = [(step.timeout, position.held), (rules.stop_after, position.elapsed)];
    let over = limits.into_iter().find_map(|(limit, spent)| limit.filter(|limit| spent >= *limit));
    match over.filter(|_| !done) {
        Some(limit) => Action::Move {
            to: position.with(Phase::Held),
            cause: Cause::Timeout,
            reason: format!("step {} was not done within {} s", position.step + 1, limit.as_secs()),
        },
        None => Action::Wait(missing),
    }
}

/// When an experiment without steps is over.
fn end(position: &Position, rules: &Rules, judged: &Judged) -> Action {
    let ended = |cause, reason| Action::Move { to: position.closed(Phase::Ended), cause, reason };
    let winner = judged.candidates.iter().find(|opinion| opinion.promote);
    if let Some(winner) = winner.filter(|_| rules.strategy == StrategyKind::Ab && rules.ends_on_verdict) {
        return ended(Cause::Verdict, winner.sentence.clone());
    }
    if let Some(most) = rules.total.copies.filter(|most| judged.copies >= *most) {
        return ended(Cause::Budget, format!("{most} copies were made, as many as the policy allows"));
    }
    if let Some(most) = rules.total.money.filter(|most| judged.money >= *most) {
        return ended(Cause::Budget, format!("copies cost {most} USD, as much as the policy allows"));
    }
    match rules.stop_after.filter(|limit| position.elapsed >= *limit) {
        Some(limit) => ended(Cause::Timeout, format!("it ran for {} s, as the policy says", limit.as_secs())),
        None => Action::Wait(Missing::default()),
    }
}

/// Says where a command leads. A command that is already obeyed leads to where the experiment stands.
pub fn obey(command: Command, position: &Position, rules: &Rules, now: Timestamp) -> Result<Target, Refusal> {
    match (command, position.phase) {
        (Command::Rollback, _) => Ok(position.closed(Phase::RolledBack)),
        (Command::Resume, Phase::RolledBack | Phase::Ended) => Ok(Target { again: true, ..rules.first(now) }),
        (_, Phase::RolledBack) => Err(Refusal::RolledBack),
        (_, Phase::Ended) => Err(Refusal::Ended),
        (_, Phase::Scheduled) => Err(Refusal::Scheduled),
        (Command::Pause | Command::Resume, Phase::Promoted) => Err(Refusal::Promoted),
        (Command::Promote, _) => Ok(rules.after(position)),
        (Command::Pause, _) => Ok(position.with(Phase::Paused)),
        (Command::Resume, Phase::Running) if rules.steps.is_empty() => Err(Refusal::Running),
        (Command::Resume, _) => {
            let weight = rules.weight_of(position.step);
            Ok(Target { weight, ..position.with(Phase::Running) })
        }
        (Command::Weight(weight), _) => Ok(Target { weight, ..position.with(Phase::Paused) }),
    }
}

/// Says where a canary's ramp stands after the policy's steps changed from `old` to `new`; `None`: it begins again.
///
/// What was gone through must be as it was. The present step's new weight applies, unless a person set another.
pub fn carry_over(position: &Position, old: &[Step], new: &[Step]) -> Option<Target> {
    let Position { step, phase, weight, .. } = *position;
    if old.get(..step)? != new.get(..step)? {
        return None;
    }
    // Where the present step is gone from the file, the one before it, now the last, takes its place.
    let place = step.min(new.len().saturating_sub(1));
    let by_step = phase.is_open() && old.get(step).is_some_and(|old| old.weight == weight);
    let weight = if by_step { new.get(place)?.weight } else { weight };
    Some(Target { step: place, phase, weight, again: false })
}
