//! Pairs of yes-or-no results, and wins against losses: the sign test and McNemar's.
//!
//! Each is right for one look at a sample size fixed beforehand; none of them decides anything here.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Continuity;
use crate::stats::Undefined;
use crate::stats::tails::chi_square_survival;
use crate::stats::tails::fair_binomial_cdf;
use crate::stats::tails::fair_binomial_pmf;

/// The exact sign test: the binomial p-value of these wins and losses at one half; ties are left out beforehand.
///
/// # Errors
/// [`Undefined::NothingDecided`] without wins or losses.
pub fn sign_test(wins: u64, losses: u64, alternative: Alternative) -> Result<f64, Undefined> {
    if wins + losses == 0 {
        return Err(Undefined::NothingDecided);
    }
    Ok(match alternative {
        Alternative::Greater => fair_binomial_cdf(losses, wins + losses),
        Alternative::Less => fair_binomial_cdf(wins, wins + losses),
        Alternative::TwoSided => mcnemar_exact(wins, losses),
    })
}

/// McNemar's exact test for paired yes-or-no results: of the pairs in which just one side is right, in how many was
/// it each one? Without such pairs p is 1, which is what the exact distribution then says.
pub fn mcnemar_exact(only_one: u64, only_other: u64) -> f64 {
    (2.0 * fair_binomial_cdf(only_one.min(only_other), only_one + only_other)).min(1.0)
}

/// McNemar's test by the mid-p (Fagerland, Lydersen and Laake 2013), less cautious than the exact one.
///
/// # Errors
/// [`Undefined::NothingDecided`] when every pair agrees.
pub fn mcnemar_mid_p(only_one: u64, only_other: u64) -> Result<f64, Undefined> {
    let (fewer, pairs) = (only_one.min(only_other), only_one + only_other);
    if pairs == 0 {
        return Err(Undefined::NothingDecided);
    }
    Ok((2.0 * fair_binomial_cdf(fewer, pairs) - fair_binomial_pmf(fewer, pairs)).min(1.0))
}

/// A statistic that is chi-square under the null, and its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ChiSquareTest {
    /// The statistic.
    pub statistic: f64,
    /// Its degrees of freedom.
    pub df: u64,
    /// The p-value.
    pub p: f64,
}

/// McNemar's test by its chi-square approximation (1947), with the correction of Edwards (1948) if wished for.
///
/// # Errors
/// [`Undefined::NothingDecided`] when every pair agrees.
pub fn mcnemar_chi_square(
    only_one: u64,
    only_other: u64,
    continuity: Continuity,
) -> Result<ChiSquareTest, Undefined> {
    if only_one + only_other == 0 {
        return Err(Undefined::NothingDecided);
    }
    let apart = (only_one.abs_diff(only_other) as f64 - 2.0 * continuity.step()).max(0.0);
    let statistic = apart * apart / (only_one + only_other) as f64;
    Ok(ChiSquareTest { statistic, df: 1, p: chi_square_survival(statistic, 1.0) })
}
