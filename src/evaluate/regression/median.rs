//! The median error, the one metric of numbers that no constant-size state can give.

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::sound::Weights;
use crate::evaluate::sum::Sum;

/// The median of the absolute errors, in the unit of the target; the mean of the two in the middle where half of the
/// weight lies on either side. O(n log n).
///
/// # Errors
/// [`NoValue::Undefined`] without examples; [`NoValue::Invalid`] for numbers that are not finite, lengths that
/// differ, weights that are negative.
pub fn median_absolute_error(
    truth: &[f64],
    predicted: &[f64],
    weights: Option<&[f64]>,
) -> Result<f64, NoValue> {
    sound::same_length(truth.len(), predicted.len())?;
    sound::all_finite(truth)?;
    sound::all_finite(predicted)?;
    let weights = Weights::of(weights, truth.len())?;
    let errors = truth.iter().zip(predicted).map(|(truth, predicted)| (predicted - truth).abs());
    let mut weighed: Vec<(f64, f64)> =
        errors.enumerate().map(|(at, error)| (error, weights.at(at))).collect();
    weighed.retain(|(_, weight)| *weight > 0.0);
    weighed.sort_by(|one, other| sound::ascending(one.0, other.0));
    let total: Sum = weighed.iter().map(|(_, weight)| *weight).collect();
    let (mut below, half) = (Sum::default(), total.value() / 2.0);
    for (at, (error, weight)) in weighed.iter().enumerate() {
        below.add(*weight);
        if below.value() >= half {
            let next = weighed.get(at + 1).map_or(*error, |(next, _)| *next);
            let even = below.value() == half;
            return sound::in_range(if even { error / 2.0 + next / 2.0 } else { *error });
        }
    }
    Err(NoValue::Undefined("there are no examples"))
}
