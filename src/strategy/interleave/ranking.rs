//! The arms' lists without repetitions, with the rank and the original place of each item in each.
//!
//! Ids are looked up once, here; everything after works on small numbers.

use std::collections::HashMap;

use crate::strategy::interleave::Tau;
use crate::strategy::interleave::tau::Weights;
use crate::vocab::ArmId;

/// An item of any of the lists; equal ids are one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item(usize);

/// The lists of all arms.
#[derive(Debug)]
pub(super) struct Rankings<'a> {
    ids: Vec<&'a str>,
    known: HashMap<&'a str, Item>,
    lists: Vec<Ranking>,
}

/// One arm's list.
#[derive(Debug, Default)]
struct Ranking {
    /// Its items, best first.
    order: Vec<Item>,
    /// Where each item of any list stands in this one.
    standings: Vec<Option<Standing>>,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    rank: usize,
    place: usize,
}

/// Which items are shown already.
#[derive(Debug)]
pub(super) struct Shown(Vec<bool>);

impl<'a> Rankings<'a> {
    /// Keeps each id where it stands first in its list.
    pub(super) fn of(lists: &'a [Vec<String>]) -> Self {
        let mut rankings = Rankings { ids: Vec::new(), known: HashMap::new(), lists: Vec::new() };
        for list in lists {
            let mut ranking = Ranking::default();
            for (place, id) in list.iter().enumerate() {
                ranking.append(rankings.intern(id), place);
            }
            rankings.lists.push(ranking);
        }
        rankings
    }

    fn intern(&mut self, id: &'a str) -> Item {
        *self.known.entry(id).or_insert_with(|| {
            self.ids.push(id);
            Item(self.ids.len() - 1)
        })
    }

    /// The arms, legacy first.
    pub(super) fn arms(&self) -> impl Iterator<Item = ArmId> + use<> {
        (0..=u8::MAX).map(ArmId).take(self.lists.len())
    }

    /// How many arms there are.
    pub(super) fn arm_count(&self) -> usize {
        self.lists.len()
    }

    /// An arm's items, best first.
    pub(super) fn list(&self, arm: ArmId) -> &[Item] {
        &self.lists[arm.index()].order
    }

    /// The item's rank, from 1, in an arm's list.
    pub(super) fn rank(&self, arm: ArmId, item: Item) -> Option<usize> {
        self.standing(arm, item).map(|standing| standing.rank)
    }

    /// The item's place, from 0, in an arm's list as it was given.
    pub(super) fn place(&self, arm: ArmId, item: Item) -> Option<usize> {
        self.standing(arm, item).map(|standing| standing.place)
    }

    /// The item of an id, if any list holds it.
    pub(super) fn item(&self, id: &str) -> Option<Item> {
        self.known.get(id).copied()
    }

    /// The item's id.
    pub(super) fn id(&self, item: Item) -> &'a str {
        self.ids[item.0]
    }

    /// The items with which all lists begin alike.
    pub(super) fn shared_prefix(&self) -> &[Item] {
        let Some((first, others)) = self.lists.split_first() else { return &[] };
        let alike =
            |place: &usize| others.iter().all(|list| list.order.get(*place) == Some(&first.order[*place]));
        let length = (0..first.order.len()).take_while(alike).count();
        &first.order[..length]
    }

    /// The weight of each rank that any list has.
    pub(super) fn weights(&self, tau: Tau) -> Weights {
        Weights::new(tau, self.lists.iter().map(|list| list.order.len()).max().unwrap_or(0))
    }

    /// Nothing is shown yet.
    pub(super) fn nothing_shown(&self) -> Shown {
        Shown(vec![false; self.ids.len()])
    }

    /// An arm's items that are not shown yet, with their ranks, best first.
    pub(super) fn left(&self, arm: ArmId, shown: &Shown) -> impl Iterator<Item = (Item, usize)> {
        self.list(arm).iter().copied().zip(1..).filter(|(item, _)| !shown.holds(*item))
    }

    fn standing(&self, arm: ArmId, item: Item) -> Option<Standing> {
        self.lists[arm.index()].standings.get(item.0).copied().flatten()
    }
}

impl Ranking {
    fn append(&mut self, item: Item, place: usize) {
        if self.standings.len() <= item.0 {
            self.standings.resize(item.0 + 1, None);
        }
        if self.standings[item.0].is_none() {
            self.order.push(item);
            self.standings[item.0] = Some(Standing { rank: self.order.len(), place });
        }
    }
}

impl Shown {
    /// Says whether an item is shown.
    pub(super) fn holds(&self, item: Item) -> bool {
        self.0[item.0]
    }

    /// Notes that an item is shown.
    pub(super) fn add(&mut self, item: Item) {
        self.0[item.0] = true;
    }
}
