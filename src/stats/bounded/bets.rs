//! How much to bet next, from what was seen: the predictable plug-in of Waudby-Smith and Ramdas 2023, equation 26.

use serde::Deserialize;
use serde::Serialize;

/// What bets are made from: observations between 0 and 1, and how they varied around their mean at the time. Each sum
/// begins as if half of one and a variance of a quarter had been seen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Bets {
    seen: u64,
    sum: f64,
    squares: f64,
}

impl Bets {
    /// The next bet at the level alpha, given as ln(1/alpha), before it is cut off:
    /// sqrt(2 ln(1/alpha) / (variance * t * ln(1 + t))), where the next observation is the t-th.
    pub(super) fn next(&self, ln_inverse_alpha: f64) -> f64 {
        let t = (self.seen + 1) as f64;
        // The variance so far is (1/4 + squares) / t.
        (2.0 * ln_inverse_alpha / ((0.25 + self.squares) * t.ln_1p())).sqrt()
    }

    /// How many observations there were.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Their mean; `None` before the first.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.sum / self.seen as f64)
    }

    /// Takes an observation between 0 and 1.
    pub(super) fn add(&mut self, x: f64) {
        self.seen += 1;
        self.sum += x;
        let mean = (0.5 + self.sum) / (self.seen + 1) as f64;
        self.squares += (x - mean).powi(2);
    }
}
