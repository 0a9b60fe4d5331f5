//! A bounded set of units, so that a unit is counted once.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

/// How many units are told apart. Beyond, new ones count no more: evidence then stands still and stays valid.
const MOST: usize = 1_000_000;

/// Units that were counted, as hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Units(HashSet<u64>);

impl Units {
    /// Says whether a unit is to be counted: it is new, and there is room for it.
    pub(super) fn count(&mut self, unit: &str) -> bool {
        self.0.len() < MOST && self.0.insert(xxh3_64(unit.as_bytes()))
    }

    /// The same where a request without the name of a unit is a unit of its own.
    pub(super) fn count_named(&mut self, unit: Option<&str>) -> bool {
        unit.is_none_or(|unit| self.count(unit))
    }
}
