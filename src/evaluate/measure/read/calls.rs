//! Calls of tools, held against those that an answer should have made.
//!
//! Calls that are made at once have no order, and arguments are JSON: neither the order of calls nor that of members makes
//! a difference, and numbers are equal when their values are.

use std::borrow::Cow;

use serde_json::Map;
use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::json;
use crate::evaluate::measure::read;

const PREDICTION: &str = "the prediction must be calls of tools, as `answer: tool_calls` gives them";
const TRUTH: &str = "the truth must be a list of calls, each as {\"name\": \"...\", \"arguments\": {...}}";

/// A tool and what it is called with.
type Call<'v> = (&'v str, Cow<'v, Value>);

pub(super) fn calls(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let made = listed(read::prediction(inputs)?).ok_or(NoValue::Invalid(PREDICTION))?;
    let mut left = listed(read::truth(inputs)?).ok_or(NoValue::Invalid(TRUTH))?;
    let expected = left.len();
    for (tool, arguments) in &made {
        let is_same = |(name, wanted): &Call<'_>| name == tool && are_equal(wanted, arguments);
        if let Some(place) = left.iter().position(is_same) {
            left.swap_remove(place);
        }
    }
    Ok(Example::Calls { made: made.len(), expected, right: expected - left.len() })
}

fn listed(value: &Value) -> Option<Vec<Call<'_>>> {
    json::items(value).iter().map(call).collect()
}

/// One call, also as OpenAI's API (`function`, arguments in a text) and Anthropic's (`input`) write it.
fn call(value: &Value) -> Option<Call<'_>> {
    let call = value.get("function").unwrap_or(value);
    let name = call.get("name")?.as_str()?;
    let arguments = match call.get("arguments").or_else(|| call.get("input")) {
        None | Some(Value::Null) => Cow::Owned(Value::Object(Map::new())),
        Some(Value::String(text)) => Cow::Owned(serde_json::from_str(text).ok()?),
        Some(arguments) => Cow::Borrowed(arguments),
    };
    Some((name, arguments))
}

fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_in_other =
                |(key, one): (&String, &Value)| other.get(key).is_some_and(|it| are_equal(one, it));
            one.len() == other.len() && one.iter().all(is_in_other)
        }
        (one, other) => one == other,
    }
}
