//! Judges in the policy file: how each judges, and how much of the traffic.

use std::num::NonZeroU32;
use std::num::NonZeroU64;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::assign::Share;
use crate::config::field::Field;
use crate::config::scalar::Literal;
use crate::config::scalar::Positive;
use crate::config::scalar::SampleBy;
use crate::config::scalar::Scalar;
use crate::config::schema::Cost;
use crate::config::schema::SecretSource;
use crate::config::schema::Tls;
use crate::cost::Money;
use crate::judge::Language;
use crate::judge::Template;
use crate::policy::JudgeMode;
use crate::protocol::JsonPath;
use crate::record::Expression;
use crate::upstream::Endpoint;
use crate::vocab::JudgeName;

/// A judge of answers. Exactly one of rules, llm, http, human and embeddings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judge {
    /// Rules, all of which an answer must keep.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub(crate) rules: Field<Vec<Field<Rule>>>,
    /// A language model that judges.
    #[serde(default)]
    pub(crate) llm: Field<Llm>,
    /// A service of yours that judges.
    #[serde(default)]
    pub(crate) http: Field<HttpJudge>,
    /// People who judge, on the review page of the admin address.
    #[serde(default)]
    pub(crate) human: Field<Human>,
    /// A model of embeddings that says how near answers are to legacy's.
    #[serde(default)]
    pub(crate) embeddings: Field<Embeddings>,
    /// Where in an answer's JSON the text stands that is judged, an RFC 9535 path. Default: where the APIs of OpenAI and
    /// Anthropic have it, else the whole body.
    #[serde(default)]
    pub(crate) at: Field<Scalar<JsonPath>>,
    /// The share of requests that it judges. Default: 5% by a language model or by embeddings, 2% by people, else
    /// 100%.
    #[serde(default)]
    pub(crate) sample: Field<Scalar<Share>>,
    /// What they are drawn by: each request on its own (request), or all requests of a unit or none (unit), as for
    /// conversations. Default: request; of people who check a judge, as that one.
    #[serde(default)]
    pub(crate) sample_by: Field<Scalar<SampleBy>>,
    /// What it may take; beyond it requests are not judged, and counted. Not by rules.
    #[serde(default)]
    pub(crate) budget: Field<JudgeBudget>,
}

/// What a judge may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeBudget {
    /// Calls at one moment. Default: 4.
    #[serde(default)]
    pub(crate) in_flight: Field<Scalar<NonZeroU32>>,
    /// Calls between midnights UTC; of people, pairs that come before them. Absent: no bound.
    #[serde(default)]
    pub(crate) calls_per_day: Field<Scalar<NonZeroU64>>,
    /// Tokens between midnights UTC, input and output. Absent: no bound.
    #[serde(default)]
    pub(crate) tokens_per_day: Field<Scalar<NonZeroU64>>,
    /// US dollars between midnights UTC, by the judge's `cost`. Absent: no bound.
    #[serde(default)]
    pub(crate) usd_per_day: Field<Scalar<Money>>,
}

/// A language model that judges, behind an API compatible with OpenAI's chat completions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LlmJudge")]
pub(crate) struct Llm {
    /// The API's base, as in https://api.example.com/v1, or the whole URL up to /chat/completions.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// The model's name there.
    pub(crate) model: Field<Scalar<String>>,
    /// The API's key. Absent: it asks for none.
    #[serde(default)]
    pub(crate) key: Field<SecretSource>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
    /// What it is asked. Default: pairwise.
    #[serde(default)]
    pub(crate) template: Field<Scalar<Template>>,
    /// What a good answer is, in your words.
    #[serde(default)]
    pub(crate) rubric: Field<Scalar<String>>,
    /// Where in the request an answer stands that is known to be good, an RFC 9535 path.
    #[serde(default)]
    pub(crate) reference: Field<Scalar<JsonPath>>,
    /// Where in the request the passages stand that answers are to rest on, an RFC 9535 path.
    #[serde(default)]
    pub(crate) context: Field<Scalar<JsonPath>>,
    /// How long one question may take, with what is tried again. Default: 30s.
    #[serde(default)]
    pub(crate) timeout: Field<Scalar<Positive>>,
    /// What it charges. Absent: unknown.
    #[serde(default)]
    pub(crate) cost: Field<Cost>,
}

/// A model of embeddings, behind an API compatible with OpenAI's. Its word is the cosine of an answer's vector and of that
/// of legacy's answer; legacy's second answer, where there is one, is held against the first too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EmbeddingsJudge")]
pub(crate) struct Embeddings {
    /// The API's base, as in https://api.example.com/v1, or the whole URL up to /embeddings.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// The model's name there.
    pub(crate) model: Field<Scalar<String>>,
    /// The API's key. Absent: it asks for none.
    #[serde(default)]
    pub(crate) key: Field<SecretSource>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
    /// How long one question may take, with what is tried again. Default: 30s.
    #[serde(default)]
    pub(crate) timeout: Field<Scalar<Positive>>,
    /// What it charges. Absent: unknown.
    #[serde(default)]
    pub(crate) cost: Field<Cost>,
}

/// A service that judges.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpJudge {
    /// Where it takes questions, by POST.
    pub(crate) url: Field<Scalar<Endpoint>>,
    /// A bearer token. Absent: it asks for none.
    #[serde(default)]
    pub(crate) key: Field<SecretSource>,
    /// How it is reached over TLS. Absent: the system's certificate authorities decide.
    #[serde(default)]
    pub(crate) tls: Field<Tls>,
    /// Whether it scores each answer, or prefers one of two. Default: pairwise.
    #[serde(default)]
    pub(crate) mode: Field<Scalar<JudgeMode>>,
    /// What tells one version of it from another: evidence of two versions is never counted together. Default: none.
    #[serde(default)]
    pub(crate) version: Field<Scalar<String>>,
    /// How long one question may take, with what is tried again. Default: 30s.
    #[serde(default)]
    pub(crate) timeout: Field<Scalar<Positive>>,
}

/// People who judge pairs, blind and in random order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HumanJudge")]
pub(crate) struct Human {
    /// What they are asked. Default: Which answer is better?
    #[serde(default)]
    pub(crate) question: Field<Scalar<String>>,
    /// Reasons that they may pick from. Default: none.
    #[serde(default)]
    pub(crate) reasons: Field<Vec<Field<Scalar<String>>>>,
    /// The names of those who may judge. Absent: whoever has the admin address's token.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub(crate) reviewers: Field<Vec<Field<Scalar<String>>>>,
    /// By how many people each pair is judged, at most 20. Default: 1.
    #[serde(default)]
    pub(crate) each: Field<Scalar<NonZeroU32>>,
    /// The judge of the same experiment that they check: their requests are drawn among those that it judges. Absent: drawn
    /// by themselves.
    #[serde(default)]
    pub(crate) checks: Field<Scalar<JudgeName>>,
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
