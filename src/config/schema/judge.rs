//! Judges in the policy file: how each judges, and how much of the traffic.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::assign::Share;
use crate::config::field::Field;
use crate::config::scalar::Literal;
use crate::config::scalar::Scalar;
use crate::judge::Language;
use crate::protocol::JsonPath;
use crate::record::Expression;

/// A judge of answers, by rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judge {
    /// Rules, all of which an answer must keep.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub(crate) rules: Field<Vec<Field<Rule>>>,
    /// Where in an answer's JSON the text stands that is judged, an RFC 9535 path. Default: where the APIs of OpenAI and
    /// Anthropic have it, else the whole body.
    #[serde(default)]
    pub(crate) at: Field<Scalar<JsonPath>>,
    /// The share of requests that it judges. Default: 100% by rules.
    #[serde(default)]
    pub(crate) sample: Field<Scalar<Share>>,
}

/// What an answer must keep. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "JudgeRule", extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct Rule {
    /// It is JSON that this JSON Schema allows.
    #[serde(default)]
    pub(crate) json_schema: Field<Literal>,
    /// Something in it fits this regular expression.
    #[serde(default)]
    pub(crate) regex: Field<Scalar<Expression>>,
    /// It holds this text.
    #[serde(default)]
    pub(crate) contains: Field<Scalar<String>>,
    /// It does not hold this text.
    #[serde(default)]
    pub(crate) not_contains: Field<Scalar<String>>,
    /// It has so many characters.
    #[serde(default)]
    pub(crate) length: Field<Length>,
    /// It is in this language, by its two-letter code. A text that is too short to tell keeps the rule.
    #[serde(default)]
    pub(crate) language: Field<Scalar<Language>>,
}

/// How long a text is, in characters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TextLength", extend("minProperties" = 1))]
pub(crate) struct Length {
    /// At least. Default: 0.
    #[serde(default)]
    pub(crate) min: Field<Scalar<u64>>,
    /// At most. Absent: no bound.
    #[serde(default)]
    pub(crate) max: Field<Scalar<NonZeroUsize>>,
}
