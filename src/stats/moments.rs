//! Mean, variance and covariance in one pass and constant space, and merged without loss.
//!
//! Welford 1962 for the next value, Chan, Golub and LeVeque 1979 for merging: both update deviations from the mean,
//! never sums of squares, which cancel when the mean is far from 0. Variances divide by n - 1.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::checks::same_length;

/// How many values there were, their mean and their squared deviations from it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
}

impl Moments {
    /// The moments of all these values, in two passes, which is more exact than one.
    ///
    /// # Errors
    /// [`Undefined::NotFinite`] for a value that is NaN or infinite.
    pub fn of(values: &[f64]) -> Result<Self, Undefined> {
        finite(values)?;
        let Some(first) = values.first() else { return Ok(Self::default()) };
        let (n, count) = (values.len() as u64, values.len() as f64);
        if values.iter().all(|value| value == first) {
            return Ok(Self { n, mean: *first, m2: 0.0 });
        }
        let mean = pairwise_sum(values) / count;
        if !mean.is_finite() {
            let mut moments = Self::default();
            values.iter().try_for_each(|value| moments.add(*value))?;
            return Ok(moments);
        }
        let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let squares: Vec<f64> = deviations.iter().map(|deviation| deviation * deviation).collect();
        // The deviations add up to the rounding of the mean.
        let (m2, rest) = (pairwise_sum(&squares), pairwise_sum(&deviations));
        Ok(Self { n, mean, m2: if m2.is_finite() { (m2 - rest * rest / count).max(0.0) } else { m2 } })
    }

    /// The moments behind a count, a mean and a sample variance.
    ///
    /// # Errors
    /// For a mean that is not finite and a variance that is negative or not finite.
    pub fn from_summary(n: u64, mean: f64, variance: f64) -> Result<Self, Undefined> {
        finite(&[mean, variance])?;
        if variance < 0.0 {
            return Err(Undefined::Parameter { name: "a variance", value: variance, expected: "0 or more" });
        }
        Ok(Self { n, mean, m2: variance * n.saturating_sub(1) as f64 })
    }

    /// Takes one more value.
    ///
    /// # Errors
    /// [`Undefined::NotFinite`]; the moments are then as before.
    pub fn add(&mut self, value: f64) -> Result<(), Undefined> {
        finite(&[value])?;
        self.n += 1;
        let from_old = value - self.mean;
        self.mean += from_old / self.n as f64;
        self.m2 += from_old * (value - self.mean);
        Ok(())
    }

    /// Takes all the values that `other` took.
    pub fn merge(&mut self, other: &Moments) {
        if self.n == 0 || other.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return;
        }
        let (ours, theirs) = (self.n as f64, other.n as f64);
        let (all, apart) = (ours + theirs, other.mean - self.mean);
        self.m2 += other.m2 + apart * apart * ours * theirs / all;
        self.mean += apart * theirs / all;
        self.n += other.n;
    }

    /// How many values there were.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// The mean.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] of none; [`Undefined::TooLarge`].
    pub fn mean(&self) -> Result<f64, Undefined> {
        if self.n == 0 { Err(Undefined::NoObservations) } else { representable(self.mean) }
    }

    /// The sample variance.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] of none, [`Undefined::TooFew`] of one; [`Undefined::TooLarge`].
    pub fn variance(&self) -> Result<f64, Undefined> {
        match self.n {
            0 => Err(Undefined::NoObservations),
            1 => Err(Undefined::TooFew { needed: 2 }),
            n => representable(self.m2 / (n - 1) as f64),
        }
    }

    /// The squared standard error of the mean: the variance over n.
    ///
    /// # Errors
    /// As [`Moments::variance`].
    pub fn mean_variance(&self) -> Result<f64, Undefined> {
        Ok(self.variance()? / self.n as f64)
    }
}

/// A sum whose rounding grows with the logarithm of how many there are (Higham 1993): blocks of up to 128 in eight
/// lanes, and halves of what is longer. The order is NumPy's, whose means practitioners hold ours against.
fn pairwise_sum(values: &[f64]) -> f64 {
    const LANES: usize = 8;
    const BLOCK: usize = 128;
    if values.len() > BLOCK {
        let half = values.len() / 2 / LANES * LANES;
        return pairwise_sum(&values[..half]) + pairwise_sum(&values[half..]);
    }
    let (rows, rest) = values.as_chunks::<LANES>();
    let Some((first, rows)) = rows.split_first() else { return values.iter().sum() };
    let mut lanes = *first;
    for row in rows {
        lanes.iter_mut().zip(row).for_each(|(lane, value)| *lane += value);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// The joint moments of pairs (x, y).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Covariance {
    x: Moments,
    y: Moments,
    cross: f64,
}

impl Covariance {
    /// The joint moments of values that belong together.
    ///
    /// # Errors
    /// [`Undefined::Lengths`]; [`Undefined::NotFinite`].
    pub fn of(x: &[f64], y: &[f64]) -> Result<Self, Undefined> {
        same_length(x.len(), y.len())?;
        let mut joint = Self::default();
        x.iter().zip(y).try_for_each(|(x, y)| joint.add(*x, *y))?;
        Ok(joint)
    }

    /// Takes one more pair.
    ///
    /// # Errors
    /// [`Undefined::NotFinite`]; the moments are then as before.
    pub fn add(&mut self, x: f64, y: f64) -> Result<(), Undefined> {
        finite(&[x, y])?;
        let from_old = x - self.x.mean;
        self.x.add(x)?;
        self.y.add(y)?;
        self.cross += from_old * (y - self.y.mean);
        Ok(())
    }

    /// Takes all the pairs that `other` took.
    pub fn merge(&mut self, other: &Covariance) {
        let (ours, theirs) = (self.x.n as f64, other.x.n as f64);
        if ours > 0.0 && theirs > 0.0 {
            let apart = (other.x.mean - self.x.mean) * (other.y.mean - self.y.mean);
            self.cross += apart * ours * theirs / (ours + theirs);
        }
        self.cross += other.cross;
        self.x.merge(&other.x);
        self.y.merge(&other.y);
    }

    /// The moments of the first of each pair.
    pub fn x(&self) -> &Moments {
        &self.x
    }

    /// The moments of the second of each pair.
    pub fn y(&self) -> &Moments {
        &self.y
    }

    /// The sample covariance.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] of none, [`Undefined::TooFew`] of one pair; [`Undefined::TooLarge`].
    pub fn covariance(&self) -> Result<f64, Undefined> {
        match self.x.n {
            0 => Err(Undefined::NoObservations),
            1 => Err(Undefined::TooFew { needed: 2 }),
            n => representable(self.cross / (n - 1) as f64),
        }
    }
}
