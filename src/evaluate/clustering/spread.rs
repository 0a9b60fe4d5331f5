//! Two indices from the spread within clusters and the distance of their centres.

use crate::evaluate::NoValue;
use crate::evaluate::clustering::distance::euclidean;
use crate::evaluate::clustering::partition::Partition;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// The mean, over clusters, of the worst ratio of two clusters' spreads to the distance of their centres (Davies and
/// Bouldin 1979), Euclidean; at least 0, the lower the better.
///
/// # Errors
/// [`NoValue::Undefined`] when two spread clusters have the same centre, where scikit-learn says 0, which would be
/// perfect; otherwise as [`silhouette`](crate::evaluate::clustering::silhouette).
pub fn davies_bouldin<T: Ord>(points: &[Vec<f64>], labels: &[T]) -> Result<f64, NoValue> {
    let partition = Partition::of(points, labels)?;
    let clusters: Vec<Cluster> =
        partition.clusters.iter().map(|members| Cluster::of(&partition, members)).collect();
    let mut sum = Sum::default();
    for (at, cluster) in clusters.iter().enumerate() {
        let mut worst: f64 = 0.0;
        for (_, other) in clusters.iter().enumerate().filter(|(other, _)| *other != at) {
            worst = worst.max(cluster.overlap(other)?);
        }
        sum.add(worst);
    }
    sound::in_range(sum.value() / clusters.len() as f64)
}

/// The variance between clusters over that within them, each by its degrees of freedom (Calinski and Harabasz 1974);
/// the higher the better.
///
/// # Errors
/// [`NoValue::Undefined`] when no cluster has any spread, where scikit-learn says 1; otherwise as
/// [`silhouette`](crate::evaluate::clustering::silhouette).
pub fn calinski_harabasz<T: Ord>(points: &[Vec<f64>], labels: &[T]) -> Result<f64, NoValue> {
    let partition = Partition::of(points, labels)?;
    let all: Vec<usize> = (0..points.len()).collect();
    let center = partition.center_of(&all);
    let (mut between, mut within) = (Sum::default(), Sum::default());
    for members in &partition.clusters {
        let own = partition.center_of(members);
        between.add(members.len() as f64 * euclidean(&own, &center).powi(2));
        members.iter().for_each(|member| within.add(euclidean(&points[*member], &own).powi(2)));
    }
    let (points, clusters) = (points.len() as f64, partition.clusters.len() as f64);
    let ratio = sound::ratio(between.value(), within.value(), "no cluster has any spread")?;
    sound::in_range(ratio * (points - clusters) / (clusters - 1.0))
}

struct Cluster {
    center: Vec<f64>,
    spread: f64,
}

impl Cluster {
    fn of(partition: &Partition<'_>, members: &[usize]) -> Self {
        let center = partition.center_of(members);
        let distances: Sum =
            members.iter().map(|member| euclidean(&partition.points[*member], &center)).collect();
        Self { spread: distances.value() / members.len() as f64, center }
    }

    /// The two spreads over the distance of the centres; centres nearer than their own rounding coincide.
    fn overlap(&self, other: &Self) -> Result<f64, NoValue> {
        let spread = self.spread + other.spread;
        if spread == 0.0 {
            return Ok(0.0);
        }
        let apart = euclidean(&self.center, &other.center);
        let coordinates = self.center.iter().chain(&other.center);
        let rounding = coordinates.fold(0.0, |most: f64, at| most.max(at.abs())) * 4.0 * f64::EPSILON;
        if apart <= rounding {
            return Err(NoValue::Undefined("two clusters have the same centre"));
        }
        sound::in_range(spread / apart)
    }
}
