//! A histogram of durations with buckets that grow by 2 %, so that any quantile is right within 1 %.
//!
//! Counts are exact, so histograms add up, and the same durations in any order make the same histogram
//! (as DDSketch does: Masson, Rim and Lee 2019).

use serde::Deserialize;
use serde::Serialize;

/// How far a quantile may be off, relative to itself.
const ERROR: f64 = 0.01;

/// Durations by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Histogram {
    /// Below 1 us.
    instant: u64,
    /// Bucket `i` holds durations of growth^(i-1) to growth^i microseconds.
    buckets: Vec<u64>,
    count: u64,
}

impl Histogram {
    /// Adds a duration in milliseconds.
    pub(super) fn add(&mut self, milliseconds: f64) {
        // A damaged log may hold any number.
        let micros = (milliseconds * 1000.0).min(f64::MAX);
        self.count += 1;
        if micros < 1.0 {
            self.instant += 1;
            return;
        }
        let bucket = (micros.ln() / growth().ln()).ceil() as usize;
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
    }

    /// How many durations there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes in another's durations.
    pub(super) fn merge(&mut self, other: &Histogram) {
        self.instant += other.instant;
        self.count += other.count;
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(own, more)| *own += more);
    }

    /// The duration in milliseconds that a share of all do not exceed; `None` of none.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut below = self.instant;
        if rank <= below {
            return Some(0.0);
        }
        for (bucket, count) in self.buckets.iter().enumerate() {
            below += count;
            if rank <= below {
                let micros = 2.0 * growth().powi(bucket as i32) / (growth() + 1.0);
                return Some((micros).round() / 1000.0);
            }
        }
        None
    }
}

fn growth() -> f64 {
    (1.0 + ERROR) / (1.0 - ERROR)
}
