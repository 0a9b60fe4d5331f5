//! Embeddings: whether two vectors point the same way.
//!
//! That says something only of vectors in one space: two models trained apart have each their own.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::compare::rule::Finding;
use crate::evaluate::agreement::cosine_similarity;
use crate::protocol::JsonPath;

/// Vectors of much the same direction. The score is their cosine; of several pairs the least.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Selects the vectors: arrays of numbers, or base64 of little-endian 32-bit floats, as OpenAI's clients ask for
    /// unless told otherwise.
    pub path: JsonPath,
    /// The cosine at which vectors agree, 0 to 1.
    pub least: f64,
}

impl Embedding {
    pub(super) fn compare(&self, legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
        let Some((legacy, other)) = vectors(legacy).zip(vectors(other)) else { return Finding::MISSING };
        let lengths = |vectors: &[Vec<f64>]| vectors.iter().map(Vec::len).collect::<Vec<_>>();
        if lengths(&legacy) != lengths(&other) {
            return Finding::plain(false);
        }
        if legacy == other {
            // Also where a vector is all zeros and has no direction.
            return Finding::scored(true, Some(1.0));
        }
        let cosines = legacy.iter().zip(&other).map(|(legacy, other)| cosine_similarity(legacy, other).ok());
        let least = cosines.reduce(|least, cosine| Some(least?.min(cosine?))).flatten();
        Finding::scored(least.is_some_and(|least| least >= self.least), least)
    }
}

/// Every vector among the values; numbers that are selected one by one are one vector. `None`: something else is there.
fn vectors(selected: &[Cow<'_, Value>]) -> Option<Vec<Vec<f64>>> {
    if selected.iter().all(|value| value.is_number()) {
        return selected.iter().map(|value| finite(value)).collect::<Option<_>>().map(|vector| vec![vector]);
    }
    let mut found = Vec::new();
    selected.iter().try_for_each(|value| collect(value, &mut found))?;
    Some(found)
}

fn collect(value: &Value, found: &mut Vec<Vec<f64>>) -> Option<()> {
    match value {
        Value::Array(vectors) if vectors.iter().any(Value::is_array) => {
            vectors.iter().try_for_each(|vector| collect(vector, found))?;
        }
        Value::Array(numbers) => found.push(numbers.iter().map(finite).collect::<Option<_>>()?),
        Value::String(text) => found.push(floats(&STANDARD.decode(text).ok()?)?),
        _ => return None,
    }
    Some(())
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn floats(bytes: &[u8]) -> Option<Vec<f64>> {
    let (floats, []) = bytes.as_chunks::<4>() else { return None };
    let floats = floats.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
    floats.map(|float| float.is_finite().then_some(float)).collect()
}
