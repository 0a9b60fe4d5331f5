//! Classes as text, so that a label and a prediction written differently can be equal.

use serde_json::Value;

/// A class as text, so that a label and a prediction can be equal: strings as they are, whole numbers without a
/// fraction however they are written (`7.0` is `7`), truth values as words. `None` for anything else.
pub fn class_text(value: &Value) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.as_i64().is_none() && float.fract() == 0.0 && float.abs() < EXACT => {
                (float as i64).to_string()
            }
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
