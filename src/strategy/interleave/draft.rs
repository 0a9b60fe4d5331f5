//! The ways to draw a mixed list: team draft, balanced, probabilistic.
//!
//! Each yields ids with the team that placed them. All skip what is shown already, and all fill up with the items
//! of the last arm that has any, as nobody's.

use std::collections::HashSet;

use rand::Rng;
use rand::RngExt;
use rand::seq::SliceRandom;

use crate::strategy::interleave::arm_ids;
use crate::strategy::interleave::ranking::Ranking;
use crate::vocab::ArmId;

/// An item as it was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// The arm that placed it; `None`: nobody's.
    pub(super) team: Option<ArmId>,
}

/// The list as far as it is drawn.
struct Draft<'r, 'a> {
    rankings: &'r [Ranking<'a>],
    shown: HashSet<&'a str>,
    drawn: Vec<Drawn<'a>>,
}

/// The arm with the fewest picks goes next, a fair die breaking ties, and places its best item not yet shown.
///
/// Radlinski, Kurup and Joachims 2008; for more than two arms Schuth, Sietsma, Whiteson, Lefortier and de Rijke 2014.
pub(super) fn team_draft<'a>(rankings: &[Ranking<'a>], depth: usize, rng: &mut impl Rng) -> Vec<Drawn<'a>> {
    let mut draft = Draft::new(rankings);
    let mut picks = vec![0_usize; rankings.len()];
    while draft.drawn.len() < depth {
        let offers = draft.offers();
        let Some(fewest) = offers.iter().map(|(arm, _)| picks[arm.index()]).min() else { break };
        let next: Vec<(ArmId, &'a str)> =
            offers.iter().copied().filter(|(arm, _)| picks[arm.index()] == fewest).collect();
        let (arm, id) = next[rng.random_range(0..next.len())];
        picks[arm.index()] += 1;
        draft.place(id, draft.team(arm, offers.len()));
    }
    draft.drawn
}

/// A die says who leads; the arm that has gone least far down its own list goes next, the leader before the other,
/// and places its next item unless it is shown already.
///
/// Joachims 2003, which stops when a list is used up; here the rest is filled, as nobody's.
pub(super) fn balanced<'a>(rankings: &[Ranking<'a>], depth: usize, rng: &mut impl Rng) -> Vec<Drawn<'a>> {
    let mut draft = Draft::new(rankings);
    let mut leaders_first: Vec<ArmId> = arm_ids(rankings.len()).collect();
    leaders_first.shuffle(rng);
    let mut seen = vec![0_usize; rankings.len()];
    while draft.drawn.len() < depth {
        let used_up = rankings.iter().zip(&seen).any(|(ranking, seen)| *seen == ranking.ids().len());
        let next = leaders_first.iter().copied().min_by_key(|arm| seen[arm.index()]);
        let Some(arm) = next.filter(|_| !used_up) else { break };
        let id = rankings[arm.index()].ids()[seen[arm.index()]];
        seen[arm.index()] += 1;
        if !draft.shown.contains(id) {
            draft.place(id, Some(arm));
        }
    }
    draft.fill(depth);
    draft.drawn
}

/// For each place a fair die names the arm, which draws from its items not yet shown with a probability in
/// proportion to 1 / rank^tau.
///
/// Hofmann, Whiteson and de Rijke 2011.
pub(super) fn probabilistic<'a>(
    rankings: &[Ranking<'a>],
    depth: usize,
    rng: &mut impl Rng,
) -> Vec<Drawn<'a>> {
    let mut draft = Draft::new(rankings);
    while draft.drawn.len() < depth {
        let offers = draft.offers();
        if offers.is_empty() {
            break;
        }
        let (arm, _) = offers[rng.random_range(0..offers.len())];
        let id = draft.sample(arm, rng);
        draft.place(id, draft.team(arm, offers.len()));
    }
    draft.drawn
}

/// How readily the probabilistic method draws the item at a rank: 1 / rank^3, before it is normalised.
pub(super) fn weight(rank: usize) -> f64 {
    (rank as f64).powi(-3)
}

impl<'r, 'a> Draft<'r, 'a> {
    fn new(rankings: &'r [Ranking<'a>]) -> Self {
        Self { rankings, shown: HashSet::new(), drawn: Vec::new() }
    }

    /// The best item that each arm has left, for the arms that have any.
    fn offers(&self) -> Vec<(ArmId, &'a str)> {
        let best = |ranking: &Ranking<'a>| ranking.ids().iter().copied().find(|id| !self.shown.contains(id));
        arm_ids(self.rankings.len()).zip(self.rankings).filter_map(|(arm, r)| Some((arm, best(r)?))).collect()
    }

    /// Whose an item is that an arm places when this many arms have something to offer.
    fn team(&self, arm: ArmId, offering: usize) -> Option<ArmId> {
        (offering > 1 || self.rankings.len() == 1).then_some(arm)
    }

    fn place(&mut self, id: &'a str, team: Option<ArmId>) {
        self.shown.insert(id);
        self.drawn.push(Drawn { id, team });
    }

    /// Fills up with what is left, the first arm's items first, as nobody's.
    fn fill(&mut self, depth: usize) {
        for id in self.rankings.iter().flat_map(|ranking| ranking.ids()) {
            if self.drawn.len() < depth && !self.shown.contains(id) {
                self.place(id, None);
            }
        }
    }

    /// Draws one of an arm's items not yet shown by its weight; the arm must have one.
    fn sample(&self, arm: ArmId, rng: &mut impl Rng) -> &'a str {
        let ranked = || self.rankings[arm.index()].ids().iter().copied().zip(1..);
        let left: Vec<(&'a str, f64)> = ranked()
            .filter(|(id, _)| !self.shown.contains(id))
            .map(|(id, rank)| (id, weight(rank)))
            .collect();
        let total: f64 = left.iter().map(|(_, weight)| weight).sum();
        let mut dart = rng.random::<f64>() * total;
        for (id, weight) in &left {
            dart -= weight;
            if dart < 0.0 {
                return id;
            }
        }
        // The dart can miss all by a rounding error; it then belongs to the last.
        left.last().expect("an arm that offers has an item left").0
    }
}
