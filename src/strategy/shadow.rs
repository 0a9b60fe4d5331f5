//! Shadow: legacy answers, a sampled share of requests is copied to the candidate.
//!
//! An optional control leg sends the same request to legacy once more, to measure how much legacy differs from
//! itself. No user ever sees a copy's answer.

use std::time::Duration;

use crate::assign::Share;
use crate::assign::bucket;
use crate::cost::Money;
use crate::strategy::Assignment;
use crate::strategy::CopyLeg;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::vocab::ArmId;
use crate::vocab::Role;

/// The settings of a shadow experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The share of requests that the candidates get a copy of.
    pub sample: Share,
    /// The share of requests that legacy gets a second time.
    pub control: Share,
    /// The share of the requests to be copied whose copies are all held back, to learn what copies cost users.
    pub held_back: Share,
    /// How long a copy may take, from its sending to its last byte.
    pub deadline: Duration,
    /// The hard bounds on copies.
    pub budget: Budget,
}

/// Hard bounds on what copies may use at any moment or in a day; beyond them copies are dropped and counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Copies in flight at one moment.
    pub in_flight: u32,
    /// Bytes of request bodies held for copies at one moment.
    pub in_flight_bytes: u64,
    /// Copies begun in any one second; `None`: no bound.
    pub per_second: Option<u32>,
    /// What may be spent on copies between midnights UTC.
    pub daily: Daily,
    /// What may be spent in all; then the experiment ends.
    pub in_all: Total,
}

/// What copies may use between midnights UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Daily {
    /// Money, in US dollars; `None`: any amount.
    pub money: Option<Money>,
    /// Tokens of every kind; `None`: any number.
    pub tokens: Option<u64>,
}

/// What a shadow experiment may come to before it ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Total {
    /// Copies that were answered or failed; `None`: any number.
    pub copies: Option<u64>,
    /// Money spent on copies, in US dollars; `None`: any amount.
    pub money: Option<Money>,
}

/// Legacy answers. One draw by the request decides for all candidates, so that a pair holds every arm; another, of
/// its own salt, decides about the control leg; a third holds copies back. A request without its unit is copied too,
/// and left out.
pub(super) fn plan(settings: &Settings, draw: &Draw<'_>, arms: usize) -> Plan {
    let mut plan = Plan::answered(Assignment { enrolled: draw.unit.is_some(), ..Assignment::left_out() });
    if settings.sample.admits(draw.copy_bucket()) {
        let candidates = (0..=u8::MAX).map(ArmId).take(arms).skip(1);
        plan.copies.extend(candidates.map(|arm| CopyLeg { arm, role: Role::Shadow }));
    }
    if settings.control.admits(bucket(&draw.salts.control, draw.copied_by())) {
        plan.copies.push(CopyLeg { arm: ArmId::LEGACY, role: Role::Control });
    }
    hold_back(settings, draw, &mut plan);
    plan
}

/// Takes the copies off a random share of the requests that were to be copied, by a salt of its own.
fn hold_back(settings: &Settings, draw: &Draw<'_>, plan: &mut Plan) {
    if plan.copies.is_empty() || settings.held_back == Share::NONE {
        return;
    }
    if settings.held_back.admits(bucket(&draw.salts.held_back, draw.copied_by())) {
        plan.copies.clear();
        plan.held_back = true;
    }
}
