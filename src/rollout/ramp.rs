//! What a canary's ramp does next: by itself, and when a person says so. Pure.
//!
//! A step is done when it was held long enough, the candidate was assigned enough requests, and, where the policy
//! asks for it, a person promoted. `hold` counts running time only: neither a pause nor a restart of the gateway
//! shortens what users and operators get to see of a step.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::assign::Share;
use crate::policy::Phase;
use crate::strategy::canary::Step;

/// Where a ramp stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The step, from 0.
    pub step: usize,
    /// What the ramp is doing.
    pub phase: Phase,
    /// The share of units that the candidate answers.
    pub weight: Share,
    /// Running time in the present stage.
    pub held: Duration,
    /// Requests that the candidate was assigned in the present stage.
    pub assigned: u64,
}

/// What a ramp does next by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is paused, rolled back or promoted.
    Rest,
    /// It waits for the rest of the step.
    Hold {
        /// Running time that is missing.
        time: Duration,
        /// Requests that are missing.
        requests: u64,
    },
    /// The step is done but for a person's promotion.
    AwaitApproval,
    /// The next step begins.
    Advance,
    /// The last step is done; its weight stays.
    Complete,
}

/// What a person asks of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Begin the next step now; after the last, be promoted.
    Promote,
    /// Take the candidate out, until `Resume`.
    Rollback,
    /// Stop the clock and keep the weight.
    Pause,
    /// Go on with the present step at its own weight; after a rollback, begin again at step 1.
    Resume,
    /// Set a weight and pause there.
    Weight(Share),
}

/// Where a command leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The step, from 0.
    pub step: usize,
    /// What the ramp does there.
    pub phase: Phase,
    /// The share of units that the candidate answers there.
    pub weight: Share,
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
}

/// Says what a ramp does next by itself.
pub fn next(position: &Position, steps: &[Step]) -> Action {
    let Position { step, phase: Phase::Running, held, assigned, .. } = *position else {
        return Action::Rest;
    };
    let present = &steps[step];
    let time = present.hold.saturating_sub(held);
    let requests = present.min_requests.saturating_sub(assigned);
    let last = step + 1 == steps.len();
    match (time, requests) {
        (Duration::ZERO, 0) if present.approve => Action::AwaitApproval,
        (Duration::ZERO, 0) if last => Action::Complete,
        (Duration::ZERO, 0) => Action::Advance,
        _ => Action::Hold { time, requests },
    }
}

/// The step after the present one, or the end of the ramp.
pub fn advance(position: &Position, steps: &[Step]) -> Target {
    let step = position.step + 1;
    match steps.get(step) {
        Some(next) => Target { step, phase: Phase::Running, weight: next.weight },
        None => Target { step: position.step, phase: Phase::Promoted, weight: steps[position.step].weight },
    }
}

/// Says where a command leads. A command that is already obeyed leads to where the ramp stands.
pub fn obey(command: Command, position: &Position, steps: &[Step]) -> Result<Target, Refusal> {
    let Position { step, phase, weight, .. } = *position;
    match (command, phase) {
        (Command::Rollback, _) => Ok(Target { step, phase: Phase::RolledBack, weight: Share::NONE }),
        (Command::Resume, Phase::RolledBack) => {
            Ok(Target { step: 0, phase: Phase::Running, weight: steps[0].weight })
        }
        (_, Phase::RolledBack) => Err(Refusal::RolledBack),
        (Command::Pause | Command::Resume, Phase::Promoted) => Err(Refusal::Promoted),
        (Command::Promote, _) => Ok(advance(position, steps)),
        (Command::Pause, _) => Ok(Target { step, phase: Phase::Paused, weight }),
        (Command::Resume, _) => Ok(Target { step, phase: Phase::Running, weight: steps[step].weight }),
        (Command::Weight(weight), _) => Ok(Target { step, phase: Phase::Paused, weight }),
    }
}

/// Says where a ramp stands after the policy's steps changed from `old` to `new`; `None`: it begins again.
///
/// What was gone through must be as it was. The present step's new weight applies, unless a person set another.
pub fn carry_over(position: &Position, old: &[Step], new: &[Step]) -> Option<Target> {
    let Position { step, phase, weight, .. } = *position;
    if old.get(..step)? != new.get(..step)? {
        return None;
    }
    // Where the present step is gone from the file, the one before it, now the last, takes its place.
    let place = step.min(new.len() - 1);
    let by_step = phase != Phase::RolledBack && weight == old.get(step)?.weight;
    let weight = if by_step { new[place].weight } else { weight };
    Some(Target { step: place, phase, weight })
}
