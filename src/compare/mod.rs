//! Comparison of two answers to the same request.
//!
//! A rule names a field and how close two values of it must be. Pure: two documents in, a comparison out; a value
//! that is not there is `Missing`, never an agreement.

mod equal;
mod number;

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::compare::equal::Closeness;
use crate::compare::equal::equal;
use crate::compare::equal::numbers;
use crate::protocol::Document;
use crate::protocol::JsonPath;

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
    /// Equal as JSON: numbers by value (1 is 1.0), members in any order. A path that selects several values on one
    /// side must select as many equal ones, in the same order, on the other.
    Exact(JsonPath),
    /// Lists of numbers, equal in length, each pair within `max(absolute, relative * the larger magnitude)`. An array
    /// that the path selects stands for the numbers in it, however deep, for a tensor may be sent flat or nested.
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

/// What comparing one field of two answers said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared<'f> {
    /// The field's name, or `body` where the policy names no fields.
    pub field: &'f str,
    /// What the comparison said.
    pub agreement: Agreement,
}

/// Compares two answers to the same request, field by field.
///
/// Without fields the whole bodies are compared, as one field called `body`: as JSON, where whole numbers must be
/// equal and others within 1e-9 of the larger; else byte by byte.
pub fn answers<'f>(fields: &'f [Field], legacy: &Document, other: &Document) -> Vec<Compared<'f>> {
    if fields.is_empty() {
        return vec![Compared { field: "body", agreement: whole(legacy, other) }];
    }
    let compared =
        |field: &'f Field| Compared { field: &field.name, agreement: field.rule.hold(legacy, other) };
    fields.iter().map(compared).collect()
}

/// Says whether two JSON values are the same: members in any order, numbers by value (1 is 1.0).
pub fn same(one: &Value, other: &Value) -> bool {
    equal(one, other, Closeness::EXACT)
}

fn whole(legacy: &Document, other: &Document) -> Agreement {
    let equal_json = || {
        let both = legacy.value().zip(other.value());
        both.is_some_and(|(legacy, other)| equal(legacy, other, Closeness::WITHIN_ROUNDING))
    };
    agreement(legacy.bytes() == other.bytes() || equal_json())
}

impl Rule {
    fn hold(&self, legacy: &Document, other: &Document) -> Agreement {
        let (Rule::Exact(path) | Rule::Numeric { path, .. }) = self;
        let selected = legacy.select(path).zip(other.select(path));
        let Some((legacy, other)) = selected else { return Agreement::Missing };
        if legacy.is_empty() || other.is_empty() {
            return Agreement::Missing;
        }
        agreement(match self {
            Rule::Exact(_) => all_pairs(&legacy, &other, |a, b| same(a, b)),
            Rule::Numeric { absolute, relative, .. } => {
                let closeness = Closeness { absolute: *absolute, relative: *relative, whole_exact: false };
                match (numbers(&legacy), numbers(&other)) {
                    (Some(legacy), Some(other)) => all_pairs(&legacy, &other, |a, b| closeness.holds(a, b)),
                    _ => false,
                }
            }
        })
    }
}

fn agreement(agrees: bool) -> Agreement {
    if agrees { Agreement::Agree } else { Agreement::Differ }
}

fn all_pairs<T>(legacy: &[T], other: &[T], holds: impl Fn(&T, &T) -> bool) -> bool {
    legacy.len() == other.len() && legacy.iter().zip(other).all(|(legacy, other)| holds(legacy, other))
}
