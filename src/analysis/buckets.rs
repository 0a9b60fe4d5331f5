//! Sums of a number over an arm's units, in a fixed number of buckets, so that its mean and the mean's error are known
//! whatever one user does to another's requests.
//!
//! A unit falls into the bucket of its hash; buckets are independent of each other though requests of one unit are not.
//! The mean is a ratio of sums, its variance the delta method's over buckets, which is the cluster-robust one
//! (STATS 2.14). Sums add up across gateways.

use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::analysis::units::Units;
use crate::analysis::units::hash_of;
use crate::vocab::RequestId;

/// How many buckets: the error of the estimated error is then about 2 %.
pub(super) const BUCKETS: usize = 1024;

/// One arm's sums.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Buckets {
    /// Sum and count by bucket; empty before the first number.
    sums: Vec<(f64, f64)>,
    /// Numbers other than 0.
    non_zero: u64,
    /// Units with a number.
    units: Units,
}

/// An arm's mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mean {
    pub(super) mean: f64,
    /// The variance of the mean, not of a number; `None` with fewer than two buckets in use.
    pub(super) variance: Option<f64>,
    pub(super) units: u64,
    pub(super) non_zero: u64,
}

impl Buckets {
    /// Adds to a unit's sum, and to its count of requests: 0 where the request was counted before.
    pub(super) fn add(&mut self, unit: Option<&str>, request: RequestId, number: f64, requests: f64) {
        if self.sums.is_empty() {
            self.sums = vec![(0.0, 0.0); BUCKETS];
        }
        let (sum, count) = &mut self.sums[bucket_of(unit, request)];
        *sum += number;
        *count += requests;
        self.non_zero += u64::from(number != 0.0);
        if requests > 0.0 {
            self.units.count(unit);
        }
    }

    /// The mean; `None` of nothing.
    pub(super) fn mean(&self) -> Option<Mean> {
        let (mean, variance) = ratio(self.sums.iter().copied())?;
        Some(Mean { mean, variance, units: self.units.len(), non_zero: self.non_zero })
    }

    /// Takes in another gateway's sums.
    pub(super) fn merge(&mut self, other: &Buckets) {
        if self.sums.is_empty() {
            self.sums = vec![(0.0, 0.0); if other.sums.is_empty() { 0 } else { BUCKETS }];
        }
        for ((sum, count), (more, requests)) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more;
            *count += requests;
        }
        self.non_zero += other.non_zero;
        self.units.merge(&other.units);
    }
}

/// Where a unit falls; a request without the name of one is a unit of its own.
pub(super) fn bucket_of(unit: Option<&str>, request: RequestId) -> usize {
    let hash = match unit {
        Some(unit) => hash_of(unit),
        None => xxh3_64(request.as_bytes()),
    };
    hash as usize % BUCKETS
}

/// A ratio of sums over buckets of a number and of what it is counted by, with its variance; `None`: it is of nothing. The
/// variance is missing with fewer than two buckets in use.
pub(super) fn ratio(buckets: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, Option<f64>)> {
    let (sum, count) = buckets.clone().fold((0.0, 0.0), |(sum, count), one| (sum + one.0, count + one.1));
    if count <= 0.0 {
        return None;
    }
    let mean = sum / count;
    let used = buckets.filter(|(sum, count)| *count > 0.0 || *sum != 0.0);
    let (clusters, squares) = used.fold((0.0, 0.0), |(clusters, squares), (sum, count)| {
        (clusters + 1.0, squares + (sum - mean * count).powi(2))
    });
    let variance = (clusters > 1.0).then(|| clusters / (clusters - 1.0) * squares / (count * count));
    Some((mean, variance))
}
