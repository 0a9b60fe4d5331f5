//! The longest common subsequence of two sequences of words: its length, and one such subsequence.
//!
//! Computed column by column with the column's steps as bits (Crochemore and others 2001; Hyyro 2004): n m / 64
//! steps for sequences of n and m words. Reading a subsequence out needs all columns; only every so many are kept
//! and those between are computed again, so that the memory stays at about n sqrt(m) / 4 bytes instead of n m.

use std::hash::Hash;

use crate::evaluate::text::positions::Positions;

/// A row of a column of the table of lengths is a bit, set where the length does not grow downwards. In the column
/// before the first all are set, and bits beyond the last row stay so.
const BEFORE_FIRST: u64 = u64::MAX;

/// Goes to the next column, given the rows whose symbol is the column's.
fn advance(column: &mut [u64], matches: impl Iterator<Item = u64>) {
    let mut carry = false;
    for (level, matched) in column.iter_mut().zip(matches) {
        let (sum, over) = level.overflowing_add(*level & matched);
        let (sum, over_again) = sum.overflowing_add(u64::from(carry));
        carry = over || over_again;
        *level = sum | (*level & !matched);
    }
}

/// The length of the longest common subsequence.
pub(super) fn length<T: Copy + Eq + Hash>(one: &[T], other: &[T]) -> usize {
    let positions = Positions::of(one);
    let mut column = vec![BEFORE_FIRST; positions.blocks()];
    for symbol in other {
        advance(&mut column, positions.bits(*symbol));
    }
    column.iter().map(|level| level.count_zeros() as usize).sum()
}

/// A reference, prepared to be matched with several candidates.
pub(super) struct Reference<'r, T> {
    words: &'r [T],
    positions: Positions<T>,
    /// The columns before every so many of the candidate's words, one after another.
    kept: Vec<u64>,
    /// The column before a stretch of the candidate's words, and the column after each of them.
    columns: Vec<u64>,
}

impl<'r, T: Copy + Eq + Hash> Reference<'r, T> {
    pub(super) fn new(words: &'r [T]) -> Self {
        Self { words, positions: Positions::of(words), kept: Vec::new(), columns: Vec::new() }
    }

    /// Calls back with the places in the reference, last first, of a longest common subsequence: the one that
    /// rouge-score reads out, which from the ends takes a match where there is one, and else drops the candidate's
    /// word where that leaves more, and otherwise the reference's.
    pub(super) fn each_match(&mut self, candidate: &[T], mut found: impl FnMut(usize)) {
        let blocks = self.positions.blocks();
        let stride = candidate.len().isqrt() + 1;
        self.keep_every(stride, candidate);
        let (mut row, mut at) = (self.words.len(), candidate.len());
        while row > 0 && at > 0 {
            let start = (at - 1) / stride * stride;
            self.compute_again(start / stride, &candidate[start..at]);
            while row > 0 && at > start {
                let column = &self.columns[(at - start) * blocks..];
                if self.words[row - 1] == candidate[at - 1] {
                    (row, at) = (row - 1, at - 1);
                    found(row);
                } else if grows_at(column, row - 1) {
                    at -= 1;
                } else {
                    row -= 1;
                }
            }
        }
    }

    fn keep_every(&mut self, stride: usize, candidate: &[T]) {
        let Self { positions, kept, columns, .. } = self;
        kept.clear();
        columns.clear();
        columns.resize(positions.blocks(), BEFORE_FIRST);
        for stretch in candidate.chunks(stride) {
            kept.extend_from_slice(columns);
            stretch.iter().for_each(|symbol| advance(columns, positions.bits(*symbol)));
        }
    }

    fn compute_again(&mut self, stretch: usize, words: &[T]) {
        let Self { positions, kept, columns, .. } = self;
        let blocks = positions.blocks();
        columns.clear();
        columns.extend_from_slice(&kept[stretch * blocks..(stretch + 1) * blocks]);
        for (index, symbol) in words.iter().enumerate() {
            columns.extend_from_within(index * blocks..);
            advance(&mut columns[(index + 1) * blocks..], positions.bits(*symbol));
        }
    }
}

fn grows_at(column: &[u64], row: usize) -> bool {
    column[row / 64] & (1 << (row % 64)) == 0
}
