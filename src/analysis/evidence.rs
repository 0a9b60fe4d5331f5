//! Evidence that one candidate is better or worse than legacy: three tests, each valid whenever it is read.
//!
//! Shadow: sequential McNemar on the requests to which just one of the two models gave the right answer. Canary and
//! A/B: the candidate's share of users who got a wrong answer against its share of traffic, stage by stage, the
//! evidence added up. Interleaving: one vote a user against one half.

use crate::analysis::stratum::Strata;
use crate::analysis::stratum::StratumArm;
use crate::analysis::study::PairedTally;
use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::EventShare;
use crate::stats::Votes;

/// The chance, over the whole life of an experiment, of preferring a model though there is no difference.
const ALPHA: f64 = 0.05;

/// Fewer events than this decide nothing, whatever their distribution: they may be one burst.
const FEWEST_EVENTS: u64 = 5;

/// Log e-values for both answers, and how much is needed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weighed {
    /// That the candidate is better.
    pub(super) better: f64,
    /// That the candidate is worse.
    pub(super) worse: f64,
    /// What either must reach.
    pub(super) needed: f64,
    /// What it rests on: pairs, votes or wrong answers that speak for a side.
    pub(super) events: u64,
}

/// What evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// The candidate is better.
    Better,
    /// The candidate is worse.
    Worse,
    /// It does not suffice.
    Open,
}

impl Weighed {
    /// The finding.
    pub(super) fn finding(&self) -> Finding {
        let Weighed { better, worse, needed, events } = *self;
        match (better >= needed, worse >= needed) {
            _ if events < FEWEST_EVENTS => Finding::Open,
            (true, false) => Finding::Better,
            (false, true) => Finding::Worse,
            // Better in one stage and worse in another is neither.
            (true, true) | (false, false) => Finding::Open,
        }
    }

    /// The stronger of the two log e-values.
    pub(super) fn strongest(&self) -> f64 {
        self.better.max(self.worse)
    }

    /// A two-sided test: whichever side is ahead has the evidence.
    fn two_sided(log_e: f64, candidate: u64, legacy: u64, alpha: f64) -> Self {
        let of = |ahead: bool| if ahead { log_e } else { log_e.min(0.0) };
        let (better, worse) = (of(candidate > legacy), of(candidate < legacy));
        Self { better, worse, needed: -alpha.ln(), events: candidate + legacy }
    }
}

/// Weighs labels of pairs, for one of this many candidates.
pub(super) fn of_pairs(paired: &PairedTally, candidates: usize) -> Weighed {
    let PairedTally { only_candidate_right: won, only_legacy_right: lost, .. } = *paired;
    let log_e = BetaBinomial::paired(Alternative::TwoSided).log_e(won, lost);
    Weighed::two_sided(log_e, won, lost, level(candidates))
}

/// Weighs votes.
pub(super) fn of_votes(votes: &Votes, candidates: usize) -> Weighed {
    let log_e = votes.log_e(Alternative::TwoSided);
    Weighed::two_sided(log_e, votes.wins, votes.losses, level(candidates))
}

/// Weighs the labels of what each arm answered its users. `None`: in no stage did both arms get traffic.
pub(super) fn of_answers(strata: &Strata, candidate: usize, candidates: usize) -> Option<Weighed> {
    let (mut better, mut worse, mut events) = (0.0, 0.0, 0);
    let mut compared = false;
    for WrongUnits { test, own, legacy } in wrong_units(strata, candidate) {
        better += test.log_e(Alternative::Less, own, legacy);
        worse += test.log_e(Alternative::Greater, own, legacy);
        events += own + legacy;
        compared = true;
    }
    let needed = -(level(candidates) / 2.0).ln();
    compared.then_some(Weighed { better, worse, needed, events })
}

/// Units with a wrong answer in one stratum, and the test of their share.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrongUnits {
    test: EventShare,
    /// The candidate's.
    pub(super) own: u64,
    /// Legacy's.
    pub(super) legacy: u64,
}

impl WrongUnits {
    /// How many of them would be the candidate's if neither model were better.
    pub(super) fn expected(&self) -> f64 {
        self.test.null_share() * (self.own + self.legacy) as f64
    }
}

/// The strata in which both legacy and a candidate got traffic.
pub(super) fn wrong_units(strata: &Strata, candidate: usize) -> impl Iterator<Item = WrongUnits> {
    strata.iter().filter_map(move |stratum| {
        let test = EventShare::new(stratum.share(candidate)?, 1.0).ok()?;
        let bad = |arm: Option<&StratumArm>| arm.map_or(0, |arm| arm.bad_units);
        Some(WrongUnits { test, own: bad(stratum.arms.get(candidate)), legacy: bad(stratum.arms.first()) })
    })
}

/// Each of several candidates has its part of the chance of error.
fn level(candidates: usize) -> f64 {
    ALPHA / candidates.max(1) as f64
}
