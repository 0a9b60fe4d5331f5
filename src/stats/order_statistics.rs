//! Quantiles: of values in hand, and of the cumulative buckets that Prometheus keeps.

use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::same_length;
use crate::stats::checks::sorted;
use crate::stats::closed_unit;

/// The quantile with linear interpolation between the order statistics (type 7 of Hyndman and Fan 1996; what NumPy
/// and R give by default).
///
/// # Errors
/// Without values, for values that are not finite, and for a share outside [0, 1].
pub fn linear_quantile(values: &[f64], share: f64) -> Result<f64, Undefined> {
    let share = closed_unit("the quantile's share", share)?;
    Ok(linear_quantile_of_sorted(&sorted(values)?, share))
}

/// The least value that at least this share of all do not exceed (type 1 of Hyndman and Fan 1996).
///
/// # Errors
/// As [`linear_quantile`].
pub fn inverted_cdf(values: &[f64], share: f64) -> Result<f64, Undefined> {
    let share = closed_unit("the quantile's share", share)?;
    let sorted = sorted(values)?;
    let rank = (share * sorted.len() as f64).ceil() as usize;
    Ok(sorted[rank.clamp(1, sorted.len()) - 1])
}

/// [`linear_quantile`] of values in ascending order, of which there is at least one.
pub(super) fn linear_quantile_of_sorted(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    // From the nearer end, as NumPy does; and never through a difference that overflows.
    if low == high || part == 0.0 {
        low
    } else if !(high - low).is_finite() {
        low * (1.0 - part) + high * part
    } else if part < 0.5 {
        low + (high - low) * part
    } else {
        high - (high - low) * (1.0 - part)
    }
}

/// What Prometheus' `histogram_quantile` gives for cumulative counts up to each upper bound, of which the last is
/// infinite: linear within a bucket, from 0 in the first unless its bound is not above 0; the last finite bound when
/// the quantile lies beyond it.
///
/// # Errors
/// Without observations; below two buckets, bounds that do not rise or do not end in infinity, counts that fall or
/// are negative, lengths that differ, and a share outside [0, 1].
pub fn histogram_quantile(upper_bounds: &[f64], cumulative: &[f64], share: f64) -> Result<f64, Undefined> {
    let share = closed_unit("the quantile's share", share)?;
    same_length(upper_bounds.len(), cumulative.len())?;
    let refuse = |name, value, expected| Err(Undefined::Parameter { name, value, expected });
    if cumulative.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let top = upper_bounds.len() - 1;
    if top == 0 {
        return refuse("the number of buckets", 1.0, "at least 2");
    }
    if upper_bounds[top] != f64::INFINITY {
        return refuse("the last upper bound", upper_bounds[top], "infinity");
    }
    if let Some(pair) = upper_bounds.windows(2).find(|pair| !(pair[0] < pair[1] && pair[0].is_finite())) {
        return refuse("an upper bound", pair[0], "a finite number below the next bound");
    }
    finite(cumulative)?;
    if let Some(pair) = cumulative.windows(2).find(|pair| pair[0] > pair[1]) {
        return refuse("a cumulative count", pair[1], "not below the one before");
    }
    if cumulative[0] < 0.0 {
        return refuse("a cumulative count", cumulative[0], "0 or more");
    }
    if cumulative[top] == 0.0 {
        return Err(Undefined::NoObservations);
    }
    let rank = share * cumulative[top];
    let bucket = cumulative[..top].iter().position(|count| *count >= rank);
    Ok(match bucket {
        None => upper_bounds[top - 1],
        Some(0) if upper_bounds[0] <= 0.0 => upper_bounds[0],
        Some(bucket) => {
            let start = if bucket == 0 { 0.0 } else { upper_bounds[bucket - 1] };
            let before = if bucket == 0 { 0.0 } else { cumulative[bucket - 1] };
            let inside = cumulative[bucket] - before;
            let part = if inside == 0.0 { 0.0 } else { (rank - before) / inside };
            start + (upper_bounds[bucket] - start) * part
        }
    })
}
