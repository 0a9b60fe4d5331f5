//! What every sample must be before anything is computed from it: finite, as long as its partner, large enough.

use crate::stats::Undefined;

/// Refuses values that are NaN or infinite.
pub(super) fn finite(values: &[f64]) -> Result<(), Undefined> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(Undefined::NotFinite) }
}

/// Refuses sequences of different lengths.
pub(super) fn same_length(one: usize, other: usize) -> Result<(), Undefined> {
    if one == other { Ok(()) } else { Err(Undefined::Lengths) }
}

/// Finite values in ascending order.
///
/// # Errors
/// [`Undefined::NoObservations`] of none, and values that are not finite.
pub(super) fn sorted(values: &[f64]) -> Result<Vec<f64>, Undefined> {
    finite(values)?;
    if values.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

/// A result, unless it overflowed on the way.
pub(super) fn representable(value: f64) -> Result<f64, Undefined> {
    if value.is_finite() { Ok(value) } else { Err(Undefined::TooLarge) }
}

/// A variance that was computed as a difference, of which rounding may leave a hair below 0.
pub(super) fn variance(value: f64) -> Result<f64, Undefined> {
    Ok(representable(value)?.max(0.0))
}
