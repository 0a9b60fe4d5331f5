//! How compact clusters are and how far apart, without a truth to hold them against.
//!
//! Distances are taken from differences of coordinates, never from |a|^2 + |b|^2 - 2ab: far from the origin that
//! expansion loses the distance. Clusters need labels that can be told apart; there must be at least 2, and less than
//! there are points.

mod distance;
mod partition;
mod silhouette;
mod spread;

#[cfg(test)]
mod tests;

pub use distance::Distance;
pub use silhouette::silhouette;
pub use silhouette::silhouette_samples;
pub use spread::calinski_harabasz;
pub use spread::davies_bouldin;
