//! The ways to draw a mixed list: team draft, balanced, probabilistic.
//!
//! Each yields items with the team that placed them. All skip what is shown already, and all fill up with the items
//! of the last arm that has any, as nobody's.

use rand::Rng;
use rand::RngExt;
use rand::seq::SliceRandom;

use crate::strategy::interleave::SharedPrefix;
use crate::strategy::interleave::Tau;
use crate::strategy::interleave::ranking::Item;
use crate::strategy::interleave::ranking::Rankings;
use crate::strategy::interleave::ranking::Shown;
use crate::strategy::interleave::tau::Weights;
use crate::vocab::ArmId;

/// An item as it was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The item.
    pub(super) item: Item,
    /// The arm that placed it; `None`: nobody's.
    pub(super) team: Option<ArmId>,
}

/// The list as far as it is drawn.
struct Draft<'r, 'a> {
    rankings: &'r Rankings<'a>,
    shown: Shown,
    drawn: Vec<Drawn>,
}

/// The arm with the fewest picks goes next, a fair die breaking ties, and places its best item not yet shown.
///
/// Radlinski, Kurup and Joachims 2008; for more than two arms Schuth, Sietsma, Whiteson, Lefortier and de Rijke 2014.
/// A neutral shared prefix is shown first, as nobody's.
pub(super) fn team_draft(
    rankings: &Rankings<'_>,
    shared_prefix: SharedPrefix,
    depth: usize,
    rng: &mut impl Rng,
) -> Vec<Drawn> {
    let mut draft = Draft::new(rankings);
    if shared_prefix == SharedPrefix::Neutral {
        rankings.shared_prefix().iter().take(depth).for_each(|item| draft.place(*item, None));
    }
    let mut picks = vec![0_usize; rankings.arm_count()];
    while draft.drawn.len() < depth {
        let offers = draft.offers();
        let Some(fewest) = offers.iter().map(|(arm, _)| picks[arm.index()]).min() else { break };
        let next: Vec<_> = offers.iter().filter(|(arm, _)| picks[arm.index()] == fewest).collect();
        let (arm, item) = *next[rng.random_range(0..next.len())];
        picks[arm.index()] += 1;
        draft.place(item, draft.team(arm, offers.len()));
    }
    draft.drawn
}

/// A die says who leads; the arm that has gone least far down its own list goes next, the leader before the other,
/// and places its next item unless it is shown already.
///
/// Joachims 2003, which stops when a list is used up; here the rest is filled, as nobody's.
pub(super) fn balanced(rankings: &Rankings<'_>, depth: usize, rng: &mut impl Rng) -> Vec<Drawn> {
    let mut draft = Draft::new(rankings);
    let mut leaders_first: Vec<ArmId> = rankings.arms().collect();
    leaders_first.shuffle(rng);
    let mut seen = vec![0_usize; rankings.arm_count()];
    while draft.drawn.len() < depth {
        let used_up = rankings.arms().any(|arm| seen[arm.index()] == rankings.list(arm).len());
        let next = leaders_first.iter().copied().min_by_key(|arm| seen[arm.index()]);
        let Some(arm) = next.filter(|_| !used_up) else { break };
        let item = rankings.list(arm)[seen[arm.index()]];
        seen[arm.index()] += 1;
        if !draft.shown.holds(item) {
            draft.place(item, Some(arm));
        }
    }
    draft.fill(depth);
    draft.drawn
}

/// For each place a fair die names the arm, which draws from its items not yet shown with a probability in
/// proportion to 1 / rank^tau.
///
/// Hofmann, Whiteson and de Rijke 2011.
pub(super) fn probabilistic(
    rankings: &Rankings<'_>,
    tau: Tau,
    depth: usize,
    rng: &mut impl Rng,
) -> Vec<Drawn> {
    let mut draft = Draft::new(rankings);
    let weights = rankings.weights(tau);
    while draft.drawn.len() < depth {
        let offers = draft.offers();
        if offers.is_empty() {
            break;
        }
        let (arm, best) = offers[rng.random_range(0..offers.len())];
        let item = draft.sample(arm, &weights, rng).unwrap_or(best);
        draft.place(item, draft.team(arm, offers.len()));
    }
    draft.drawn
}

impl<'r, 'a> Draft<'r, 'a> {
    fn new(rankings: &'r Rankings<'a>) -> Self {
        Self { rankings, shown: rankings.nothing_shown(), drawn: Vec::new() }
    }

    /// The best item that each arm has left, for the arms that have any.
    fn offers(&self) -> Vec<(ArmId, Item)> {
        let best = |arm: ArmId| self.rankings.left(arm, &self.shown).next().map(|(item, _)| (arm, item));
        self.rankings.arms().filter_map(best).collect()
    }

    /// Whose an item is that an arm places when this many arms have something to offer.
    fn team(&self, arm: ArmId, offering: usize) -> Option<ArmId> {
        (offering > 1 || self.rankings.arm_count() == 1).then_some(arm)
    }

    fn place(&mut self, item: Item, team: Option<ArmId>) {
        self.shown.add(item);
        self.drawn.push(Drawn { item, team });
    }

    /// Fills up with what is left, the first arm's items first, as nobody's.
    fn fill(&mut self, depth: usize) {
        for item in self.rankings.arms().flat_map(|arm| self.rankings.list(arm)) {
            if self.drawn.len() < depth && !self.shown.holds(*item) {
                self.place(*item, None);
            }
        }
    }

    /// Draws one of an arm's items not yet shown by its weight; `None` when a rounding error carries the dart past
    /// them all.
    fn sample(&self, arm: ArmId, weights: &Weights, rng: &mut impl Rng) -> Option<Item> {
        let left = || self.rankings.left(arm, &self.shown).map(|(item, rank)| (item, weights.of(rank)));
        let mut dart = rng.random::<f64>() * left().map(|(_, weight)| weight).sum::<f64>();
        let hit = |(item, weight): (Item, f64)| {
            dart -= weight;
            (dart < 0.0).then_some(item)
        };
        left().find_map(hit)
    }
}
