//! Classical figures for display: Wilson's interval, the sign test, McNemar's mid-p.
//!
//! Each is right for one look at a sample size fixed beforehand; none of them decides anything here.

use statrs::function::erf::erfc_inv;
use statrs::function::gamma::ln_gamma;

use crate::stats::Alternative;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::open_unit;
use crate::stats::special::ln_beta_survival;

/// The score interval for a proportion (Wilson 1927).
///
/// # Errors
/// Without trials, and for a confidence outside (0, 1).
pub fn wilson(successes: u64, failures: u64, confidence: f64) -> Result<Interval, Undefined> {
    let z = std::f64::consts::SQRT_2 * erfc_inv(1.0 - open_unit("the confidence", confidence)?);
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

/// The exact sign test: the binomial p-value of these wins and losses at one half; ties are left out beforehand.
///
/// # Errors
/// [`Undefined::NothingDecided`] without wins or losses.
pub fn sign_test(wins: u64, losses: u64, alternative: Alternative) -> Result<f64, Undefined> {
    if wins + losses == 0 {
        return Err(Undefined::NothingDecided);
    }
    Ok(match alternative {
        Alternative::Greater => at_most(losses, wins + losses),
        Alternative::Less => at_most(wins, wins + losses),
        Alternative::TwoSided => (2.0 * at_most(wins.min(losses), wins + losses)).min(1.0),
    })
}

/// McNemar's test for paired yes-or-no results, by the mid-p (Fagerland, Lydersen and Laake 2013): of the pairs in
/// which just one side is right, in how many was it each one?
///
/// # Errors
/// [`Undefined::NothingDecided`] when every pair agrees.
pub fn mcnemar_mid_p(only_one: u64, only_other: u64) -> Result<f64, Undefined> {
    let (fewer, pairs) = (only_one.min(only_other), only_one + only_other);
    if pairs == 0 {
        return Err(Undefined::NothingDecided);
    }
    Ok((2.0 * at_most(fewer, pairs) - exactly(fewer, pairs)).min(1.0))
}

/// P(X <= k) for X ~ Binomial(n, 1/2).
fn at_most(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let (k, n) = (k as f64, n as f64);
    ln_beta_survival(k + 1.0, n - k, 0.5).exp()
}

/// P(X = k) for X ~ Binomial(n, 1/2).
fn exactly(k: u64, n: u64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    let ln_ways = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    (ln_ways - n * std::f64::consts::LN_2).exp()
}
