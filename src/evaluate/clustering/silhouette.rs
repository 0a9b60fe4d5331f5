//! The silhouette: whether each point is nearer to its own cluster than to the next one.

use crate::evaluate::NoValue;
use crate::evaluate::clustering::distance::Distance;
use crate::evaluate::clustering::partition::Partition;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// The mean of [`silhouette_samples`], between -1 and 1; the higher the better.
///
/// # Errors
/// As [`silhouette_samples`].
pub fn silhouette<T: Ord>(points: &[Vec<f64>], labels: &[T], distance: Distance) -> Result<f64, NoValue> {
    let samples = silhouette_samples(points, labels, distance)?;
    let sum: Sum = samples.iter().copied().collect();
    Ok(sum.value() / samples.len() as f64)
}

/// For each point (b - a) / max(a, b), where a is its mean distance to the others of its cluster and b that to the
/// nearest other cluster (Rousseeuw 1987). A point alone in its cluster has 0, and so has one with a = b = 0.
/// O(n^2) time.
///
/// # Errors
/// [`NoValue::Undefined`] without points, unless there are 2 to n - 1 clusters, and for a cosine at the origin;
/// [`NoValue::Invalid`] for numbers that are not finite, and lengths or dimensions that differ.
pub fn silhouette_samples<T: Ord>(
    points: &[Vec<f64>],
    labels: &[T],
    distance: Distance,
) -> Result<Vec<f64>, NoValue> {
    let Partition { points, clusters } = Partition::of(points, labels)?;
    let prepared = distance.prepare(points)?;
    let mut samples = vec![0.0; points.len()];
    for (own, members) in clusters.iter().enumerate() {
        for member in members {
            let sum_to = |cluster: &Vec<usize>| -> f64 {
                let to = |other: &usize| distance.between(&prepared[*member], &prepared[*other]);
                cluster.iter().map(to).sum()
            };
            if members.len() > 1 {
                let within = sum_to(members) / (members.len() - 1) as f64;
                let others = clusters.iter().enumerate().filter(|(at, _)| *at != own);
                let nearest = others
                    .map(|(_, cluster)| sum_to(cluster) / cluster.len() as f64)
                    .fold(f64::INFINITY, f64::min);
                samples[*member] = contrast(within, nearest)?;
            }
        }
    }
    Ok(samples)
}

fn contrast(within: f64, nearest: f64) -> Result<f64, NoValue> {
    let larger = within.max(nearest);
    if larger == 0.0 { Ok(0.0) } else { sound::in_range((nearest - within) / larger) }
}
