//! How values are read from the JSON that models and users send: generously where the meaning is plain, never guessing.
//!
//! A number may be a text (`"0.7"`), a list of one item is that item and an item is a list of one: a path selects
//! either, depending on how many there are.

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::protocol::class_text;

/// The value, or the reason why there is none.
pub(super) fn given<'v>(value: Option<&'v Value>, missing: &'static str) -> Result<&'v Value, NoValue> {
    value.filter(|value| !value.is_null()).ok_or(NoValue::Invalid(missing))
}

/// The items of a list; anything else is a list of itself.
pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// The only item of a list of one; anything else is itself.
pub(super) fn single(value: &Value) -> &Value {
    match value {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    }
}

/// A finite number, also one that stands in a text.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// All items as numbers.
pub(super) fn numbers(value: &Value, expected: &'static str) -> Result<Vec<f64>, NoValue> {
    items(value).iter().map(|item| number(item).ok_or(NoValue::Invalid(expected))).collect()
}

/// Yes or no: a truth value, 1 or 0, or one of the words.
pub(super) fn flag(value: &Value) -> Option<bool> {
    class_text(value).and_then(|text| word_flag(&text))
}

/// All items as yes or no.
pub(super) fn flags(value: &Value, expected: &'static str) -> Result<Vec<bool>, NoValue> {
    items(value).iter().map(|item| flag(item).ok_or(NoValue::Invalid(expected))).collect()
}

/// What a class says by itself: `1`, `true` and `yes`, or `0`, `false` and `no`.
pub(super) fn word_flag(class: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 3]| words.iter().any(|word| class.eq_ignore_ascii_case(word));
    match () {
        () if is_one_of(["1", "true", "yes"]) => Some(true),
        () if is_one_of(["0", "false", "no"]) => Some(false),
        () => None,
    }
}

/// The id of an item: a text or a number, or what stands under `id` of an object.
pub(super) fn id(value: &Value) -> Option<String> {
    class_text(value.get("id").unwrap_or(value))
}
