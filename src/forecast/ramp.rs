//! Where a canary's ramp stands when another policy is applied, and where the ramp of that policy leads.

use serde::Serialize;

use crate::assign::Share;
use crate::forecast::draws::Stand;
use crate::forecast::draws::Taker;
use crate::policy::Experiment;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::carry_over;
use crate::strategy::Strategy;
use crate::strategy::canary::Step;

/// A place on a ramp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The step, from 1; 0 after a rollback.
    pub step: usize,
    /// The share of users that the candidate answers, as `25%`.
    pub weight: String,
}

/// What one step of the new policy's ramp does to users.
#[derive(Debug, Clone, Serialize)]
pub struct RampStep {
    /// Where.
    #[serde(flatten)]
    pub standing: Standing,
    /// Synthetic users that the candidate answers.
    pub users: u32,
    /// Those among them whom it did not answer at the step before.
    pub join: u32,
    /// Users whom it answered at the step before, and does not any more: none, as long as weights grow.
    pub leave: u32,
}

/// A moment at which another policy may be applied: the ramps' weights before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights {
    pub(super) before: Option<(usize, Share)>,
    pub(super) after: Option<(usize, Share)>,
}

/// Every step at which a ramp of the old policy may stand, with what the new policy makes of it. A rollback is among
/// them where the new policy would end it.
pub(super) fn moments(before: Taker<'_>, after: Taker<'_>) -> Vec<Weights> {
    let begun = steps(after).map(|steps| (1, steps[0].weight));
    let Some(old) = steps(before) else { return vec![Weights { before: None, after: begun }] };
    let arrival = |position: Position| match (before.experiment(), after.experiment(), steps(after)) {
        (Some(one), Some(other), Some(new)) if goes_on(one, other) => {
            let target = carry_over(&position, old, new);
            target.map_or(begun, |target| Some((shown(target.phase, target.step), target.weight)))
        }
        _ => begun,
    };
    let position =
        |step: usize, phase, weight| Position { step, phase, weight, held: Default::default(), assigned: 0 };
    let running = old.iter().enumerate().map(|(step, Step { weight, .. })| Weights {
        before: Some((step + 1, *weight)),
        after: arrival(position(step, Phase::Running, *weight)),
    });
    let rolled_back = Weights {
        before: Some((0, Share::NONE)),
        after: arrival(position(old.len() - 1, Phase::RolledBack, Share::NONE)),
    };
    let undone = rolled_back.after.is_some_and(|(_, weight)| weight != Share::NONE);
    running.chain(undone.then_some(rolled_back)).collect()
}

/// A ramp is the experiment's of the same name, and goes on only when nothing changed that evidence hangs on.
fn goes_on(before: &Experiment, after: &Experiment) -> bool {
    before.name == after.name && before.identity == after.identity
}

fn shown(phase: Phase, step: usize) -> usize {
    if phase == Phase::RolledBack { 0 } else { step + 1 }
}

pub(super) fn standing((step, weight): (usize, Share)) -> Standing {
    Standing { step, weight: weight.to_string() }
}

/// The steps of a canary.
fn steps(taker: Taker<'_>) -> Option<&[Step]> {
    match &taker.experiment()?.strategy {
        Strategy::Canary(settings) => Some(&settings.steps),
        Strategy::Shadow(_) | Strategy::Ab(_) | Strategy::Interleave(_) => None,
    }
}

/// Who joins and who leaves at each step of a canary's ramp; empty for what is no canary.
pub(super) fn along(policy: &Policy, taker: Taker<'_>, units: &[String]) -> Vec<RampStep> {
    let Some(steps) = steps(taker) else { return Vec::new() };
    let mut was_in = vec![false; units.len()];
    let mut told = Vec::new();
    for (at, Step { weight, .. }) in steps.iter().enumerate() {
        let stand = Stand { policy, taker, weight: *weight };
        let legacy = stand.draw(None, &[]).answerer;
        let is_in: Vec<bool> = units
            .iter()
            .map(|unit| stand.draw(Some(unit.as_bytes()), unit.as_bytes()).answerer != legacy)
            .collect();
        let changed = |from: bool| {
            let pairs = was_in.iter().zip(&is_in);
            pairs.filter(|(was, is)| was != is && **was == from).count() as u32
        };
        told.push(RampStep {
            standing: standing((at + 1, *weight)),
            users: is_in.iter().filter(|is| **is).count() as u32,
            join: changed(false),
            leave: changed(true),
        });
        was_in = is_in;
    }
    told
}
