//! Counts of n-grams: how often each run of n neighbours occurs, and how many runs two texts share.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each run of this many items occurs; `order` is at least 1. The runs are slices of `items`, so that the
/// memory is in proportion to their number, whatever their order.
pub(super) fn counted<T: Eq + Hash>(items: &[T], order: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::new();
    for run in items.windows(order) {
        *counts.entry(run).or_default() += 1;
    }
    counts
}

/// How many runs occur in both, one that occurs several times counted as often as it does in both.
pub(super) fn shared<T: Eq + Hash>(one: &HashMap<&[T], u64>, other: &HashMap<&[T], u64>) -> u64 {
    one.iter().map(|(run, count)| other.get(run).map_or(0, |also| *count.min(also))).sum()
}
