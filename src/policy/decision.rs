//! What an experiment is decided by: metrics, guardrails, the primary metric, error rates and times.
//!
//! All of it is written into the log beside the records, so that a report needs nothing but the log.

use serde::Deserialize;
use serde::Serialize;

use crate::assign::Share;
use crate::assign::bucket;
use crate::evaluate::measure::Better;
use crate::evaluate::measure::Measure;
use crate::protocol::JsonPath;
use crate::vocab::JudgeName;
use crate::vocab::MetricName;
use crate::vocab::OutcomeName;

/// How answers are measured, and where the values for that stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, a label of metrics.
    pub name: MetricName,
    /// The measure with its options.
    pub measure: Measure,
    /// Where the prediction stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<Source>,
    /// Where the score stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Source>,
    /// Where the truth stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Source>,
    /// Where the context stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Source>,
    /// The judge whose word it is, in the place of all those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgedBy>,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// At this path of the model's answer.
    Answer(JsonPath),
    /// The text that the model's answer says, whatever its protocol and however it was sent.
    AnswerText,
    /// The calls of tools that the model's answer makes, likewise: a list of names with arguments.
    AnswerToolCalls,
    /// At this path of the request.
    Request(JsonPath),
    /// In the outcome of this name.
    Outcome(OutcomeName),
}

/// By which judge a metric measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedBy {
    /// The judge.
    pub name: JudgeName,
    /// How it judges.
    pub mode: JudgeMode,
    /// What makes its judgements comparable; those of another version are not counted.
    pub version: String,
}

/// How a judge judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgeMode {
    /// By rules that an answer keeps or breaks.
    Rules,
    /// By a score from 0 to 1 for each answer.
    Pointwise,
    /// By preferring one of two answers, or neither.
    Pairwise,
    /// By people who prefer one of two answers, or neither.
    Human,
    /// By how near an answer is to legacy's, from 0 to 1; legacy's second answer, where there is one, too.
    Similarity,
}

/// Which requests a judge is to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeDraw {
    /// The judge.
    pub judge: JudgeName,
    /// The salt of its draw.
    pub salt: String,
    /// The share of requests, in billionths.
    pub billionths: u32,
    /// Draws by the unit, where a request has one: all requests of a conversation are judged, or none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole_units: bool,
}

/// What an experiment is decided by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What must not get worse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// What promotion asks for; `None`: the guardrails and what the strategy itself finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Primary>,
    /// The chance of promoting a model that does not clear its margin. Default: 0.05.
    pub alpha: f64,
    /// The chance that any guardrail rolls a harmless candidate back, shared among them. Default: 0.01.
    pub guardrail_alpha: f64,
    /// Promotion waits so long, in seconds: most traffic repeats itself by the week. Default: seven days.
    pub min_seconds: f64,
    /// After so long, in seconds, what is not decided is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after_seconds: Option<f64>,
}

/// A metric that must not get worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// What is watched.
    pub watch: Watched,
    /// The relative risk that promotion must stay below; `None`: the guardrail only rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<f64>,
    /// What a breach does.
    pub on_breach: OnBreach,
}

/// What promotion asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Primary {
    /// What is looked at.
    pub of: Watched,
    /// Which way is better.
    pub better: Better,
    /// How much worse the candidate may be: 0 asks for superiority. Of events a fraction of their relative risk, else in
    /// the metric's own unit.
    pub margin: f64,
}

/// A figure that guardrails and verdicts look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// Requests that failed.
    ErrorRate,
    /// Requests slower than legacy's 95 % quantile at the beginning of the stage.
    LatencyP95,
    /// Requests slower than legacy's 99 % quantile at the beginning of the stage.
    LatencyP99,
    /// How long answers take to their last byte, in seconds.
    Time,
    /// What a request costs.
    Cost,
    /// How long all answers to a unit take together, in seconds.
    TimePerUnit,
    /// What all answers to a unit cost together.
    CostPerUnit,
    /// What all requests cost for each of which this outcome was reported as true, or as a click.
    CostPerSuccess(OutcomeName),
    /// A metric of the experiment.
    Metric(MetricName),
    /// An outcome, of type binary or number.
    Outcome(OutcomeName),
}

/// What the breach of a guardrail does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    /// The candidate is taken out.
    Rollback,
    /// The candidate gets no more and is not promoted.
    Hold,
}

impl JudgeDraw {
    /// Says whether the judge is to judge a request of this id and unit, the unit as its record shows it: a draw that
    /// every replica makes alike.
    pub fn admits(&self, request: &[u8], unit: Option<&str>) -> bool {
        let drawn_by = unit.filter(|_| self.whole_units).map_or(request, str::as_bytes);
        Share::from_billionths(self.billionths)
            .is_some_and(|share| share.admits(bucket(&self.salt, drawn_by)))
    }
}

impl JudgeMode {
    /// Whether it prefers one of two answers, or neither.
    pub fn prefers(self) -> bool {
        matches!(self, JudgeMode::Pairwise | JudgeMode::Human)
    }

    /// Whether it holds an answer against legacy's to the same request, and so needs both.
    pub fn holds_against_legacy(self) -> bool {
        self.prefers() || self == JudgeMode::Similarity
    }

    /// The word that records use.
    pub fn as_str(self) -> &'static str {
        match self {
            JudgeMode::Rules => "rules",
            JudgeMode::Pointwise => "pointwise",
            JudgeMode::Pairwise => "pairwise",
            JudgeMode::Human => "human",
            JudgeMode::Similarity => "similarity",
        }
    }
}

impl Decision {
    /// The chance of error in promotion, where the policy says nothing.
    pub const ALPHA: f64 = 0.05;
    /// The chance of error of all guardrails together, where the policy says nothing.
    pub const GUARDRAIL_ALPHA: f64 = 0.01;
    /// The least time before promotion, in seconds, where the policy says nothing.
    pub const MIN_SECONDS: f64 = 7.0 * 24.0 * 3600.0;
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            guardrails: Vec::new(),
            primary: None,
            alpha: Self::ALPHA,
            guardrail_alpha: Self::GUARDRAIL_ALPHA,
            min_seconds: Self::MIN_SECONDS,
            stop_after_seconds: None,
        }
    }
}
