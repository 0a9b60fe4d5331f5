//! Is a coin fair? The beta-binomial mixture: an e-process and a confidence sequence for a proportion.
//!
//! Robbins 1970. With a Beta(a, b) prior over the proportion, after s successes and f failures
//! ln e = ln B(a+s, b+f) - ln B(a, b) - s ln p0 - f ln(1 - p0). One-sided, the prior is cut off at p0, which adds
//! the log-ratio of the posterior's and the prior's probability on that side. Exact for every sample size.

use crate::stats::Alternative;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::boundary::tuning_divisor;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::edge;
use crate::stats::special::ln_beta;
use crate::stats::special::ln_beta_cdf;
use crate::stats::special::ln_beta_survival;

/// The e-process against the null that each trial succeeds with probability `p0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomial {
    a: f64,
    b: f64,
    p0: f64,
    alternative: Alternative,
    /// ln B(a, b), and one-sided the log of what the prior leaves on that side.
    ln_prior: f64,
}

impl BetaBinomial {
    /// A process with a Beta(a, b) prior.
    ///
    /// # Errors
    /// When `a` or `b` is not above 0, or `p0` is not strictly between 0 and 1.
    pub fn new(a: f64, b: f64, p0: f64, alternative: Alternative) -> Result<Self, Undefined> {
        let (a, b) = (positive("the prior's a", a)?, positive("the prior's b", b)?);
        Ok(Self::of(a, b, open_unit("the null proportion", p0)?, alternative))
    }

    fn of(a: f64, b: f64, p0: f64, alternative: Alternative) -> Self {
        let ln_prior = ln_beta(a, b) + ln_side(a, b, p0, alternative);
        Self { a, b, p0, alternative, ln_prior }
    }

    /// Sequential McNemar: of the pairs in which just one side is right, does the candidate win half? Beta(10, 10).
    pub fn paired(alternative: Alternative) -> Self {
        Self::of(10.0, 10.0, 0.5, alternative)
    }

    /// Interleaving: of the users who prefer a side, does the candidate win half? Beta(100, 100), because
    /// preferences between rankers are slight.
    pub fn votes(alternative: Alternative) -> Self {
        Self::of(100.0, 100.0, 0.5, alternative)
    }

    /// The natural logarithm of the e-value after these counts; 0 before the first trial.
    pub fn log_e(&self, successes: u64, failures: u64) -> f64 {
        self.log_e_of(successes as f64, failures as f64)
    }

    /// The same of counts that need not be whole.
    pub(super) fn log_e_of(&self, s: f64, f: f64) -> f64 {
        let Self { a, b, p0, alternative, ln_prior } = *self;
        let (a, b) = (a + s, b + f);
        ln_beta(a, b) + ln_side(a, b, p0, alternative) - ln_prior - s * p0.ln() - f * (-p0).ln_1p()
    }
}

/// The log-probability that a Beta(a, b) variable is on the alternative's side of `p0`.
fn ln_side(a: f64, b: f64, p0: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::TwoSided => 0.0,
        Alternative::Greater => ln_beta_survival(a, b, p0),
        Alternative::Less => ln_beta_cdf(a, b, p0),
    }
}

/// The confidence sequence for a proportion: every p against which the two-sided process stays below 1/alpha.
///
/// With probability 1 - alpha it holds the true proportion at all times at once.
///
/// # Errors
/// Before the first trial, and for parameters outside their range.
pub fn share_cs(a: f64, b: f64, successes: u64, failures: u64, alpha: f64) -> Result<Interval, Undefined> {
    let (a, b) = (positive("the prior's a", a)?, positive("the prior's b", b)?);
    let alpha = open_unit("alpha", alpha)?;
    let (s, f) = (successes as f64, failures as f64);
    if s + f == 0.0 {
        return Err(Undefined::NoObservations);
    }
    let best = s / (s + f);
    let mixture = ln_mixture(a, b, s, f);
    let excluded = |p: f64| mixture - weighted_ln(s, p) - weighted_ln(f, 1.0 - p) >= -alpha.ln();
    Ok(Interval {
        lower: if s == 0.0 { 0.0 } else { edge(0.0, best, excluded) },
        upper: if f == 0.0 { 1.0 } else { edge(1.0, best, excluded) },
    })
}

/// The confidence sequence for a proportion that tunes the prior for each proportion it tests: Beta(c p, c (1-p)) with
/// the c of [`prior_strength`] (Howard, Ramdas, McAuliffe and Sekhon 2021, section 4.1).
///
/// It is tightest around `t_opt` trials.
///
/// # Errors
/// Before the first trial, and for parameters outside their range.
pub fn tuned_share_cs(
    successes: u64,
    failures: u64,
    alpha: f64,
    t_opt: f64,
    alpha_opt: f64,
) -> Result<Interval, Undefined> {
    let alpha = open_unit("alpha", alpha)?;
    let strength = prior_strength(t_opt, alpha_opt)?;
    let (s, f) = (successes as f64, failures as f64);
    if s + f == 0.0 {
        return Err(Undefined::NoObservations);
    }
    let excluded = |p: f64| {
        let mixture = ln_mixture(strength * p, strength * (1.0 - p), s, f);
        mixture - weighted_ln(s, p) - weighted_ln(f, 1.0 - p) >= -alpha.ln()
    };
    let best = s / (s + f);
    Ok(Interval {
        lower: if s == 0.0 { 0.0 } else { edge(0.0, best, excluded) },
        upper: if f == 0.0 { 1.0 } else { edge(1.0, best, excluded) },
    })
}

/// How many trials a Beta(c p, c (1-p)) prior should weigh, so that its confidence sequences are tightest around
/// `t_opt` trials at the level `alpha_opt`: c = t / (2 ln(1/a) + ln(1 + 2 ln(1/a))) - 1, and a thousandth at least.
///
/// # Errors
/// When `t_opt` is not above 0 or `alpha_opt` not within (0, 1).
pub fn prior_strength(t_opt: f64, alpha_opt: f64) -> Result<f64, Undefined> {
    let t_opt = positive("the number of trials to be tuned for", t_opt)?;
    let alpha_opt = open_unit("the alpha to be tuned for", alpha_opt)?;
    Ok((t_opt / tuning_divisor(alpha_opt) - 1.0).max(1e-3))
}

/// ln B(a+s, b+f) - ln B(a, b): the log-probability of the data under the mixture.
fn ln_mixture(a: f64, b: f64, s: f64, f: f64) -> f64 {
    ln_beta(a + s, b + f) - ln_beta(a, b)
}

/// n ln p, where nothing times anything is nothing.
fn weighted_ln(n: f64, p: f64) -> f64 {
    if n == 0.0 { 0.0 } else { n * p.ln() }
}
