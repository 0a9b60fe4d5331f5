//! Many runs of one simulation, and what they come to.

use std::num::NonZeroUsize;
use std::thread;

use rand::SeedableRng;

use crate::vectors::Case;
use crate::vectors::number;
use crate::vectors::properties::draws::Dice;
use crate::vectors::rates::Bound;
use crate::vectors::rates::Row;

/// When each run of a case ended.
pub(in crate::vectors) struct Runs {
    /// In how many of something each run ended, in order; those that did not end stand last.
    ends: Vec<Option<u64>>,
    /// Of what.
    unit: &'static str,
}

impl Runs {
    /// Carries out as many runs as the case asks for, on every core. The seed of a run is its number.
    pub(super) fn of(case: &Case, unit: &'static str, run: impl Fn(&mut Dice) -> Option<u64> + Sync) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let part = |first: usize| {
            let seeds = (first as u64..case.count("runs")).step_by(threads);
            seeds.map(|seed| run(&mut Dice::seed_from_u64(seed))).collect::<Vec<_>>()
        };
        let mut ends: Vec<Option<u64>> = thread::scope(|scope| {
            let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
            parts.into_iter().flat_map(|part| part.join().expect("a run panicked")).collect()
        });
        ends.sort_by_key(|end| end.unwrap_or(u64::MAX));
        Self { ends, unit }
    }

    /// Holds the rate against the bounds of the case.
    pub(super) fn hold(&self, case: &Case) -> Result<(), String> {
        let rate = self.rate();
        let bounds = Bound::of(case);
        assert!(!bounds.is_empty(), "{} has no bound", case.id);
        match bounds.iter().find(|bound| !bound.holds(rate)) {
            Some(bound) => Err(format!("the rate is {rate}, expected {bound}")),
            None => Ok(()),
        }
    }

    /// What to record of the runs.
    pub(in crate::vectors) fn row<'c>(&self, case: &'c Case) -> Row<'c> {
        Row {
            metric: &case.metric,
            case: &case.id,
            runs: self.ends.len(),
            rate: self.rate(),
            bounds: Bound::of(case),
            reference: case.expected.get("reference_rate").and_then(number),
            median: self.ends[(self.ends.len() - 1) / 2].map(|median| (median, self.unit)),
        }
    }

    fn rate(&self) -> f64 {
        self.ends.iter().flatten().count() as f64 / self.ends.len() as f64
    }
}
