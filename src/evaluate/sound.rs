//! What every metric asks of its data before it computes, and of its value before it gives it away.
//!
//! Written once, so that no family forgets a case: lengths that differ, numbers that are not finite, and results
//! that left the range of `f64`.

use std::cmp::Ordering;

use crate::evaluate::NoValue;

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
