//! Likeness of two embeddings. Only embeddings of one and the same model can be compared.

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// The cosine of the angle between two vectors, from -1 to 1. Both are scaled first, so that nothing overflows.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ or a number is not finite; [`NoValue::Undefined`] when either is all
/// zeros or empty.
pub fn cosine_similarity(one: &[f64], other: &[f64]) -> Result<f64, NoValue> {
    sound::same_length(one.len(), other.len())?;
    let (one, other) = (scaled(one)?, scaled(other)?);
    let dot = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
    let cosine = dot(&one, &other) / (dot(&one, &one).sqrt() * dot(&other, &other).sqrt());
    Ok(cosine.clamp(-1.0, 1.0))
}

/// A vector whose largest number is 1 or -1.
fn scaled(vector: &[f64]) -> Result<Vec<f64>, NoValue> {
    sound::all_finite(vector)?;
    let largest = vector.iter().fold(0.0_f64, |largest, number| largest.max(number.abs()));
    if largest == 0.0 {
        return Err(NoValue::Undefined("a vector is all zeros"));
    }
    Ok(vector.iter().map(|number| number / largest).collect())
}
