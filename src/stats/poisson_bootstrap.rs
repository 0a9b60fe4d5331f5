//! A bootstrap in one pass: every unit counts in each replicate with a weight of its own, drawn by hashing.
//!
//! The number of times that a resample holds one unit is nearly Poisson with mean 1 (Chamandy and others 2012). As
//! the weight depends on nothing but the unit and the replicate, all of a unit's observations share it, whichever
//! side or replica saw them: clusters stay whole, pairs stay paired, and states add up. A state is whatever the
//! metric needs to be computed from: sums, a confusion matrix.

use xxhash_rust::xxh3::xxh3_64;

use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::percentile_interval;

/// How many replicates an interval takes by default.
pub const REPLICATES: usize = 500;

/// One state a replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonBootstrap<S> {
    states: Vec<S>,
}

impl<S: Default + Clone> PoissonBootstrap<S> {
    /// Empty states, one for each of so many replicates.
    pub fn new(replicates: usize) -> Self {
        Self { states: vec![S::default(); replicates] }
    }
}

impl<S> PoissonBootstrap<S> {
    /// Takes an observation of a unit: `update` adds it to the state of each replicate in which the unit has weight,
    /// so many times over.
    pub fn add(&mut self, unit: &[u8], mut update: impl FnMut(&mut S, u32)) {
        let unit = xxh3_64(unit);
        for (replicate, state) in (0..).zip(&mut self.states) {
            match poisson_weight(unit, replicate) {
                0 => {}
                weight => update(state, weight),
            }
        }
    }

    /// Adds the states of another bootstrap with as many replicates.
    ///
    /// # Errors
    /// [`Undefined::Lengths`] when the numbers of replicates differ.
    pub fn merge(&mut self, other: &Self, mut join: impl FnMut(&mut S, &S)) -> Result<(), Undefined> {
        if self.states.len() != other.states.len() {
            return Err(Undefined::Lengths);
        }
        self.states.iter_mut().zip(&other.states).for_each(|(ours, theirs)| join(ours, theirs));
        Ok(())
    }

    /// The percentile interval of a statistic over all replicates.
    ///
    /// # Errors
    /// Whatever the statistic lacks in any replicate, and what [`percentile_interval`] refuses.
    pub fn interval(
        &self,
        confidence: f64,
        statistic: impl Fn(&S) -> Result<f64, Undefined>,
    ) -> Result<Interval, Undefined> {
        let replicates = self.states.iter().map(statistic).collect::<Result<Vec<_>, _>>()?;
        percentile_interval(&replicates, confidence)
    }
}

/// The weight of a unit, by its xxh3_64 hash, in a replicate: the Poisson quantile of xxh3_64 over the hash's and
/// the replicate's little-endian bytes, read as a fraction of 2^64.
pub fn poisson_weight(unit: u64, replicate: u32) -> u32 {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&unit.to_le_bytes());
    key[8..].copy_from_slice(&replicate.to_le_bytes());
    let share = xxh3_64(&key) as f64 / 2.0_f64.powi(64);
    let (mut weight, mut chance) = (0, (-1.0_f64).exp());
    let mut up_to = chance;
    // Beyond 18 all that is left of the distribution is below 2^-53.
    while share >= up_to && weight < 18 {
        weight += 1;
        chance /= f64::from(weight);
        up_to += chance;
    }
    weight
}
