//! The paired record: one request of an experiment, every answer it got, and how they compare, as written.
//!
//! The schema of the log's lines of kind `pair`. Times of day are RFC 3339 with microseconds; durations are
//! milliseconds with microseconds behind the point; money is a decimal text. What is missing was not known; marks
//! that are missing are false.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::compare::Agreement;
use crate::compare::CallAgreement;
use crate::cost::Money;
use crate::protocol::Usage;
use crate::protocol::grpc;
use crate::record::Body;
use crate::record::Degraded;
use crate::record::HeaderRecord;
use crate::record::Readings;
use crate::record::SaidRecord;
use crate::strategy::interleave::Credit;
use crate::strategy::interleave::Method;
use crate::vocab::DropReason;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;
use crate::vocab::is_error;

/// One request of an experiment with the observations of all models called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairedRecord {
    /// The request's id, as `crossfade-id` told it.
    pub request_id: RequestId,
    /// When the request's head arrived.
    pub time: Timestamp,
    /// The experiment.
    pub experiment: ExperimentName,
    /// How the experiment treats its requests.
    pub strategy: StrategyKind,
    /// The number of the canary's stage, or of the split where an A/B test's shares follow what is learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The first 12 hexadecimal digits of the SHA-256 of the policy file.
    pub policy: String,
    /// A digest of what makes evidence comparable: candidates with their endpoints, salt, unit. Records whose
    /// identity differs are never counted together.
    pub identity: String,
    /// The arms' names, legacy first.
    pub arms: Vec<ModelName>,
    /// The unit: the first 32 hexadecimal digits of the SHA-256 of the experiment's name, a zero byte and the
    /// unit; with `show_unit` the unit itself. Missing where each request is its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The policy names a unit and the request had none.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unit_missing: bool,
    /// The arm that was drawn.
    pub assigned: ModelName,
    /// The arm whose answer the user got; missing when nobody's or a mixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ModelName>,
    /// The probability with which the assigned arm was drawn.
    pub propensity: f64,
    /// The probabilities of all arms in that draw, in the order of `arms`; for enrolled requests of canary and A/B.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub propensities: Vec<f64>,
    /// The request takes part in the comparison.
    pub enrolled: bool,
    /// A header forced the arm.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forced: bool,
    /// The client sent this request before; it adds no event to the statistics.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retry: bool,
    /// The assigned arm failed before its first byte and legacy answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub fallback: bool,
    /// Copies were drawn and held back, to learn what copies cost users.
    #[serde(default, skip_serializing_if = "is_false")]
    pub held_back: bool,
    /// The client left before it had the whole answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cancelled: bool,
    /// A body is above the cap and only its beginning is here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Lists were to be mixed and were not, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
    /// The request.
    pub request: RequestRecord,
    /// The calls to models, in the order of their beginning.
    pub observations: Vec<ObservationRecord>,
    /// Copies that the plan asked for and that were not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedRecord>,
    /// The list that the user got, where lists were mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownRecord>,
    /// How each whole answer compares with legacy's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparison: Vec<ComparisonRecord>,
}

