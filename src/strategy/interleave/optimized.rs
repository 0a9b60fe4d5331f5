//! The lists that optimized interleaving may show (Radlinski and Craswell 2013), for studies of methods.
//!
//! It is no method of the policy: how often to show each list takes a linear program for every request.

use std::collections::BTreeSet;

use crate::strategy::interleave::ranking::Item;
use crate::strategy::interleave::ranking::Rankings;

/// Every list of at most `depth` ids in which each place takes the best item not yet shown of one of the arms, in the
/// order of the ids. There may be as many as the number of arms to the power of the depth.
pub fn allowed_lists(lists: &[Vec<String>], depth: usize) -> BTreeSet<Vec<String>> {
    let rankings = Rankings::of(lists);
    let mut begun: Vec<Vec<Item>> = vec![Vec::new()];
    for _ in 0..depth {
        begun = begun.iter().flat_map(|begun| longer(&rankings, begun)).collect();
    }
    let ids = |items: &Vec<Item>| items.iter().map(|item| rankings.id(*item).to_owned()).collect();
    begun.iter().map(ids).collect()
}

/// The lists that go on from one by one item; itself, when nothing is left.
fn longer(rankings: &Rankings<'_>, begun: &[Item]) -> Vec<Vec<Item>> {
    let mut shown = rankings.nothing_shown();
    begun.iter().for_each(|item| shown.add(*item));
    let mut offered = Vec::new();
    for arm in rankings.arms() {
        let best = rankings.left(arm, &shown).next().map(|(item, _)| item);
        offered.extend(best.filter(|item| !offered.contains(item)));
    }
    if offered.is_empty() {
        return vec![begun.to_vec()];
    }
    offered.into_iter().map(|item| [begun, &[item]].concat()).collect()
}
