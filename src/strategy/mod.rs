//! The four strategies: what the data plane shall do for one request.
//!
//! A strategy is a pure function from settings and a draw to a [`Plan`]. It touches no socket, no clock and no
//! global randomness, so its bug cannot break the answer path, and its whole behaviour can be enumerated by
//! tests. Only `proxy` executes plans.

pub mod ab;
pub mod canary;
pub mod interleave;
pub mod shadow;

#[cfg(test)]
mod tests;

use crate::assign::Bucket;
use crate::assign::Salts;
use crate::assign::Share;
use crate::assign::bucket;
use crate::strategy::shadow::Budget;
use crate::vocab::ArmId;
use crate::vocab::Role;
use crate::vocab::StrategyKind;

/// An experiment's strategy with its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Strategy {
    /// Legacy answers, candidates get copies.
    Shadow(shadow::Settings),
    /// The candidate answers a growing share of units.
    Canary(canary::Settings),
    /// A split of a share of traffic.
    Ab(ab::Settings),
    /// One list made of all models' lists.
    Interleave(interleave::Settings),
}

/// What is to be done for one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Who answers the user.
    pub answer: Answer,
    /// Who else gets the request; empty for most requests, and an empty list allocates nothing.
    pub copies: Vec<CopyLeg>,
    /// Whether copies were drawn and are held back, to learn what copies cost users.
    pub held_back: bool,
    /// Whether one call to legacy follows when the assigned arm fails before its first byte.
    pub fallback: bool,
    /// The draw that led here.
    pub assignment: Assignment,
}

/// Who answers the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One arm's answer goes to the user.
    Arm(ArmId),
    /// Every arm is asked and their lists are mixed.
    Mixed,
}

/// One copy of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyLeg {
    /// The arm that gets it.
    pub arm: ArmId,
    /// What it is for.
    pub role: Role,
}

/// A unit's arm with the exact probability of that draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    /// The assigned arm; legacy where nothing is assigned.
    pub arm: ArmId,
    /// The exact probability of this draw, in 0..=1: of this arm and this `enrolled` together. In an A/B test an
    /// arm's is `traffic * weight`, and that of being left out is `1 - traffic`; what is not drawn has 1.
    pub propensity: f64,
    /// Whether the request takes part in the comparison: inside the share of traffic, unit present, not forced.
    pub enrolled: bool,
    /// Whether a header forced the arm.
    pub forced: bool,
}

/// Everything random or remembered that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The experiment's salts.
    pub salts: &'a Salts,
    /// The unit's bytes; `None` when the policy names a unit and the request lacks it.
    pub unit: Option<&'a [u8]>,
    /// The request's own id, which copies are drawn by, so that a user's requests are not all copied or none.
    pub request: &'a [u8],
    /// Draws copies by the unit instead, where there is one: conversations are copied whole or not at all.
    pub whole_units: bool,
    /// Whether candidates take part at present; where not, legacy alone answers and the request is left out.
    pub open: bool,
    /// The canary's present weight; ignored by the other strategies.
    pub weight: Share,
    /// The arms' present shares in an A/B test; `None`: those of its settings.
    pub shares: Option<&'a [Share]>,
    /// The arm that a header asks for, where the policy allows it.
    pub forced: Option<ArmId>,
}

impl Strategy {
    /// Says what is to be done for one request of an experiment with this many arms, legacy among them.
    ///
    /// A forced arm answers alone, under every strategy: no copies, no mixing, nothing drawn.
    pub fn plan(&self, draw: &Draw<'_>, arms: usize) -> Plan {
        let mut plan = match (self, draw.forced) {
            (_, Some(arm)) => Plan::forced(arm),
            (_, None) if !draw.open => Plan::answered(Assignment::left_out()),
            (Strategy::Shadow(settings), None) => shadow::plan(settings, draw, arms),
            (Strategy::Canary(settings), None) => canary::plan(settings, draw),
            (Strategy::Ab(settings), None) => ab::plan(settings, draw),
            (Strategy::Interleave(_), None) => interleave::plan(draw),
        };
        plan.fallback = self.falls_back() && matches!(plan.answer, Answer::Arm(arm) if arm != ArmId::LEGACY);
        plan
    }

    /// The strategy's word.
    pub fn kind(&self) -> StrategyKind {
        match self {
            Strategy::Shadow(_) => StrategyKind::Shadow,
            Strategy::Canary(_) => StrategyKind::Canary,
            Strategy::Ab(_) => StrategyKind::Ab,
            Strategy::Interleave(_) => StrategyKind::Interleave,
        }
    }

    /// Says whether any request gets answers of two models, so that they can be held against each other.
    pub fn makes_pairs(&self) -> bool {
        match self {
            Strategy::Shadow(_) | Strategy::Interleave(_) => true,
            Strategy::Canary(settings) => settings.pair != Share::NONE,
            Strategy::Ab(settings) => settings.pair != Share::NONE,
        }
    }

    /// The bounds on its copies; interleaving makes none.
    pub fn budget(&self) -> Option<&Budget> {
        match self {
            Strategy::Shadow(settings) => Some(&settings.budget),
            Strategy::Canary(settings) => Some(&settings.budget),
            Strategy::Ab(settings) => Some(&settings.budget),
            Strategy::Interleave(_) => None,
        }
    }

    fn falls_back(&self) -> bool {
        match self {
            Strategy::Canary(settings) => settings.fallback,
            Strategy::Ab(settings) => settings.fallback,
            Strategy::Shadow(_) | Strategy::Interleave(_) => false,
        }
    }
}

impl Plan {
    /// One arm answers, and nobody else gets the request.
    fn answered(assignment: Assignment) -> Self {
        let (answer, copies) = (Answer::Arm(assignment.arm), Vec::new());
        Self { answer, copies, held_back: false, fallback: false, assignment }
    }

    fn forced(arm: ArmId) -> Self {
        Self::answered(Assignment { arm, propensity: 1.0, enrolled: false, forced: true })
    }
}

impl Assignment {
    /// Legacy, by no draw: the request takes no part in the comparison.
    fn left_out() -> Self {
        Self { arm: ArmId::LEGACY, propensity: 1.0, enrolled: false, forced: false }
    }

    /// An arm by a draw.
    fn drawn(arm: ArmId, propensity: f64) -> Self {
        Self { arm, propensity, enrolled: true, forced: false }
    }
}

impl Draw<'_> {
    /// The bucket that decides about copies of this request.
    fn copy_bucket(&self) -> Bucket {
        bucket(&self.salts.copy, self.copied_by())
    }

    /// What copies are drawn by.
    fn copied_by(&self) -> &[u8] {
        self.unit.filter(|_| self.whole_units).unwrap_or(self.request)
    }
}
