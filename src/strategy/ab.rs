//! A/B: a random split of a share of the traffic over two or more arms, fixed or following what the arms come to.
//!
//! Requests outside that share get legacy and are recorded as not enrolled. Where shares follow what is learnt, they are
//! part of the draw; who sets them is no business of this module.

use std::time::Duration;

use crate::assign::Bucket;
use crate::assign::Share;
use crate::assign::bucket;
use crate::assign::split;
use crate::strategy::Assignment;
use crate::strategy::CopyLeg;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::strategy::shadow::Budget;
use crate::vocab::ArmId;
use crate::vocab::MetricName;
use crate::vocab::OutcomeName;
use crate::vocab::Role;

/// The settings of an A/B experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The share of units (or requests) that take part.
    pub traffic: Share,
    /// Each arm's share of those, in the order of the arms, legacy first; they add up to the whole.
    pub weights: Vec<Share>,
    /// The share of requests that one other arm gets a copy of.
    pub pair: Share,
    /// How long such a copy may take.
    pub deadline: Duration,
    /// The hard bounds on copies.
    pub budget: Budget,
    /// Whether legacy answers when another arm fails before its first byte.
    pub fallback: bool,
    /// Whether the test ends, and legacy alone answers, once a candidate may be promoted.
    pub ends_on_verdict: bool,
    /// How the shares follow what is learnt; `None`: they stay as they are.
    pub allocation: Option<Thompson>,
}

/// Top-two Thompson sampling: shares that follow what the arms come to, and no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thompson {
    /// What is to happen often.
    pub reward: Reward,
    /// The least share of any arm.
    pub floor: Share,
    /// How often the shares are set anew.
    pub every: Duration,
}

/// What an arm is to come to often; it happens or not, for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reward {
    /// A binary outcome.
    Outcome(OutcomeName),
    /// An answer that is right, by a metric of yes or no.
    Metric(MetricName),
}

/// The unit decides twice, by independent salts: whether it takes part, and in which arm. A request without its
/// unit goes to legacy alone. Requests that take no part are not copied.
///
/// The two draws make `traffic * weight` the probability of an arm and `1 - traffic` that of staying out; together
/// these add up to 1, so that each kind of record, weighted by one over its propensity, stands for all requests.
pub(super) fn plan(settings: &Settings, draw: &Draw<'_>) -> Plan {
    let Settings { traffic, weights, pair, .. } = settings;
    let weights = draw.shares.unwrap_or(weights);
    let Some(unit) = draw.unit else { return Plan::answered(Assignment::left_out()) };
    if !traffic.admits(bucket(&draw.salts.traffic, unit)) {
        let propensity = traffic.complement().probability();
        return Plan::answered(Assignment { propensity, ..Assignment::left_out() });
    }
    let arm = split(bucket(&draw.salts.arm, unit), weights);
    let propensity = traffic.probability() * weights[arm.index()].probability();
    let mut plan = Plan::answered(Assignment::drawn(arm, propensity));
    let copied = draw.copy_bucket();
    if pair.admits(copied) {
        let partner = partner(arm, copied, weights.len());
        plan.copies.extend(partner.map(|arm| CopyLeg { arm, role: Role::Pair }));
    }
    plan
}

/// Who gets the copy: legacy when a candidate answers, else one of the candidates, each as often as any other.
///
/// The bucket that let the request in chooses too: a threshold tells of its size, and its remainder is as good as
/// independent of that.
fn partner(answering: ArmId, copied: Bucket, arms: usize) -> Option<ArmId> {
    if answering != ArmId::LEGACY {
        return Some(ArmId::LEGACY);
    }
    let candidates: Vec<ArmId> = (0..=u8::MAX).map(ArmId).take(arms).skip(1).collect();
    let turn = copied.0.checked_rem(candidates.len() as u64)?;
    candidates.get(turn as usize).copied()
}
