//! Rules that an answer keeps or breaks: no model is asked, so every request may be judged by them.

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;
use serde_json::json;

use crate::judge::Language;
use crate::judge::Said;
use crate::record::Expression;

/// One rule.
#[derive(Debug, Clone)]
pub enum Rule {
    /// What is said is JSON that this JSON Schema allows.
    JsonSchema {
        /// The schema as the policy has it.
        schema: Value,
        /// What checks it.
        validator: Arc<Validator>,
    },
    /// Something in the text fits this expression.
    Regex(Expression),
    /// The text holds this one.
    Contains(String),
    /// The text does not hold this one.
    NotContains(String),
    /// The text has so many characters.
    Length {
        /// At least.
        min: usize,
        /// At most.
        max: usize,
    },
    /// The text is in this language, as far as that can be told.
    Language(Language),
}

impl Rule {
    /// The policy's word for it.
    pub fn key(&self) -> &'static str {
        match self {
            Rule::JsonSchema { .. } => "json_schema",
            Rule::Regex(_) => "regex",
            Rule::Contains(_) => "contains",
            Rule::NotContains(_) => "not_contains",
            Rule::Length { .. } => "length",
            Rule::Language(_) => "language",
        }
    }

    /// What it asks for, as JSON.
    pub fn asks(&self) -> Value {
        match self {
            Rule::JsonSchema { schema, .. } => schema.clone(),
            Rule::Regex(Expression(regex)) => regex.as_str().into(),
            Rule::Contains(text) | Rule::NotContains(text) => text.as_str().into(),
            Rule::Length { min, max } => json!([min, max]),
            Rule::Language(language) => language.code().into(),
        }
    }

    /// Says whether what was said keeps it.
    pub fn is_kept_by(&self, said: &Said) -> bool {
        let text = said.text.as_str();
        match self {
            Rule::JsonSchema { validator, .. } => said.json().is_some_and(|json| validator.is_valid(&json)),
            Rule::Regex(Expression(regex)) => regex.is_match(text),
            Rule::Contains(sought) => text.contains(sought),
            Rule::NotContains(sought) => !text.contains(sought),
            Rule::Length { min, max } => (*min..=*max).contains(&text.chars().count()),
            Rule::Language(language) => !language.is_missed_by(text),
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key() && self.asks() == other.asks()
    }
}

/// Which rules are broken, by their number from 1 and their word.
pub(super) fn broken(rules: &[Rule], said: &Said) -> Vec<String> {
    let numbered = rules.iter().zip(1u32..);
    let broken = numbered.filter(|(rule, _)| !rule.is_kept_by(said));
    broken.map(|(rule, number)| format!("{number}:{}", rule.key())).collect()
}
