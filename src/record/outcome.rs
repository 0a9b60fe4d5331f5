//! What happened after an answer: a click, a label, a thumb, a number; a record of its own in the same log.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::policy::OutcomeKind;
use crate::record::reading::as_json;
use crate::strategy::interleave::Credit;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// One outcome, joined with its request. The log's line of kind `outcome`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// The request that it belongs to.
    pub request_id: RequestId,
    /// When the gateway took it in.
    pub time: Timestamp,
    /// When the request was served.
    pub request_time: Timestamp,
    /// The experiment.
    pub experiment: ExperimentName,
    /// What makes evidence comparable, as the pair's record has it.
    pub identity: String,
    /// The canary's stage in which the request was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The arm that the request was assigned to.
    pub arm: ModelName,
    /// The unit, as the pair's record shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether the request takes part in the comparison.
    pub enrolled: bool,
    /// The outcome's name.
    pub outcome: OutcomeName,
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: OutcomeKind,
    /// What was reported.
    pub value: OutcomeValue,
    /// It arrived after the outcome's window: it is on record and counts nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// For a click on a mixed list: what it tells of the arms, in their order, legacy first. All clicks on one list
    /// are scored together by `strategy::interleave::score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
}

/// An outcome's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeValue {
    /// A click: on a mixed list the item's place, which tells the item in the pair's record; otherwise what was
    /// reported, id, place or both.
    Click {
        /// The item's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<String>,
        /// The item's place, from 0 at the top.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<u32>,
    },
    /// The true class, as text.
    Label(String),
    /// Yes or no.
    Binary(bool),
    /// A finite number.
    Number(f64),
    /// Any JSON of at most 16 KiB: a list, boxes, a text to be compared with.
    Json(#[serde(serialize_with = "as_json")] Value),
}

impl OutcomeRecord {
    /// What the record holds in memory, roughly, for the queue's bound.
    pub fn held_bytes(&self) -> usize {
        let Self { unit, value, credit, .. } = self;
        let unit = unit.as_ref().map_or(0, String::len);
        512 + unit + value.held_bytes() + credit.as_ref().map_or(0, Credit::held_bytes)
    }
}

impl OutcomeValue {
    /// The value as JSON: of a click the item's id, or its place where the id is not known.
    pub fn to_json(&self) -> Value {
        match self {
            OutcomeValue::Click { item: Some(item), .. } => Value::from(item.as_str()),
            OutcomeValue::Click { item: None, place } => Value::from(*place),
            OutcomeValue::Label(label) => Value::from(label.as_str()),
            OutcomeValue::Binary(truth) => Value::from(*truth),
            OutcomeValue::Number(number) => Value::from(*number),
            OutcomeValue::Json(value) => value.clone(),
        }
    }

    /// What the value holds in memory, roughly.
    pub fn held_bytes(&self) -> usize {
        let text = match self {
            OutcomeValue::Click { item, .. } => item.as_ref().map_or(0, String::len),
            OutcomeValue::Label(label) => label.len(),
            OutcomeValue::Binary(_) | OutcomeValue::Number(_) => 0,
            OutcomeValue::Json(value) => held_by(value),
        };
        64 + text
    }
}

/// What a JSON value holds in memory beside itself, roughly.
fn held_by(value: &Value) -> usize {
    const ENTRY: usize = 64;
    match value {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(|element| ENTRY + held_by(element)).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| 2 * ENTRY + name.len() + held_by(member)).sum()
        }
    }
}
