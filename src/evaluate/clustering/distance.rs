//! How far two points are from each other.

use crate::evaluate::NoValue;

/// A measure of distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// The length of the straight line.
    Euclidean,
    /// The sum of the differences of coordinates.
    Manhattan,
    /// 1 minus the cosine of the angle at the origin, between 0 and 2; the origin itself has none.
    Cosine,
}

impl Distance {
    /// Gives points the form in which [`Distance::between`] takes them: of unit length where only the angle counts.
    pub(super) fn prepare(self, points: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, NoValue> {
        if self != Self::Cosine {
            return Ok(points.to_vec());
        }
        let unit = |point: &Vec<f64>| {
            // Twice, because the length of numbers close to the least positive one is inexact.
            let once = scaled(point, largest(point.iter().copied()))?;
            scaled(&once, length(once.iter().copied()))
        };
        points.iter().map(unit).collect()
    }

    pub(super) fn between(self, one: &[f64], other: &[f64]) -> f64 {
        match self {
            Self::Euclidean => euclidean(one, other),
            Self::Manhattan => one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum(),
            // Of unit vectors |a - b|^2 = 2 - 2ab, and the difference keeps small angles exact.
            Self::Cosine => euclidean(one, other).powi(2) / 2.0,
        }
    }
}

pub(super) fn euclidean(one: &[f64], other: &[f64]) -> f64 {
    length(one.iter().zip(other).map(|(a, b)| a - b))
}

/// The square root of the sum of squares, which is scaled so that it neither overflows nor vanishes.
fn length(coordinates: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = largest(coordinates.clone());
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * coordinates.map(|coordinate| (coordinate / largest).powi(2)).sum::<f64>().sqrt()
}

fn largest(coordinates: impl Iterator<Item = f64>) -> f64 {
    coordinates.fold(0.0, |largest, coordinate| largest.max(coordinate.abs()))
}

fn scaled(point: &[f64], by: f64) -> Result<Vec<f64>, NoValue> {
    if by == 0.0 {
        return Err(NoValue::Undefined("the origin is at no angle to any point"));
    }
    Ok(point.iter().map(|coordinate| coordinate / by).collect())
}
