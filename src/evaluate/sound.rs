//! What every metric asks of its data before it computes, and of its value before it gives it away.
//!
//! Written once, so that no family forgets a case: lengths that differ, numbers that are not finite, weights that
//! are negative, and results that left the range of `f64`.

use std::cmp::Ordering;

use crate::evaluate::NoValue;

/// How much each example counts. One of weight 0 is as if it were absent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weights<'a> {
    Equal,
    Each(&'a [f64]),
}

impl<'a> Weights<'a> {
    /// Checks weights for this many examples; `None`: each counts once.
    pub(super) fn of(weights: Option<&'a [f64]>, examples: usize) -> Result<Self, NoValue> {
        let Some(weights) = weights else { return Ok(Self::Equal) };
        same_length(weights.len(), examples)?;
        weights.iter().try_for_each(|weight| weight_is_sound(*weight))?;
        Ok(Self::Each(weights))
    }

    pub(super) fn at(self, index: usize) -> f64 {
        match self {
            Self::Equal => 1.0,
            Self::Each(weights) => weights[index],
        }
    }
}

pub(super) fn weight_is_sound(weight: f64) -> Result<(), NoValue> {
    let sound = weight.is_finite() && weight >= 0.0;
    if sound { Ok(()) } else { Err(NoValue::Invalid("a weight is negative or not finite")) }
}

pub(super) fn same_length(one: usize, other: usize) -> Result<(), NoValue> {
    if one == other { Ok(()) } else { Err(NoValue::Invalid("the lengths differ")) }
}

pub(super) fn all_finite(values: &[f64]) -> Result<(), NoValue> {
    let finite = values.iter().all(|value| value.is_finite());
    if finite { Ok(()) } else { Err(NoValue::Invalid("a number is not finite")) }
}

pub(super) fn all_probabilities(values: &[f64]) -> Result<(), NoValue> {
    let inside = values.iter().all(|value| (0.0..=1.0).contains(value));
    if inside { Ok(()) } else { Err(NoValue::Invalid("a probability is not between 0 and 1")) }
}

pub(super) fn all_distinct<T: Ord>(items: &[T], twice: &'static str) -> Result<(), NoValue> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort();
    let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    if distinct { Ok(()) } else { Err(NoValue::Invalid(twice)) }
}

/// Refuses a depth of 0; `None`: no cutoff.
pub(super) fn depth(k: Option<usize>) -> Result<usize, NoValue> {
    match k {
        Some(0) => Err(NoValue::Invalid("a cutoff of 0 leaves nothing to measure")),
        Some(k) => Ok(k),
        None => Ok(usize::MAX),
    }
}

/// Gives a value away only when it is one.
pub(super) fn in_range(value: f64) -> Result<f64, NoValue> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(NoValue::Undefined("the value exceeds the range of numbers"))
    }
}

/// A quotient; 0/0, and anything else by 0, is undefined for the reason given.
pub(super) fn ratio(numerator: f64, denominator: f64, by_zero: &'static str) -> Result<f64, NoValue> {
    if denominator == 0.0 { Err(NoValue::Undefined(by_zero)) } else { in_range(numerator / denominator) }
}

/// The order of numbers that were found finite; 0 and -0 are equal, unlike under `total_cmp`.
pub(super) fn ascending(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).expect("finite numbers have an order")
}
