//! Where each symbol stands in a sequence, as bits: what makes alignment 64 times as fast.
//!
//! Only blocks of 64 places that hold the symbol are kept, so that the memory is in proportion to the sequence even
//! when all its symbols differ.

use std::collections::HashMap;
use std::hash::Hash;

/// The places of each symbol in one sequence.
pub(super) struct Positions<T> {
    /// By symbol, the blocks that hold it, in order, and in each a bit for each place.
    blocks_of: HashMap<T, Vec<(usize, u64)>>,
    blocks: usize,
}

impl<T: Copy + Eq + Hash> Positions<T> {
    pub(super) fn of(sequence: &[T]) -> Self {
        let mut blocks_of: HashMap<T, Vec<(usize, u64)>> = HashMap::new();
        for (place, symbol) in sequence.iter().enumerate() {
            let (block, bit) = (place / 64, 1 << (place % 64));
            let known = blocks_of.entry(*symbol).or_default();
            match known.last_mut() {
                Some((last, bits)) if *last == block => *bits |= bit,
                _ => known.push((block, bit)),
            }
        }
        Self { blocks_of, blocks: sequence.len().div_ceil(64) }
    }

    /// How many blocks the sequence takes.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Block by block, the places where the symbol stands.
    pub(super) fn bits(&self, symbol: T) -> impl Iterator<Item = u64> {
        let known = self.blocks_of.get(&symbol).map_or(&[][..], Vec::as_slice);
        let mut known = known.iter().peekable();
        (0..self.blocks).map(move |block| known.next_if(|(at, _)| *at == block).map_or(0, |(_, bits)| *bits))
    }
}
