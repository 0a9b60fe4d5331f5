//! A metric in the policy file: what it measures, and where the values for that stand.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::field::Either;
use crate::config::field::Field;
use crate::config::scalar::AboveZero;
use crate::config::scalar::Class;
use crate::config::scalar::InAnswer;
use crate::config::scalar::Scalar;
use crate::config::scalar::Truth;
use crate::evaluate::measure::Average;
use crate::evaluate::measure::Kind;
use crate::protocol::JsonPath;
use crate::vocab::JudgeName;
use crate::vocab::OutcomeName;

/// How answers are measured.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metric {
    /// The judge whose word it is; then no other key is there.
    #[serde(default)]
    pub(crate) judge: Field<Scalar<JudgeName>>,
    /// What is measured. Default: what the metric's name says, such as accuracy, rouge_l or macro_f1.
    #[serde(default)]
    pub(crate) kind: Field<Scalar<Kind>>,
    /// What the model answered: an RFC 9535 path in the answer, or where else it stands.
    #[serde(default)]
    pub(crate) prediction: Field<Either<Scalar<JsonPath>, Source>>,
    /// How sure it is: an RFC 9535 path in the answer, or where else it stands.
    #[serde(default)]
    pub(crate) score: Field<Either<Scalar<JsonPath>, Source>>,
    /// What was true: an outcome, or where else it stands.
    #[serde(default)]
    pub(crate) truth: Field<Either<Scalar<Truth>, Source>>,
    /// What else counts, such as retrieved passages: an RFC 9535 path in the answer, or where else it stands.
    #[serde(default)]
    pub(crate) context: Field<Either<Scalar<JsonPath>, Source>>,
    /// The classes. Default: those seen.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub(crate) labels: Field<Vec<Field<Class>>>,
    /// The class that counts as positive. Default: 1, true or yes.
    #[serde(default)]
    pub(crate) positive: Field<Class>,
    /// How classes are averaged. Default: binary with `positive`, else macro.
    #[serde(default)]
    pub(crate) average: Field<Scalar<Average>>,
    /// How many items from the top count. Default: all.
    #[serde(default)]
    pub(crate) k: Field<Scalar<NonZeroUsize>>,
    /// F-beta's weight of recall; fbeta needs it.
    #[serde(default)]
    pub(crate) beta: Field<Scalar<AboveZero>>,
    /// How many features a regression has; adjusted_r2 needs it.
    #[serde(default)]
    pub(crate) features: Field<Scalar<NonZeroUsize>>,
}

/// Where a value stands. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ValueSource", extend("minProperties" = 1, "maxProperties" = 1))]
pub(crate) struct Source {
    /// At this RFC 9535 path of the answer; or the text that a language model's answer says, streamed or not.
    #[serde(default)]
    pub(crate) answer: Field<Scalar<InAnswer>>,
    /// At this RFC 9535 path of the request.
    #[serde(default)]
    pub(crate) request: Field<Scalar<JsonPath>>,
    /// In the outcome of this name.
    #[serde(default)]
    pub(crate) outcome: Field<Scalar<OutcomeName>>,
}
