//! Canary: a share of units, growing step by step, is answered by the candidate.
//!
//! A unit is in when its bucket lies below the weight's threshold, so a unit once in stays in as the weight
//! grows, on every replica and across restarts. Which step is current is decided by `rollout`; here it is a
//! weight in the draw.

use std::time::Duration;

use crate::assign::Share;
use crate::assign::bucket;
use crate::assign::split;
use crate::strategy::Assignment;
use crate::strategy::CopyLeg;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::strategy::shadow::Budget;
use crate::vocab::ArmId;
use crate::vocab::Role;

/// The settings of a canary experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The steps in order; never empty, weights never shrink.
    pub steps: Vec<Step>,
    /// The share of requests that the arm which does not answer gets a copy of.
    pub pair: Share,
    /// How long such a copy may take.
    pub deadline: Duration,
    /// The hard bounds on copies.
    pub budget: Budget,
    /// Whether legacy answers when the candidate fails before its first byte.
    pub fallback: bool,
}

/// One step of the ramp. All its conditions must hold before the next begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The share of units that the candidate answers.
    pub weight: Share,
    /// The least time the step lasts.
    pub hold: Duration,
    /// The least number of requests that the candidate has answered during the step.
    pub min_requests: u64,
    /// Whether the next step waits until every guardrail is proven inside its limit; after the last step the candidate
    /// is promoted only on a verdict that says so.
    pub until_verdict: bool,
    /// Whether a person must promote before the next step, or before the ramp is complete after the last.
    pub approve: bool,
    /// After so much running time a step that is not done is held; `None`: it goes on.
    pub timeout: Option<Duration>,
}

impl Step {
    /// A step of this weight that is done at once.
    pub fn at(weight: Share) -> Self {
        let hold = Duration::ZERO;
        Self { weight, hold, min_requests: 0, until_verdict: false, approve: false, timeout: None }
    }
}

const CANDIDATE: ArmId = ArmId(1);

/// The unit decides the arm, the request whether the other arm gets a copy. A request without its unit goes to
/// legacy alone, as does every request while the weight is 0 %, and gets no copies.
pub(super) fn plan(settings: &Settings, draw: &Draw<'_>) -> Plan {
    let Some(unit) = draw.unit else { return Plan::answered(Assignment::left_out()) };
    let weights = [draw.weight.complement(), draw.weight];
    let arm = split(bucket(&draw.salts.arm, unit), &weights);
    let mut plan = Plan::answered(Assignment::drawn(arm, weights[arm.index()].probability()));
    if draw.weight != Share::NONE && settings.pair.admits(draw.copy_bucket()) {
        let other = if arm == CANDIDATE { ArmId::LEGACY } else { CANDIDATE };
        plan.copies.push(CopyLeg { arm: other, role: Role::Pair });
    }
    plan
}
