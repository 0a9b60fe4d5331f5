//! The bootstrap over given resamples: of single values, of whole clusters, by weights; and the interval of its
//! replicates (Efron 1979).
//!
//! The resamples are arguments, so the same ones can be drawn for both sides of a pair and the result is exact.

use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::checks::same_length;
use crate::stats::checks::sorted;
use crate::stats::open_unit;
use crate::stats::order_statistics::linear_quantile_of_sorted;

/// A statistic of each resample of values, given by the indices of what it holds.
///
/// # Errors
/// Values that are not finite, an index out of range, and whatever the statistic refuses.
pub fn bootstrap_replicates(
    values: &[f64],
    resamples: &[Vec<usize>],
    statistic: impl Fn(&[f64]) -> Result<f64, Undefined>,
) -> Result<Vec<f64>, Undefined> {
    finite(values)?;
    let value_at = |index: &usize| values.get(*index).copied().ok_or_else(|| no_such(*index));
    let of_resample = |indices: &Vec<usize>| {
        let resample = indices.iter().map(value_at).collect::<Result<Vec<_>, _>>()?;
        statistic(&resample)
    };
    resamples.iter().map(of_resample).collect()
}

/// The same for resamples of whole clusters, say users, whose values are pooled: an index counts the distinct
/// cluster ids in ascending order.
///
/// # Errors
/// As [`bootstrap_replicates`], and lengths that differ.
pub fn cluster_bootstrap_replicates<K: Ord>(
    values: &[f64],
    clusters: &[K],
    resamples: &[Vec<usize>],
    statistic: impl Fn(&[f64]) -> Result<f64, Undefined>,
) -> Result<Vec<f64>, Undefined> {
    finite(values)?;
    same_length(values.len(), clusters.len())?;
    let mut by_cluster = std::collections::BTreeMap::<&K, Vec<f64>>::new();
    for (cluster, value) in clusters.iter().zip(values) {
        by_cluster.entry(cluster).or_default().push(*value);
    }
    let members: Vec<Vec<f64>> = by_cluster.into_values().collect();
    let of_resample = |indices: &Vec<usize>| {
        let mut pooled = Vec::new();
        for index in indices {
            pooled.extend(members.get(*index).ok_or_else(|| no_such(*index))?);
        }
        statistic(&pooled)
    };
    resamples.iter().map(of_resample).collect()
}

/// The weighted mean for each row of weights, one a value: what a Poisson bootstrap's replicates are.
///
/// # Errors
/// Values and weights that are not finite or differ in number; a row without weight.
pub fn weighted_mean_replicates(values: &[f64], weights: &[Vec<f64>]) -> Result<Vec<f64>, Undefined> {
    finite(values)?;
    let of_row = |row: &Vec<f64>| {
        same_length(values.len(), row.len())?;
        finite(row)?;
        let whole: f64 = row.iter().sum();
        if whole == 0.0 {
            return Err(Undefined::NoObservations);
        }
        representable(row.iter().zip(values).map(|(weight, value)| weight * value).sum::<f64>() / whole)
    };
    weights.iter().map(of_row).collect()
}

/// The mean, as the statistic of a bootstrap.
///
/// # Errors
/// [`Undefined::NoObservations`] of none; [`Undefined::TooLarge`].
pub fn mean(values: &[f64]) -> Result<f64, Undefined> {
    if values.is_empty() {
        return Err(Undefined::NoObservations);
    }
    representable(values.iter().sum::<f64>() / values.len() as f64)
}

/// The percentile interval: the quantiles of the replicates that cut off half the error on either side.
///
/// # Errors
/// Without replicates, for replicates that are not finite, and for a confidence outside (0, 1).
pub fn percentile_interval(replicates: &[f64], confidence: f64) -> Result<Interval, Undefined> {
    let tail = (1.0 - open_unit("the confidence", confidence)?) / 2.0;
    let sorted = sorted(replicates)?;
    Ok(Interval {
        lower: linear_quantile_of_sorted(&sorted, tail),
        upper: linear_quantile_of_sorted(&sorted, 1.0 - tail),
    })
}

fn no_such(index: usize) -> Undefined {
    Undefined::Parameter {
        name: "an index of a resample",
        value: index as f64,
        expected: "less than the number of what is resampled",
    }
}
