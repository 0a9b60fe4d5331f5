//! Points put into clusters, found sound.

use std::collections::BTreeMap;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// The clusters of a set of points, as indices of points.
#[derive(Debug)]
pub(super) struct Partition<'a> {
    pub(super) points: &'a [Vec<f64>],
    pub(super) clusters: Vec<Vec<usize>>,
}

impl<'a> Partition<'a> {
    /// Refuses points that differ in dimension or have none, and a number of clusters that nothing is defined for.
    pub(super) fn of<T: Ord>(points: &'a [Vec<f64>], labels: &[T]) -> Result<Self, NoValue> {
        sound::same_length(points.len(), labels.len())?;
        let Some(first) = points.first() else { return Err(NoValue::Undefined("there are no points")) };
        if first.is_empty() {
            return Err(NoValue::Invalid("a point has no coordinates"));
        }
        for point in points {
            sound::same_length(point.len(), first.len())?;
            sound::all_finite(point)?;
        }
        let mut members: BTreeMap<&T, Vec<usize>> = BTreeMap::new();
        for (index, label) in labels.iter().enumerate() {
            members.entry(label).or_default().push(index);
        }
        if members.len() < 2 || members.len() >= points.len() {
            return Err(NoValue::Undefined("there are not between 2 and n - 1 clusters"));
        }
        Ok(Self { points, clusters: members.into_values().collect() })
    }

    /// The mean of some of the points, from their differences to the first of them: that of equal points is exact.
    pub(super) fn center_of(&self, members: &[usize]) -> Vec<f64> {
        let origin = &self.points[members[0]];
        let coordinate = |axis: usize| {
            let differences: Sum =
                members.iter().map(|member| self.points[*member][axis] - origin[axis]).collect();
            origin[axis] + differences.value() / members.len() as f64
        };
        (0..origin.len()).map(coordinate).collect()
    }
}
