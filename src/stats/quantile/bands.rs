//! Radii in probability that hold for every time at once, and around all quantiles or the whole distribution function.

use crate::stats::Undefined;
use crate::stats::boundary::above_one;
use crate::stats::boundary::stitching_factors;
use crate::stats::boundary::zeta;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::edge;

/// The double stitching bound, for all quantiles at once (Howard and Ramdas 2022, Theorem 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleStitching {
    t_opt: f64,
    delta: f64,
    s: f64,
    eta: f64,
}

/// A band around the empirical distribution function by the law of the iterated logarithm (their Theorem 2): from
/// t_min on, sup |F_n - F| stays below A sqrt((ln(1 + ln(n / t_min)) + C) / n) with probability 1 - alpha.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CdfBand {
    t_min: f64,
    factor: f64,
    constant: f64,
}

impl DoubleStitching {
    /// A bound that is tight from `t_opt` observations on. `delta` sets how finely quantiles are covered (1/2 is usual);
    /// epochs grow by `eta` (2) and their shares of alpha fall as 1 / k^s (1.4).
    ///
    /// # Errors
    /// When `t_opt` or `delta` is not above 0, or `s` or `eta` not above 1.
    pub fn new(t_opt: f64, delta: f64, s: f64, eta: f64) -> Result<Self, Undefined> {
        let t_opt = positive("the number of observations to be tuned for", t_opt)?;
        let delta = positive("delta", delta)?;
        Ok(Self { t_opt, delta, s: above_one("s", s)?, eta: above_one("eta", eta)? })
    }

    /// How far, in probability, the p-quantile may lie from that of n observations.
    ///
    /// # Errors
    /// Without observations, and when `p` or `alpha` is not within (0, 1).
    pub fn radius(&self, p: f64, n: u64, alpha: f64) -> Result<f64, Undefined> {
        let Self { t_opt, delta, s, eta } = *self;
        let p = open_unit("the quantile", p)?;
        let alpha = open_unit("alpha", alpha)?;
        if n == 0 {
            return Err(Undefined::NoObservations);
        }
        let t = (n as f64).max(t_opt);
        let logit = (p / (1.0 - p)).ln();
        let r =
            if p >= 0.5 { p } else { 0.5_f64.min(logistic(logit + 2.0 * delta * (t_opt * eta / t).sqrt())) };
        let variance = r * (1.0 - r);
        let j = (t / t_opt).sqrt() * logit.abs() / (2.0 * delta) + 1.0;
        let twice_zeta = 2.0 * zeta(s);
        let l = s * (eta * t / t_opt).ln().ln()
            + s * j.ln()
            + (twice_zeta * (twice_zeta + 1.0) / (alpha * eta.ln().powf(s))).ln();
        let (k1, k2) = stitching_factors(eta);
        let linear = k2 * (1.0 - 2.0 * p) / 3.0 * l;
        let sum = delta * (eta * t * variance / t_opt).sqrt()
            + (k1 * k1 * variance * t * l + linear * linear).sqrt()
            + linear;
        Ok(sum / n as f64)
    }
}

impl CdfBand {
    /// A band at the level `alpha` from `t_min` observations on, with the factor A (0.85 is usual).
    ///
    /// # Errors
    /// When `alpha` is not within (0, 1), `t_min` not 1 or more, or A not above the square root of 1/2.
    pub fn new(alpha: f64, t_min: f64, factor: f64) -> Result<Self, Undefined> {
        let alpha = open_unit("alpha", alpha)?;
        let beyond = |name, value: f64, least: f64, expected| {
            let inside = value >= least && value.is_finite();
            inside.then_some(value).ok_or(Undefined::Parameter { name, value, expected })
        };
        let t_min = beyond("the least number of observations", t_min, 1.0, "1 or more")?;
        let least = std::f64::consts::FRAC_1_SQRT_2.next_up();
        let factor = beyond("A", factor, least, "more than the square root of 1/2")?;
        // The error falls as C grows.
        const LARGEST: f64 = 1e9;
        Ok(Self { t_min, factor, constant: edge(0.0, LARGEST, |c| least_error(c, factor) > alpha) })
    }

    /// How far the empirical distribution function of n observations may lie from the true one; infinite before
    /// `t_min`.
    pub fn radius(&self, n: u64) -> f64 {
        let n = n as f64;
        if n < self.t_min {
            return f64::INFINITY;
        }
        self.factor * (((n / self.t_min).ln().ln_1p() + self.constant) / n).sqrt()
    }
}

/// The least bound, over eta, of the probability that the band of factor A and constant C ever errs: with
/// g = 2 / eta (A - sqrt(2 (eta - 1) / C))^2 above 1 it is 4 exp(-g C) (1 + 1 / ((g - 1) ln eta)).
fn least_error(c: f64, factor: f64) -> f64 {
    let root = |eta: f64| factor - (2.0 * (eta - 1.0) / c).sqrt();
    let error = |eta: f64| {
        let g = 2.0 / eta * root(eta).powi(2);
        if g <= 1.0 { f64::INFINITY } else { 4.0 * (-g * c).exp() * (1.0 + 1.0 / ((g - 1.0) * eta.ln())) }
    };
    // Up to here g is above 1.
    let most = edge(2.0 * factor * factor, 1.0, |eta| root(eta) < (eta / 2.0).sqrt());
    error(least_between(1.0, most, error))
}

/// Where a function with one trough is least, by golden sections.
pub(super) fn least_between(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const SECTIONS: u32 = 80;
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..SECTIONS {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = f(right);
        }
    }
    0.5 * (low + high)
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
