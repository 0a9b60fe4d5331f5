//! How far two distributions over the same bins are apart, from counts: legacy's answers and the candidate's, last
//! month's and this month's.

use serde::Serialize;
use statrs::function::gamma::gamma_ur;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// The chi-square test of whether two samples come from one distribution, and the size of the difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Homogeneity {
    /// Pearson's statistic, without correction for continuity.
    pub statistic: f64,
    /// Degrees of freedom: bins that are not empty in both, less one.
    pub df: usize,
    /// The p-value.
    pub p: f64,
    /// Cramer's V, from 0 for alike to 1 for disjoint.
    pub cramers_v: f64,
}

/// The population stability index: the sum over bins of (a - e) ln(a / e), where shares below `floor` count as that
/// much and nothing is scaled again. For display: its usual cut-offs are folklore, and it grows as samples shrink.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ or the floor is not at least 0 and below 1; [`NoValue::Undefined`] when
/// either side has no counts, and when a bin is empty on one side and the floor is 0.
pub fn psi(expected: &[u64], actual: &[u64], floor: f64) -> Result<f64, NoValue> {
    if !(0.0..1.0).contains(&floor) {
        return Err(NoValue::Invalid("the floor is not at least 0 and below 1"));
    }
    let term = |(expected, actual): (f64, f64)| {
        let (expected, actual) = (expected.max(floor), actual.max(floor));
        if expected == actual { 0.0 } else { (actual - expected) * (actual / expected).ln() }
    };
    let sum: f64 = shares(expected, actual)?.into_iter().map(term).sum();
    if sum.is_finite() { Ok(sum) } else { Err(NoValue::Undefined("a bin is empty on one side")) }
}

/// The Jensen-Shannon divergence (Lin 1991) in bits: from 0 for alike to 1 for disjoint. Its root is a distance.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] when either side has no counts.
pub fn js_divergence(one: &[u64], other: &[u64]) -> Result<f64, NoValue> {
    let towards = |share: f64, middle: f64| if share == 0.0 { 0.0 } else { share * (share / middle).log2() };
    let term = |(one, other): (f64, f64)| {
        let middle = f64::midpoint(one, other);
        f64::midpoint(towards(one, middle), towards(other, middle))
    };
    Ok(shares(one, other)?.into_iter().map(term).sum::<f64>().max(0.0))
}

/// The total variation distance: half the sum of the differences of shares, from 0 to 1.
///
/// # Errors
/// As for [`js_divergence`].
pub fn total_variation(one: &[u64], other: &[u64]) -> Result<f64, NoValue> {
    let differences = shares(one, other)?.into_iter().map(|(one, other)| (one - other).abs());
    Ok(differences.sum::<f64>() / 2.0)
}

/// Pearson's chi-square test of homogeneity (1900). Bins that are empty on both sides are left out.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] when either side has no counts, and when fewer
/// than two bins are left.
pub fn chi2_homogeneity(one: &[u64], other: &[u64]) -> Result<Homogeneity, NoValue> {
    let (of_one, of_other) = totals(one, other)?;
    let all = of_one + of_other;
    let (mut bins, mut statistic) = (0_usize, 0.0);
    for (one, other) in one.iter().zip(other).map(|(one, other)| (*one as f64, *other as f64)) {
        let both = one + other;
        if both > 0.0 {
            bins += 1;
            for (count, of_side) in [(one, of_one), (other, of_other)] {
                let expected = both * (of_side / all);
                statistic += (count - expected).powi(2) / expected;
            }
        }
    }
    let df = bins - 1;
    if df == 0 {
        return Err(NoValue::Undefined("all counts are in one bin"));
    }
    let p = if statistic == 0.0 { 1.0 } else { gamma_ur(df as f64 / 2.0, statistic / 2.0) };
    Ok(Homogeneity { statistic, df, p, cramers_v: (statistic / all).sqrt() })
}

/// Bin by bin, the share of each side.
fn shares(one: &[u64], other: &[u64]) -> Result<Vec<(f64, f64)>, NoValue> {
    let (of_one, of_other) = totals(one, other)?;
    let bins = one.iter().zip(other);
    Ok(bins.map(|(one, other)| (*one as f64 / of_one, *other as f64 / of_other)).collect())
}

fn totals(one: &[u64], other: &[u64]) -> Result<(f64, f64), NoValue> {
    sound::same_length(one.len(), other.len())?;
    let total = |counts: &[u64]| counts.iter().map(|count| *count as f64).sum::<f64>();
    let (one, other) = (total(one), total(other));
    if one == 0.0 || other == 0.0 {
        Err(NoValue::Undefined("a side has no counts"))
    } else {
        Ok((one, other))
    }
}