/// The request, redacted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The method; `_OTHER` for one that HTTP itself does not know.
    pub method: String,
    /// The path, without the query, as far as redaction leaves it.
    pub path: String,
    /// The query; values of parameters that carry credentials or the hashed unit are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What stood in the body at the paths of the experiment's metrics.
    #[serde(default, skip_serializing_if = "Readings::is_empty")]
    pub readings: Readings,
    /// The headers that may be written. One that the policy asks for and the request lacks has no value, where others
    /// were left out.
    pub headers: HeaderRecord,
    /// How many values of headers were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub headers_left_out: u32,
    /// The size of the whole body, as it came over the wire.
    pub bytes: u64,
    /// The body is above the cap.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Redaction changed the query or the body, or took something out: this is not what was sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub redacted: bool,
    /// The line is of an early schema, which did not mark what redaction changed.
    #[serde(skip)]
    pub unmarked: bool,
    /// The body; missing when it was empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// One call to one model as seen, redacted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ObservationRecord {
    /// The arm.
    pub arm: ModelName,
    /// What the call was for.
    pub role: Role,
    /// How it ended.
    pub fate: Fate,
    /// The status; missing when no head came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How a gRPC call ended; it goes before the status, which is 200 whatever happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u8>,
    /// From the arrival of the request's head to the beginning of this call.
    pub skew_ms: f64,
    /// From the beginning of this call to the answer's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_ms: Option<f64>,
    /// From the beginning of this call to the first byte of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// From the beginning of this call to its end.
    pub total_ms: f64,
    /// How many pieces the body came in.
    pub chunks: u32,
    /// The longest wait between two pieces.
    pub longest_gap_ms: f64,
    /// What the call used, as the model says or as estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Usage>,
    /// What the call cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostRecord>,
    /// What the answer of a language model said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<SaidRecord>,
    /// What stood in the answer at the paths of the experiment's metrics.
    #[serde(default, skip_serializing_if = "Readings::is_empty")]
    pub readings: Readings,
    /// The answer's headers that may be written.
    pub headers: HeaderRecord,
    /// How many values of headers were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub headers_left_out: u32,
    /// The size of the whole body, as it came over the wire.
    pub bytes: u64,
    /// The body is above the cap.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// Redaction changed the body, or took something out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub redacted: bool,
    /// The body; missing when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// What a call cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostRecord {
    /// The amount.
    pub amount: Money,
    /// ISO 4217 code.
    pub currency: String,
    /// Tokens are charged and the answer did not tell how many: the amount lacks them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tokens_unknown: bool,
    /// Tokens are charged, and some of them are estimated.
    #[serde(default, skip_serializing_if = "is_false")]
    pub estimated: bool,
}

/// A copy that was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRecord {
    /// The arm that was to get it.
    pub arm: ModelName,
    /// What it was for.
    pub role: Role,
    /// Why it was not sent.
    pub reason: DropReason,
}

/// The mixed list that the user got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownRecord {
    /// How it was mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Every arm offered the same list, so that nothing can be learnt.
    #[serde(default, skip_serializing_if = "is_false")]
    pub no_contrast: bool,
    /// The items from the top.
    pub items: Vec<ShownItemRecord>,
}

/// One item of a mixed list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownItemRecord {
    /// Its id; a hash where the id is redacted in the answers.
    pub id: String,
    /// The arm that placed it; missing for an item that is nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<ModelName>,
    /// What a click on it tells of the arms, in the order of `arms`: `{"shares": [..]}` what each earns by it, or
    /// `{"ranks": [..]}` where only all clicks together tell (balanced interleaving).
    pub credit: Credit,
}

/// How one whole answer compares with legacy's, field by field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRecord {
    /// The arm that is held against legacy; legacy itself for its control call.
    pub arm: ModelName,
    /// What that call was for.
    pub role: Role,
    /// The fields, in the order of the policy; where it names none `answer` and `length` of what language models said, else
    /// `body`.
    pub fields: IndexMap<String, Agreement>,
    /// How far apart or how alike the values of a field are, by the measure of its rule; missing where there is none.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub scores: IndexMap<String, f64>,
    /// How many times as long as legacy's the answer is, of fields that are lengths.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub ratios: IndexMap<String, f64>,
    /// Where the answers differ: JSON pointers with `*` for any element of an array, after the word `answer` where they
    /// point into what was said; sorted, at most 64 of at most 256 bytes (`/…` ends one that was longer). Only where whole
    /// answers, a `tree` or what was said are compared; missing where two answers are not both JSON and not the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// There are more than those.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paths_truncated: bool,
    /// How the tools that they call compare; missing where neither calls any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<CallAgreement>,
}

impl ObservationRecord {
    /// Says whether the call counts as an error.
    pub fn is_error(&self) -> bool {
        let grpc = self.grpc_status.map(|code| grpc::Status(code).as_http());
        is_error(grpc.or(self.status), self.fate)
    }
}

impl ObservationRecord {
    /// Says whether the body is JSON and whole on record.
    pub fn is_whole_json(&self) -> bool {
        !self.truncated && matches!(self.body, Some(Body::Json(_)))
    }
}

impl PairedRecord {
    /// Says whether the request counts in the statistics.
    pub fn counts(&self) -> bool {
        self.enrolled && !self.forced && !self.retry
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_false(mark: &bool) -> bool {
    !mark
}
