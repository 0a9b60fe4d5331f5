//! Search by how many words of the question an entry holds, each counted once and all alike, but for short ones.

use std::collections::HashSet;

use crate::demo::chat::glossary::Entry;
use crate::demo::chat::words::words;

/// Shorter words, as `the` and `of`, say too little.
const LEAST_LETTERS: usize = 4;

#[derive(Debug)]
pub(super) struct Overlap {
    entries: Vec<HashSet<String>>,
}

impl Overlap {
    pub(super) fn read(entries: &[Entry]) -> Self {
        Self { entries: entries.iter().map(|entry| telling(&entry.sentence())).collect() }
    }

    /// The shared words for each entry.
    pub(super) fn scores(&self, asked: &str) -> Vec<f64> {
        let asked = telling(asked);
        self.entries.iter().map(|entry| asked.intersection(entry).count() as f64).collect()
    }
}

fn telling(text: &str) -> HashSet<String> {
    words(text).into_iter().filter(|word| word.chars().count() >= LEAST_LETTERS).collect()
}
