//! Quantiles of any number of values in little space: counts in buckets that grow by a constant factor.
//!
//! Every estimate is right within a relative error that is fixed beforehand (DDSketch: Masson, Rim and Lee 2019).
//! Counts are exact, so sketches add up, and the same values in any order make the same sketch. Nothing is ever
//! collapsed: with an error of 1 % the buckets of all positive numbers together would take 600 kB, those of latencies
//! from a microsecond to an hour take 9 kB.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Bucket;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::closed_unit;
use crate::stats::open_unit;

/// Counted values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuantileSketch {
    relative_error: f64,
    negative: Buckets,
    zeros: u64,
    positive: Buckets,
}

/// Bucket `i` holds sizes of growth^(i-1) to growth^i; the first that is kept has the index `first`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Buckets {
    first: i32,
    counts: Vec<u64>,
    total: u64,
}

impl Default for QuantileSketch {
    /// Estimates are off by at most 1 %.
    fn default() -> Self {
        Self::new(0.01).expect("0.01 is between 0 and 1")
    }
}

impl QuantileSketch {
    /// An empty sketch whose estimates are off by at most this share of what they estimate.
    ///
    /// # Errors
    /// For a relative error outside (0, 1).
    pub fn new(relative_error: f64) -> Result<Self, Undefined> {
        Ok(Self {
            relative_error: open_unit("the relative error", relative_error)?,
            negative: Buckets::default(),
            zeros: 0,
            positive: Buckets::default(),
        })
    }

    /// Takes one more value.
    ///
    /// # Errors
    /// [`Undefined::NotFinite`]; the sketch is then as before.
    pub fn add(&mut self, value: f64) -> Result<(), Undefined> {
        finite(&[value])?;
        if value == 0.0 {
            self.zeros += 1;
            return Ok(());
        }
        let bucket = (value.abs().ln() / self.growth().ln()).ceil() as i32;
        let side = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        side.add(bucket, 1);
        Ok(())
    }

    /// Takes all the values that `other` took.
    ///
    /// # Errors
    /// When the relative errors differ; the sketch is then as before.
    pub fn merge(&mut self, other: &Self) -> Result<(), Undefined> {
        if self.relative_error != other.relative_error {
            let value = other.relative_error;
            let expected = "that of the sketch that it is merged into";
            return Err(Undefined::Parameter { name: "the relative error", value, expected });
        }
        self.zeros += other.zeros;
        self.negative.merge(&other.negative);
        self.positive.merge(&other.positive);
        Ok(())
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.negative.total + self.zeros + self.positive.total
    }

    /// The least value that at least this share of all do not exceed, within the relative error.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] of none, and for a share outside [0, 1].
    pub fn quantile(&self, share: f64) -> Result<f64, Undefined> {
        let share = closed_unit("the quantile's share", share)?;
        if self.count() == 0 {
            return Err(Undefined::NoObservations);
        }
        let rank = ((share * self.count() as f64).ceil() as u64).clamp(1, self.count());
        let below_zero = self.negative.total;
        Ok(if rank <= below_zero {
            -self.middle_of(self.negative.bucket_of(below_zero - rank + 1))
        } else if rank <= below_zero + self.zeros {
            0.0
        } else {
            self.middle_of(self.positive.bucket_of(rank - below_zero - self.zeros))
        })
    }

    /// The positive values and the zeros in bars as wide as so many buckets, the same ones in every sketch of this error,
    /// from the least to the greatest; those that hold none are left out.
    pub fn bars(&self, buckets: u16) -> Vec<Bucket> {
        let width = i32::from(buckets.max(1));
        let end = |bar: i32| self.growth().powi(bar.saturating_mul(width)).min(f64::MAX);
        let zeros = Bucket { lowest: 0.0, highest: 0.0, count: self.zeros };
        let mut bars: Vec<Bucket> = (self.zeros > 0).then_some(zeros).into_iter().collect();
        let mut last = None;
        for (bucket, &count) in
            (self.positive.first..).zip(&self.positive.counts).filter(|(_, count)| **count > 0)
        {
            // Bar `b` holds the buckets from (b - 1) * width + 1 to b * width.
            let bar = (bucket - 1).div_euclid(width) + 1;
            match bars.last_mut() {
                Some(own) if last == Some(bar) => own.count += count,
                _ => bars.push(Bucket { lowest: end(bar - 1), highest: end(bar), count }),
            }
            last = Some(bar);
        }
        bars
    }

    /// What lies within the relative error of both ends of a bucket.
    fn middle_of(&self, bucket: i32) -> f64 {
        // The bounds of the outermost buckets exceed what a number can hold.
        let upper = self.growth().powi(bucket).min(f64::MAX);
        upper * (2.0 / (self.growth() + 1.0))
    }

    fn growth(&self) -> f64 {
        (1.0 + self.relative_error) / (1.0 - self.relative_error)
    }
}

impl Buckets {
    fn add(&mut self, bucket: i32, count: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let more = (self.first - bucket) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = bucket;
        }
        let place = (bucket - self.first) as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += count;
        self.total += count;
    }

    fn merge(&mut self, other: &Buckets) {
        for (bucket, count) in (other.first..).zip(&other.counts).filter(|(_, count)| **count > 0) {
            self.add(bucket, *count);
        }
    }

    /// The bucket that holds the value of this rank, counted from 1, which is at most the total.
    fn bucket_of(&self, rank: u64) -> i32 {
        let mut up_to = 0;
        let reaches = |count: &u64| {
            up_to += count;
            up_to >= rank
        };
        self.first + self.counts.iter().position(reaches).unwrap_or(0) as i32
    }
}
