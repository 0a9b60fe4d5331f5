//! Values that come in clusters, say requests of one user: how much less they say than as many independent ones.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stats::Moments;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::same_length;

/// A mean with standard errors that allow for clusters, and one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClusteredMean {
    /// The mean of all values.
    pub mean: f64,
    /// The cluster-robust standard error with the correction for few clusters, G / (G - 1).
    pub robust: f64,
    /// The same without the correction.
    pub uncorrected: f64,
    /// What the standard error would be, were all values independent.
    pub naive: f64,
    /// How many clusters there are. With fewer than 40, take Student's quantiles of one less (Cameron and Miller 2015).
    pub clusters: usize,
}

/// The mean of clustered values with its sandwich standard errors (Liang and Zeger 1986; Cameron and Miller 2015).
///
/// # Errors
/// Without values, and for fewer than two clusters; values that are not finite, and lengths that differ.
pub fn clustered_mean<K: Ord>(values: &[f64], clusters: &[K]) -> Result<ClusteredMean, Undefined> {
    let groups = grouped(values, clusters)?;
    let all = Moments::of(values)?;
    let (mean, n) = (all.mean()?, values.len() as f64);
    let squares = groups.iter().map(|group| {
        let residue: f64 = group.iter().map(|value| value - mean).sum();
        residue * residue
    });
    let uncorrected = squares.sum::<f64>().sqrt() / n;
    let count = groups.len() as f64;
    Ok(ClusteredMean {
        mean,
        robust: uncorrected * (count / (count - 1.0)).sqrt(),
        uncorrected,
        naive: all.mean_variance()?.sqrt(),
        clusters: groups.len(),
    })
}

/// How alike the values of one cluster are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntraclassCorrelation {
    /// The share of the variance that lies between clusters; below 0 when they are more alike than chance makes them.
    pub icc: f64,
    /// How many times more clustered values it takes than independent ones: 1 + (m - 1) ICC, where m is the size of
    /// the cluster that the average value belongs to (Kish 1965).
    pub design_effect: f64,
}

/// The intraclass correlation by one-way analysis of variance, ICC(1) (Fisher 1925; Donner 1986 for clusters of
/// different sizes).
///
/// # Errors
/// For fewer than two clusters, or none with two values; [`Undefined::NoVariance`] when all values are equal; values
/// that are not finite, and lengths that differ.
pub fn intraclass_correlation<K: Ord>(
    values: &[f64],
    clusters: &[K],
) -> Result<IntraclassCorrelation, Undefined> {
    let groups = grouped(values, clusters)?;
    let (n, count) = (values.len() as f64, groups.len() as f64);
    if values.len() == groups.len() {
        return Err(Undefined::TooFew { needed: values.len() + 1 });
    }
    let mean = Moments::of(values)?.mean()?;
    let (mut between, mut within, mut squared_sizes) = (0.0, 0.0, 0.0);
    for group in &groups {
        let (own, size) = (Moments::of(group)?.mean()?, group.len() as f64);
        between += size * (own - mean) * (own - mean);
        within += group.iter().map(|value| (value - own) * (value - own)).sum::<f64>();
        squared_sizes += size * size;
    }
    let (between, within) = (between / (count - 1.0), within / (n - count));
    let size = (n - squared_sizes / n) / (count - 1.0);
    let whole = between + (size - 1.0) * within;
    if whole == 0.0 {
        return Err(Undefined::NoVariance);
    }
    let icc = (between - within) / whole;
    Ok(IntraclassCorrelation { icc, design_effect: 1.0 + (squared_sizes / n - 1.0) * icc })
}

/// The values of each cluster, of which there are at least two.
fn grouped<K: Ord>(values: &[f64], clusters: &[K]) -> Result<Vec<Vec<f64>>, Undefined> {
    same_length(values.len(), clusters.len())?;
    finite(values)?;
    let mut groups = BTreeMap::<&K, Vec<f64>>::new();
    for (cluster, value) in clusters.iter().zip(values) {
        groups.entry(cluster).or_default().push(*value);
    }
    match groups.len() {
        0 => Err(Undefined::NoObservations),
        1 => Err(Undefined::TooFew { needed: 2 }),
        _ => Ok(groups.into_values().collect()),
    }
}
