//! Confidence sequences for any mean, valid in the limit: AsympCS (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
//! 2024).
//!
//! With r = rho^2, n observations of variance s2: mean +- sqrt(s2) sqrt(2 (n r + 1) / (n^2 r) ln(sqrt(n r + 1) / alpha)).
//! The limit matters: read from the second observation on, rare events exclude the truth in more than half of all runs.
//! Do not read it before each arm has 100 observations, 20 of them not 0 (STATS 2.10).

use serde::Serialize;

use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::Undefined;
use crate::stats::open_unit;
use crate::stats::positive;

/// How rho is found for which the sequence is tightest at a planned number of observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tuning {
    /// r = (-W(-alpha^2 / e) - 1) / t, with the lower branch of Lambert's W.
    Exact,
    /// r = (-2 ln alpha + ln(1 - 2 ln alpha)) / t, which is near (their equation 161 in the preprint's version 7).
    Approximate,
}

/// The sequence at one level, tuned for one number of observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AsymptoticCs {
    alpha: f64,
    r: f64,
    r_one_sided: Option<f64>,
}

/// The difference of two means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanDifference {
    /// The second mean less the first.
    pub difference: f64,
    /// Its confidence sequence.
    pub interval: Interval,
    /// The log e-value against no difference.
    pub log_e: f64,
    /// min(1, 1/e): the p-value of this look.
    pub p: f64,
}

/// rho^2 for a planned number of observations.
///
/// # Errors
/// When `alpha` is not within (0, 1) or `planned` not above 0.
pub fn asymptotic_rho2(alpha: f64, planned: f64, tuning: Tuning) -> Result<f64, Undefined> {
    let twice = -2.0 * open_unit("alpha", alpha)?.ln();
    let planned = positive("the planned number of observations", planned)?;
    Ok(match tuning {
        Tuning::Exact => excess_of_lambert(twice) / planned,
        Tuning::Approximate => (twice + twice.ln_1p()) / planned,
    })
}

/// y above 0 with y - ln(1 + y) = `excess`, which is -W(-exp(-1 - `excess`)) - 1 on the lower branch; by Newton's method.
fn excess_of_lambert(excess: f64) -> f64 {
    const STEPS: u32 = 60;
    // Above the root for every excess, where steps fall towards it: the function is convex.
    let mut y = excess + (2.0 * excess).sqrt();
    for _ in 0..STEPS {
        let next = y - (y - y.ln_1p() - excess) * (1.0 + y) / y;
        if next == y || !next.is_finite() {
            break;
        }
        y = next;
    }
    y
}

impl AsymptoticCs {
    /// The sequence at the level `alpha` that is tightest at `planned` observations, those of both arms together for
    /// a difference.
    ///
    /// # Errors
    /// When `alpha` is not within (0, 1) or `planned` not above 0.
    pub fn new(alpha: f64, planned: f64, tuning: Tuning) -> Result<Self, Undefined> {
        let r = asymptotic_rho2(alpha, planned, tuning)?;
        Ok(Self { alpha, r, r_one_sided: asymptotic_rho2(2.0 * alpha, planned, tuning).ok() })
    }

    /// The sequence for a mean.
    ///
    /// # Errors
    /// Of fewer than two observations.
    pub fn mean(&self, sample: &Moments) -> Result<Interval, Undefined> {
        let half = self.half_width(sample.n() as f64, sample.variance()?);
        let mean = sample.mean()?;
        Ok(Interval { lower: mean - half, upper: mean + half })
    }

    /// The lower end of the one-sided sequence for a mean, in which ln(1 + sqrt(n r + 1) / (2 alpha)) takes the place
    /// of the logarithm, and r is that of twice alpha.
    ///
    /// # Errors
    /// Of fewer than two observations, and when `alpha` is not below 1/2.
    pub fn lower(&self, sample: &Moments) -> Result<f64, Undefined> {
        let r = self.r_one_sided.ok_or(Undefined::Parameter {
            name: "alpha",
            value: self.alpha,
            expected: "less than 1/2 for one side",
        })?;
        let n = sample.n() as f64;
        let grown = n * r + 1.0;
        let logarithm = (grown.sqrt() / (2.0 * self.alpha)).ln_1p();
        Ok(sample.mean()? - (sample.variance()? * 2.0 * grown / (n * n * r) * logarithm).sqrt())
    }

    /// The second mean less the first, where n counts the observations of both and the variance is
    /// n (var_1 / n_1 + var_2 / n_2).
    ///
    /// # Errors
    /// When either sample has fewer than two observations; [`Undefined::NoVariance`] when neither varies.
    pub fn difference(&self, first: &Moments, second: &Moments) -> Result<MeanDifference, Undefined> {
        let of_mean = |sample: &Moments| Ok::<_, Undefined>(sample.variance()? / sample.n() as f64);
        let of_difference = of_mean(first)? + of_mean(second)?;
        if of_difference == 0.0 {
            return Err(Undefined::NoVariance);
        }
        let n = (first.n() + second.n()) as f64;
        let difference = second.mean()? - first.mean()?;
        let half = self.half_width(n, n * of_difference);
        let log_e = self.log_e(n, difference / of_difference.sqrt());
        Ok(MeanDifference {
            difference,
            interval: Interval { lower: difference - half, upper: difference + half },
            log_e,
            p: (-log_e).exp().min(1.0),
        })
    }

    /// The log e-value of an estimate that lies z standard errors from the null after n observations:
    /// n r z^2 / (2 (n r + 1)) - ln(n r + 1) / 2.
    pub fn log_e(&self, n: f64, z: f64) -> f64 {
        let nr = n * self.r;
        0.5 * (nr * z * z / (nr + 1.0) - nr.ln_1p())
    }

    fn half_width(&self, n: f64, variance: f64) -> f64 {
        let grown = n * self.r + 1.0;
        (variance * 2.0 * grown / (n * n * self.r) * (grown.sqrt() / self.alpha).ln()).sqrt()
    }
}
