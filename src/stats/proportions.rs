//! Shares of successes: intervals for one, and tests and intervals for the difference of two.
//!
//! For one look at a sample size fixed beforehand, and for display.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::fisher::fisher_p;
use crate::stats::open_unit;
use crate::stats::root::edge;
use crate::stats::special::ln_beta_cdf;
use crate::stats::special::ln_beta_survival;
use crate::stats::tails::normal_p;
use crate::stats::tails::two_sided_z;

/// The score interval for a proportion (Wilson 1927).
///
/// # Errors
/// Without trials, and for a confidence outside (0, 1).
pub fn wilson(successes: u64, failures: u64, confidence: f64) -> Result<Interval, Undefined> {
    let z = two_sided_z(open_unit("the confidence", confidence)?);
    let (s, f) = (successes as f64, failures as f64);
    let n = s + f;
    if n == 0.0 {
        return Err(Undefined::NoObservations);
    }
    let centre = (s + z * z / 2.0) / (n + z * z);
    let half = z / (n + z * z) * (s * f / n + z * z / 4.0).sqrt();
    Ok(Interval {
        lower: if successes == 0 { 0.0 } else { centre - half },
        upper: if failures == 0 { 1.0 } else { centre + half },
    })
}

/// The exact interval for a proportion (Clopper and Pearson 1934): it never covers less than the confidence says.
///
/// # Errors
/// Without trials, and for a confidence outside (0, 1).
pub fn clopper_pearson(successes: u64, failures: u64, confidence: f64) -> Result<Interval, Undefined> {
    let tail = (1.0 - open_unit("the confidence", confidence)?) / 2.0;
    if successes == 0 && failures == 0 {
        return Err(Undefined::NoObservations);
    }
    let (s, f) = (successes as f64, failures as f64);
    let lower_excluded = |p: f64| ln_beta_cdf(s, f + 1.0, p) < tail.ln();
    let upper_excluded = |p: f64| ln_beta_survival(s + 1.0, f, p) < tail.ln();
    Ok(Interval {
        lower: if successes == 0 { 0.0 } else { edge(0.0, 1.0, lower_excluded) },
        upper: if failures == 0 { 1.0 } else { edge(1.0, 0.0, upper_excluded) },
    })
}

/// A statistic that is normal under the null, and its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ZTest {
    /// The difference over its standard error.
    pub z: f64,
    /// The p-value.
    pub p: f64,
}

/// Successes and failures of two independent sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TwoProportions {
    one: Counts,
    other: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Counts {
    successes: u64,
    trials: u64,
}

impl TwoProportions {
    /// Successes and trials, of which there is at least one, of one side and of the other.
    ///
    /// # Errors
    /// [`Undefined::NoObservations`] for a side without trials; more successes than trials.
    pub fn new(one: (u64, u64), other: (u64, u64)) -> Result<Self, Undefined> {
        Ok(Self { one: Counts::new(one)?, other: Counts::new(other)? })
    }

    /// The test of equal proportions with their common variance (Pearson 1900).
    ///
    /// # Errors
    /// [`Undefined::NoVariance`] when there are only successes or only failures.
    pub fn z_test(&self, alternative: Alternative) -> Result<ZTest, Undefined> {
        let Self { one, other } = self;
        let successes = one.successes as f64 + other.successes as f64;
        let failures = one.failures() + other.failures();
        if successes == 0.0 || failures == 0.0 {
            return Err(Undefined::NoVariance);
        }
        let (n, m) = (one.trials as f64, other.trials as f64);
        let variance = successes / (n + m) * (failures / (n + m)) * (1.0 / n + 1.0 / m);
        let z = (one.share() - other.share()) / variance.sqrt();
        Ok(ZTest { z, p: normal_p(z, alternative) })
    }

    /// Fisher's exact test (1935); two-sided, all tables that are no more probable than the one at hand count.
    pub fn fisher(&self, alternative: Alternative) -> f64 {
        let Self { one, other } = *self;
        fisher_p((one.successes, one.trials), (other.successes, other.trials), alternative)
    }

    /// The interval for the one proportion minus the other from Wilson's intervals of both (Newcombe 1998,
    /// method 10).
    ///
    /// # Errors
    /// For a confidence outside (0, 1).
    pub fn newcombe(&self, confidence: f64) -> Result<Interval, Undefined> {
        let Self { one, other } = self;
        let (of_one, of_other) = (one.wilson(confidence)?, other.wilson(confidence)?);
        let (p, q) = (one.share(), other.share());
        Ok(Interval {
            lower: p - q - (p - of_one.lower).hypot(of_other.upper - q),
            upper: p - q + (of_one.upper - p).hypot(q - of_other.lower),
        })
    }

    /// The interval for the difference from the normal approximation (Wald): too narrow for few trials or rare
    /// successes, empty where neither side varies.
    ///
    /// # Errors
    /// For a confidence outside (0, 1).
    pub fn wald(&self, confidence: f64) -> Result<Interval, Undefined> {
        self.normal_interval(confidence, 0.0)
    }

    /// Wald's interval after one more success and failure on either side (Agresti and Caffo 2000).
    ///
    /// # Errors
    /// For a confidence outside (0, 1).
    pub fn agresti_caffo(&self, confidence: f64) -> Result<Interval, Undefined> {
        self.normal_interval(confidence, 1.0)
    }

    fn normal_interval(&self, confidence: f64, more: f64) -> Result<Interval, Undefined> {
        let z = two_sided_z(open_unit("the confidence", confidence)?);
        let share_and_variance = |side: &Counts| {
            let n = side.trials as f64 + 2.0 * more;
            let share = (side.successes as f64 + more) / n;
            (share, share * (1.0 - share) / n)
        };
        let (p, p_variance) = share_and_variance(&self.one);
        let (q, q_variance) = share_and_variance(&self.other);
        let half = z * (p_variance + q_variance).sqrt();
        Ok(Interval { lower: p - q - half, upper: p - q + half })
    }
}

impl Counts {
    fn new((successes, trials): (u64, u64)) -> Result<Self, Undefined> {
        if successes > trials {
            let value = successes as f64;
            return Err(Undefined::Parameter { name: "successes", value, expected: "at most the trials" });
        }
        if trials == 0 { Err(Undefined::NoObservations) } else { Ok(Self { successes, trials }) }
    }

    fn failures(&self) -> f64 {
        (self.trials - self.successes) as f64
    }

    fn share(&self) -> f64 {
        self.successes as f64 / self.trials as f64
    }

    fn wilson(&self, confidence: f64) -> Result<Interval, Undefined> {
        wilson(self.successes, self.trials - self.successes, confidence)
    }
}
