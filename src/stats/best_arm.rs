//! Which arm is the best, as far as success and failure tell? Exact posterior probabilities.
//!
//! Each arm's rate has a Beta posterior. The probability that an arm is the best is an integral over its own rate of
//! the probability that all others are below it. By the logit of the rate the integrand is smooth and falls off
//! exponentially, so that the plain trapezoidal sum converges to all digits (Trefethen and Weideman 2014).

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::positive;
use crate::stats::special::ln_beta;
use crate::stats::special::ln_beta_cdf_at;

/// A grid of more points than this is made coarser.
const MOST_POINTS: f64 = 100_000.0;

/// How many powers of e below its peak a density is nothing.
const DEPTH: f64 = 45.0;

/// A Beta distribution of an arm's rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BetaPosterior {
    a: f64,
    b: f64,
}

impl BetaPosterior {
    /// Beta(a, b).
    ///
    /// # Errors
    /// For an `a` or `b` that is not above 0.
    pub fn new(a: f64, b: f64) -> Result<Self, Undefined> {
        Ok(Self { a: positive("the posterior's a", a)?, b: positive("the posterior's b", b)? })
    }

    /// The posterior after these successes and failures, from the uniform prior.
    pub fn after(successes: u64, failures: u64) -> Self {
        Self { a: 1.0 + successes as f64, b: 1.0 + failures as f64 }
    }

    /// The probability that this arm's rate exceeds the other's, within 1e-10.
    pub fn beats(&self, other: &BetaPosterior) -> f64 {
        // Over the narrower of the two, on whose scale the other one is smooth.
        if self.width() <= other.width() {
            self.mean_over_grid(self.step(), |at| other.cdf(at))
        } else {
            other.mean_over_grid(other.step(), |at| self.survival(at))
        }
    }

    /// The density of the logit.
    fn density(&self, at: Logit) -> f64 {
        (self.a * at.ln_rate() + self.b * at.ln_rest() - ln_beta(self.a, self.b)).exp()
    }

    fn cdf(&self, at: Logit) -> f64 {
        ln_beta_cdf_at(self.a, self.b, at.ln_rate().exp(), at.ln_rest().exp()).exp()
    }

    fn survival(&self, at: Logit) -> f64 {
        ln_beta_cdf_at(self.b, self.a, at.ln_rest().exp(), at.ln_rate().exp()).exp()
    }

    /// About the standard deviation of the logit.
    fn width(&self) -> f64 {
        (1.0 / self.a + 1.0 / self.b).sqrt()
    }

    fn step(&self) -> f64 {
        (self.width() / 4.0).min(0.5)
    }

    /// The expectation of a function of the rate, by steps of at least this length.
    fn mean_over_grid(&self, step: f64, function: impl Fn(Logit) -> f64) -> f64 {
        let peak = (self.a / self.b).ln();
        let ln_density = |logit: f64| {
            let at = Logit(logit);
            self.a * at.ln_rate() + self.b * at.ln_rest()
        };
        let end = |direction: f64| {
            let mut reach = self.width();
            while ln_density(peak) - ln_density(peak + direction * reach) < DEPTH {
                reach *= 1.25;
            }
            reach
        };
        let (below, above) = (end(-1.0), end(1.0));
        let step = step.max((below + above) / MOST_POINTS);
        let points = (-(below / step).ceil() as i64)..=((above / step).ceil() as i64);
        let weighted = points.map(|point| {
            let at = Logit(peak + point as f64 * step);
            let density = self.density(at);
            if density == 0.0 { 0.0 } else { density * function(at) }
        });
        (weighted.sum::<f64>() * step).min(1.0)
    }
}

/// The probability of each arm to have the highest rate; they add up to 1.
///
/// Right within 1e-9; where one arm is known a thousand times more precisely than another, within 1e-4. Takes some
/// milliseconds, so it belongs to where traffic is allocated, not to where a request is.
///
/// # Errors
/// [`Undefined::NoControl`] for fewer than two arms.
pub fn best_arm_probabilities(arms: &[BetaPosterior]) -> Result<Vec<f64>, Undefined> {
    if arms.len() < 2 {
        return Err(Undefined::NoControl);
    }
    if let [one, other] = arms {
        return Ok(vec![one.beats(other), other.beats(one)]);
    }
    let step = arms.iter().map(BetaPosterior::step).fold(f64::INFINITY, f64::min);
    let best = |index: usize| {
        arms[index].mean_over_grid(step, |at| {
            let others = arms.iter().enumerate().filter(|(other, _)| *other != index);
            others.map(|(_, arm)| arm.cdf(at)).product()
        })
    };
    let chances: Vec<f64> = (0..arms.len()).map(best).collect();
    let whole: f64 = chances.iter().sum();
    Ok(chances.iter().map(|chance| chance / whole).collect())
}

/// The logit of a rate, from which the rate and the rest to 1 are both had with all their digits.
#[derive(Clone, Copy)]
struct Logit(f64);

impl Logit {
    fn ln_rate(self) -> f64 {
        -ln_one_plus_exp(-self.0)
    }

    fn ln_rest(self) -> f64 {
        -ln_one_plus_exp(self.0)
    }
}

/// ln(1 + e^x) without overflow.
fn ln_one_plus_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
