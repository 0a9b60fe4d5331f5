//! Pearson's chi-square test of counts against designed shares, for one look at traffic that has ended.
//!
//! Live traffic is watched by [`SampleRatio`](crate::stats::SampleRatio), which may be read at any time.

use crate::stats::ChiSquareTest;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::same_length;
use crate::stats::tails::chi_square_survival;

/// How far the shares may be from adding up to 1.
const ROUNDING: f64 = 1e-6;

/// The test (Pearson 1900) that arms are reached in these shares, which add up to 1; an arm without a share that
/// nothing reached is left out.
///
/// # Errors
/// [`Undefined::NoObservations`] when all counts are 0; [`Undefined::NoControl`] for fewer than two arms with a
/// share; shares that are negative, do not add up to 1, or are 0 where something was counted.
pub fn sample_ratio_chi_square(counts: &[u64], shares: &[f64]) -> Result<ChiSquareTest, Undefined> {
    same_length(counts.len(), shares.len())?;
    finite(shares)?;
    let refuse = |name, value, expected| Err(Undefined::Parameter { name, value, expected });
    if let Some(negative) = shares.iter().find(|share| **share < 0.0) {
        return refuse("an expected share", *negative, "0 or more");
    }
    let whole: f64 = shares.iter().sum();
    if (whole - 1.0).abs() > ROUNDING {
        return refuse("the sum of the expected shares", whole, "1");
    }
    let arms = || counts.iter().zip(shares);
    if arms().any(|(count, share)| *share == 0.0 && *count > 0) {
        return refuse("the expected share of an arm that was reached", 0.0, "more than 0");
    }
    let expected_arms = shares.iter().filter(|share| **share > 0.0).count();
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    if total == 0.0 {
        return Err(Undefined::NoObservations);
    }
    if expected_arms < 2 {
        return Err(Undefined::NoControl);
    }
    let statistic = arms().filter(|(_, share)| **share > 0.0).map(|(count, share)| {
        let expected = total * share;
        (*count as f64 - expected).powi(2) / expected
    });
    let (statistic, df) = (statistic.sum(), expected_arms as u64 - 1);
    Ok(ChiSquareTest { statistic, df, p: chi_square_survival(statistic, df as f64) })
}
