//! Where a canary's ramp stands when another policy is applied, and where the ramp of that policy leads.

use std::time::Duration;

use serde::Serialize;

use crate::assign::Share;
use crate::forecast::draws::Place;
use crate::forecast::draws::Stand;
use crate::forecast::draws::Taker;
use crate::policy::Experiment;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::rollout::ramp::Position;
use crate::rollout::ramp::Target;
use crate::rollout::ramp::carry_over;
use crate::strategy::Strategy;
use crate::strategy::canary::Step;

/// Where an experiment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Its candidates were taken out.
    pub rolled_back: bool,
    /// A canary's step, from 1; `null` for what has none.
    pub step: Option<usize>,
    /// The share of users that a canary's candidate answers, as `25%`.
    pub weight: Option<String>,
}

/// What one step of the new policy's ramp does to users.
#[derive(Debug, Clone, Serialize)]
pub struct RampStep {
    /// The step, from 1.
    pub step: usize,
    /// The share of users that the candidate answers, as `25%`.
    pub weight: String,
    /// Synthetic users that the candidate answers.
    pub users: u32,
    /// Those among them whom it did not answer at the step before.
    pub join: u32,
    /// Users whom it answered at the step before, and does not any more: none, as long as weights grow.
    pub leave: u32,
}

/// A moment at which another policy may be applied: where experiments stand before and after. `None`: there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) before: Option<Place>,
    pub(super) after: Option<Place>,
}

/// Every step at which an experiment of the old policy may stand, with what the new policy makes of it. That its
/// candidates were taken out is among them where the new policy would let them in again.
pub(super) fn moments(before: Taker<'_>, after: Taker<'_>) -> Vec<Places> {
    let begun = after.experiment().map(|_| match steps(after).and_then(<[Step]>::first) {
        Some(step) => Place::step(0, step.weight),
        None => Place::running(),
    });
    let Some(former) = before.experiment() else { return vec![Places { before: None, after: begun }] };
    let old = steps(before).unwrap_or_default();
    let arrival = |position: &Position| match after.experiment().filter(|present| goes_on(former, present)) {
        Some(_) => {
            let target = carry_over(position, old, steps(after).unwrap_or_default());
            let place = |Target { step, phase, weight, .. }| Place { open: phase.is_open(), step, weight };
            target.map(place).or(begun)
        }
        None => begun,
    };
    let places = match old {
        [] => vec![Place::running()],
        steps => steps.iter().enumerate().map(|(at, step)| Place::step(at, step.weight)).collect(),
    };
    let out = Place { open: false, step: old.len().saturating_sub(1), weight: Share::NONE };
    let mut moments: Vec<Places> = places
        .into_iter()
        .chain([out])
        .map(|place| Places { before: Some(place), after: arrival(&position(place)) })
        .collect();
    if moments.last().is_some_and(|out| out.after.is_none_or(|after| !after.open)) {
        moments.pop();
    }
    moments
}

fn position(place: Place) -> Position {
    let Place { open, step, weight } = place;
    Position {
        step,
        phase: if open { Phase::Running } else { Phase::RolledBack },
        weight,
        held: Duration::ZERO,
        assigned: 0,
        elapsed: Duration::ZERO,
        held_by: None,
        clear: Duration::ZERO,
        out: Vec::new(),
    }
}

/// An experiment is that of the same name, and goes on only when nothing changed that evidence hangs on.
fn goes_on(before: &Experiment, after: &Experiment) -> bool {
    let (one, other) = (&before.strategy, &after.strategy);
    before.name == after.name && before.identity == after.identity && one.kind() == other.kind()
}

/// A place as it is told of an experiment.
pub(super) fn standing(taker: Taker<'_>, place: Place) -> Standing {
    let Place { open, step, weight } = place;
    let is_step = open && steps(taker).is_some();
    Standing {
        rolled_back: !open,
        step: is_step.then_some(step + 1),
        weight: is_step.then(|| weight.to_string()),
    }
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
        let stand = Stand { policy, taker, at: Place::step(at, *weight) };
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
            step: at + 1,
            weight: weight.to_string(),
            users: is_in.iter().filter(|is| **is).count() as u32,
            join: changed(false),
            leave: changed(true),
        });
        was_in = is_in;
    }
    told
}
