//! The mean and the variance of a stream of numbers: what estimates of means are made from.
//!
//! By the update of Welford 1962 and the merge of Chan, Golub and LeVeque 1983, which do not cancel at large offsets.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::finite;

/// How many numbers there were, their mean and how they spread.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    n: u64,
    mean: f64,
    /// The sum of squared deviations from the mean.
    squares: f64,
}

impl Sample {
    /// A sample known by its size, mean and variance (n - 1).
    ///
    /// # Errors
    /// When the mean is not finite, or the variance negative or not finite.
    pub fn known(n: u64, mean: f64, variance: f64) -> Result<Self, Undefined> {
        let mean = finite("the mean", mean)?;
        if !(variance >= 0.0 && variance.is_finite()) {
            let (name, expected) = ("the variance", "a finite number, 0 or more");
            return Err(Undefined::Parameter { name, value: variance, expected });
        }
        Ok(Self { n, mean, squares: variance * n.saturating_sub(1) as f64 })
    }

    /// Takes a number.
    ///
    /// # Errors
    /// When it is not finite; it is left out then.
    pub fn add(&mut self, x: f64) -> Result<(), Undefined> {
        let x = finite("an observation", x)?;
        self.n += 1;
        let before = x - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (x - self.mean);
        Ok(())
    }

    /// Takes all numbers of another sample.
    pub fn merge(&mut self, other: &Self) {
        let n = self.n + other.n;
        if n == 0 {
            return;
        }
        let (own, others) = (self.n as f64, other.n as f64);
        let apart = other.mean - self.mean;
        self.mean += apart * (others / n as f64);
        self.squares += other.squares + apart * apart * (own * others / n as f64);
        self.n = n;
    }

    /// How many numbers there were.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their mean.
    ///
    /// # Errors
    /// Without any.
    pub fn mean(&self) -> Result<f64, Undefined> {
        if self.n == 0 { Err(Undefined::NoObservations) } else { Ok(self.mean) }
    }

    /// Their variance, over n - 1.
    ///
    /// # Errors
    /// Of fewer than two.
    pub fn variance(&self) -> Result<f64, Undefined> {
        if self.n < 2 { Err(Undefined::NoObservations) } else { Ok(self.squares / (self.n - 1) as f64) }
    }
}
