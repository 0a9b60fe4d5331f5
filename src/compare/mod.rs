//! Comparison of two answers to the same request.
//!
//! A rule names a field and how close two values of it must be. Pure: parsed JSON in, a comparison out; a value
//! that is not there is `Missing`, never an agreement.

use crate::protocol::JsonPath;

use serde::Deserialize;
use serde::Serialize;

/// One field of the policy's `compare` map.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name, a metric label and a key of the record.
    pub name: String,
    /// How its two values are compared.
    pub rule: Rule,
}

/// How close two values must be to agree.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Equal as JSON: numbers by value (1 is 1.0), members in any order.
    Exact(JsonPath),
    /// Lists of numbers, equal in length, each pair within `max(absolute, relative * the larger magnitude)`.
    Numeric {
        /// Selects the numbers.
        path: JsonPath,
        /// The tolerance in the number's own unit.
        absolute: f64,
        /// The tolerance as a fraction of the larger magnitude.
        relative: f64,
    },
}

/// What comparing one field said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Within the rule.
    Agree,
    /// Outside the rule.
    Differ,
    /// On one side or both the path selects nothing, or the answer is no JSON.
    Missing,
}
