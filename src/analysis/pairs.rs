//! What pairs say: requests to which both legacy and a candidate gave an answer of their own.
//!
//! Both answered the same request, so what makes requests differ falls out. Each unit has one vote, its first pair in
//! which the sides differ: a user's requests are alike, and a test that counted them singly would find differences
//! where only users differ (STATS 1.4).

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::units::Units;
use crate::analysis::watch::Nature;
use crate::analysis::watch::Signal;
use crate::analysis::watch::Watch;
use crate::policy::Watched;
use crate::stats::EmpiricalBernstein;
use crate::stats::Moments;
use crate::stats::Votes;

/// The pairs of one candidate with legacy, by what is watched of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Pairs {
    #[serde(with = "indexmap::map::serde_seq")]
    events: IndexMap<Watched, PairEvents>,
    #[serde(with = "indexmap::map::serde_seq")]
    numbers: IndexMap<Watched, PairNumbers>,
}

/// An event that happened on both sides, on one, on none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct PairEvents {
    pub(super) both: u64,
    pub(super) neither: u64,
    pub(super) only_candidate: u64,
    pub(super) only_legacy: u64,
    /// Units by their first pair in which it happened on one side: `wins` where that was the candidate's.
    pub(super) votes: Votes,
    voted: Units,
}

/// Differences of a number, the candidate's less legacy's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PairNumbers {
    /// Of all pairs.
    pub(super) all: Moments,
    /// Of each unit's first.
    pub(super) first: Moments,
    /// Of each unit's first, where the number is bounded; one for each gateway, for what they say depends on their order.
    pub(super) bounded: Vec<EmpiricalBernstein>,
    /// How far a difference can be from 0, where the number is bounded.
    pub(super) reach: Option<f64>,
    seen: Units,
}

impl Pairs {
    /// Takes in what both sides of a pair said, the candidate first. Says whether a unit voted by that. `alpha` is the
    /// level of bounds on differences.
    pub(super) fn signal(
        &mut self,
        watch: &Watch,
        unit: Option<&str>,
        (own, legacy): (Signal, Signal),
        alpha: f64,
    ) -> bool {
        match (own, legacy) {
            (Signal::Event(own), Signal::Event(legacy)) => {
                self.events.entry(watch.of.clone()).or_default().count(unit, own, legacy)
            }
            (Signal::Number(own), Signal::Number(legacy)) => {
                let numbers = self.numbers.entry(watch.of.clone());
                numbers.or_insert_with(|| PairNumbers::of(watch.nature, alpha)).count(unit, own - legacy);
                false
            }
            _ => false,
        }
    }

    /// The pairs of an event.
    pub(super) fn events(&self, watched: &Watched) -> Option<&PairEvents> {
        self.events.get(watched)
    }

    /// The pairs of a number.
    pub(super) fn numbers(&self, watched: &Watched) -> Option<&PairNumbers> {
        self.numbers.get(watched)
    }

    /// Begins to count a figure anew, because it is defined otherwise now.
    pub(super) fn forget(&mut self, watched: &Watched) {
        self.events.shift_remove(watched);
        self.numbers.shift_remove(watched);
    }

    /// Takes in the pairs of another gateway.
    pub(super) fn merge(&mut self, other: &Pairs) {
        for (watched, theirs) in &other.events {
            self.events.entry(watched.clone()).or_default().merge(theirs);
        }
        for (watched, theirs) in &other.numbers {
            match self.numbers.get_mut(watched) {
                Some(own) => own.merge(theirs),
                None => {
                    self.numbers.insert(watched.clone(), theirs.clone());
                }
            }
        }
    }
}

impl PairEvents {
    fn count(&mut self, unit: Option<&str>, own: bool, legacy: bool) -> bool {
        *match (own, legacy) {
            (true, true) => &mut self.both,
            (false, false) => &mut self.neither,
            (true, false) => &mut self.only_candidate,
            (false, true) => &mut self.only_legacy,
        } += 1;
        let votes = own != legacy && self.voted.count(unit);
        if votes {
            *(if own { &mut self.votes.wins } else { &mut self.votes.losses }) += 1;
        }
        votes
    }

    fn merge(&mut self, other: &PairEvents) {
        self.both += other.both;
        self.neither += other.neither;
        self.only_candidate += other.only_candidate;
        self.only_legacy += other.only_legacy;
        // A unit that two gateways saw has a vote at each: rare, for a user mostly stays with one.
        self.votes.wins += other.votes.wins;
        self.votes.losses += other.votes.losses;
        self.voted.merge(&other.voted);
    }
}

impl PairNumbers {
    fn of(nature: Nature, alpha: f64) -> Self {
        let reach = match nature {
            Nature::Number(Some((lower, upper))) => Some(upper - lower),
            _ => None,
        };
        let bounded = reach.and_then(|reach| EmpiricalBernstein::new(-reach, reach, alpha, 0.5).ok());
        let bounded = bounded.into_iter().collect();
        Self { all: Moments::default(), first: Moments::default(), bounded, reach, seen: Units::default() }
    }

    fn count(&mut self, unit: Option<&str>, difference: f64) {
        if self.all.add(difference).is_err() || !self.seen.count(unit) {
            return;
        }
        // What is finite for one is for the other.
        let _ = self.first.add(difference);
        if let Some(bounded) = self.bounded.first_mut() {
            // A score is within its scale, or the measure refused it.
            let _ = bounded.add(difference);
        }
    }

    fn merge(&mut self, other: &PairNumbers) {
        self.all.merge(&other.all);
        self.first.merge(&other.first);
        self.bounded.extend(other.bounded.iter().cloned());
        self.seen.merge(&other.seen);
    }
}
