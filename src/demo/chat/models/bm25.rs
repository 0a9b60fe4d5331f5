//! Search by BM25 (Robertson, Walker and others 1994) over stems: a word counts more the fewer entries have it, and
//! less the longer an entry is.

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::demo::chat::glossary::Entry;
use crate::demo::chat::words::stem;
use crate::demo::chat::words::words;

/// How soon a further mention of a word says nothing more.
const K1: f64 = 1.2;
/// How much the length of an entry counts.
const B: f64 = 0.75;

#[derive(Debug)]
pub(super) struct Bm25 {
    /// For each stem the entries that have it, and how much it adds to their score.
    postings: HashMap<String, Vec<(usize, f64)>>,
    entries: usize,
}

impl Bm25 {
    pub(super) fn read(entries: &[Entry]) -> Self {
        let mut counts: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let words = words(&entry.sentence());
            lengths.push(words.len() as f64);
            for word in &words {
                let known = counts.entry(stem(word).to_owned()).or_default();
                match known.last_mut().filter(|(last, _)| *last == place) {
                    Some((_, count)) => *count += 1.0,
                    None => known.push((place, 1.0)),
                }
            }
        }
        let all = entries.len() as f64;
        let usual = lengths.iter().sum::<f64>() / all.max(1.0);
        for known in counts.values_mut() {
            let having = known.len() as f64;
            let rarity = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
            for (place, count) in known {
                let damping = K1 * (1.0 - B + B * lengths[*place] / usual);
                *count = rarity * *count * (K1 + 1.0) / (*count + damping);
            }
        }
        Self { postings: counts, entries: entries.len() }
    }

    /// The score of each entry.
    pub(super) fn scores(&self, asked: &str) -> Vec<f64> {
        let words = words(asked);
        // Ordered, so that sums come out the same in every run.
        let stems: BTreeSet<&str> = words.iter().map(|word| stem(word)).collect();
        let mut scores = vec![0.0; self.entries];
        for (place, score) in stems.iter().filter_map(|stem| self.postings.get(*stem)).flatten() {
            scores[*place] += score;
        }
        scores
    }
}
