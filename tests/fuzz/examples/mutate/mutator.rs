//! Mutations of seeds where there is no libFuzzer: blind, but the same on every machine and compiler.

/// A source of mutated inputs, always the same ones for the same seeds.
#[derive(Debug)]
pub(crate) struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

/// The most bytes of an input.
const MAX_BYTES: usize = 16 * 1024;

impl Mutator {
    /// Mutates these; an empty input is always among them.
    pub(crate) fn new(mut seeds: Vec<Vec<u8>>) -> Self {
        seeds.push(Vec::new());
        Self { seeds, state: 1 }
    }

    /// The next input: a seed with one to eight changes.
    pub(crate) fn draw(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let mut input = self.seeds[seed].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(64)).min(input.len());
        match self.below(6) {
            0 => input.insert(at, self.byte()),
            1 => drop(input.drain(at..end)),
            2 => {
                let repeated = input[at..end].to_vec();
                input.splice(at..at, repeated);
            }
            3 => {
                let piece = self.piece();
                input.splice(at..end, piece);
            }
            4 if at < input.len() => input[at] ^= 1 << self.below(8),
            _ if at < input.len() => input[at] = self.byte(),
            _ => {}
        }
    }

    /// A byte, mostly one that means something in YAML or JSON.
    fn byte(&mut self) -> u8 {
        const TELLING: &[u8] = b"{}[]\"':,.-+0123456789eE\\/$*?@#&!%|>~ \t\r\n\0\x7f\x80\xff";
        let place = self.below(TELLING.len() + 8);
        TELLING.get(place).copied().unwrap_or_else(|| self.next().to_le_bytes()[0])
    }

    /// A piece of any seed.
    fn piece(&mut self) -> Vec<u8> {
        let seed = self.below(self.seeds.len());
        let from = self.below(self.seeds[seed].len() + 1);
        let to = (from + self.below(64)).min(self.seeds[seed].len());
        self.seeds[seed][from..to].to_vec()
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
