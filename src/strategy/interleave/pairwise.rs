//! The lists of pairwise preference multileaving (Oosterhuis and de Rijke 2017), for studies of methods.
//!
//! It is no method of the policy: the published implementations disagree on its credit.

use rand::Rng;
use rand::RngExt;

use crate::strategy::interleave::ranking::Rankings;

/// Draws a list of at most `depth` ids: each place takes, with equal chances, one of the items not yet shown that any
/// arm ranks at that place or above.
pub fn pairwise_list(lists: &[Vec<String>], depth: usize, rng: &mut impl Rng) -> Vec<String> {
    let rankings = Rankings::of(lists);
    let mut shown = rankings.nothing_shown();
    let mut drawn = Vec::new();
    for place in 1..=depth {
        let mut offered = Vec::new();
        for item in rankings.arms().flat_map(|arm| rankings.list(arm).iter().take(place)) {
            if !shown.holds(*item) && !offered.contains(item) {
                offered.push(*item);
            }
        }
        if offered.is_empty() {
            break;
        }
        let item = offered[rng.random_range(0..offered.len())];
        shown.add(item);
        drawn.push(rankings.id(item).to_owned());
    }
    drawn
}
