//! One arm's list without repetitions, with the rank and the original place of each id.

use std::collections::HashMap;

/// A list of distinct ids, best first.
#[derive(Debug)]
pub(super) struct Ranking<'a> {
    ids: Vec<&'a str>,
    known: HashMap<&'a str, Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    rank: usize,
    place: usize,
}

impl<'a> Ranking<'a> {
    /// Keeps each id where it stands first.
    pub(super) fn of(list: &'a [String]) -> Self {
        let mut ranking = Ranking { ids: Vec::with_capacity(list.len()), known: HashMap::new() };
        for (place, id) in list.iter().enumerate() {
            let rank = ranking.ids.len() + 1;
            ranking.known.entry(id).or_insert_with(|| {
                ranking.ids.push(id);
                Known { rank, place }
            });
        }
        ranking
    }

    /// The ids, best first.
    pub(super) fn ids(&self) -> &[&'a str] {
        &self.ids
    }

    /// The best ids, at most this many.
    pub(super) fn top(&self, depth: usize) -> &[&'a str] {
        &self.ids[..depth.min(self.ids.len())]
    }

    /// An id's rank, from 1.
    pub(super) fn rank(&self, id: &str) -> Option<usize> {
        self.known.get(id).map(|known| known.rank)
    }

    /// An id's place, from 0, in the list as it was given.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.known.get(id).map(|known| known.place)
    }
}
