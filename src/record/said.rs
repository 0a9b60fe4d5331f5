//! What an answer of a language model said, as written: beside its body, whatever protocol it speaks.
//!
//! It stands outside the body, so rules of redaction act on it once more. Where a rule speaks of JSON fields, nobody can
//! tell which of them these texts came from, and none is written.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::Choice;
use crate::protocol::Finish;
use crate::protocol::Reply;
use crate::protocol::ToolCall;
use crate::record::reading::as_json;
use crate::record::reading::fits_into_line;
use crate::record::redact::Redactor;

/// What an answer said, redacted. Of several answers to one request, the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SaidRecord {
    /// The model that says it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// The model's own word for that, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_word: Option<String>,
    /// The text, put together; only of streams, for in other answers the body shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The text of its reasoning, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The tools that it calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallRecord>,
    /// The words with which it refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What went wrong, in its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureRecord>,
    /// Whether a stream came to the end that its protocol has; missing where this is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<bool>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCallRecord {
    /// The tool.
    pub name: String,
    /// What it is called with: JSON, or a text where it is none, is longer than 16 KiB or nests deeper than 100.
    #[serde(serialize_with = "as_json")]
    pub arguments: Value,
}

/// What went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The kind of error.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it says to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Writes what a reply says; `None`: nothing. `is_cut`: its texts may go on after their ends. `may_tell`: its bytes are
/// such that rules can be applied to them.
pub(super) fn said(
    reply: &Reply,
    is_cut: bool,
    may_tell: bool,
    redactor: &Redactor<'_>,
) -> Option<SaidRecord> {
    let choice = reply.first();
    let finished = choice.and_then(|choice| choice.finished.as_ref());
    let mut record = SaidRecord {
        finish: reply.finish(),
        ended: reply.ended.filter(|_| reply.recognised || reply.failure.is_some()),
        ..SaidRecord::default()
    };
    if may_tell && !redactor.speaks_of_json() {
        let told = |text: &String| redactor.told(text.clone());
        let long = |text: &String| {
            Some(text).filter(|text| !text.is_empty()).and_then(|text| redactor.told_body(text, is_cut))
        };
        record.model = reply.model.as_ref().map(told);
        record.model_version = reply.model_version.as_ref().map(told);
        let word = finished.filter(|finished| finished.word != finished.why.as_str());
        record.finish_word = word.map(|finished| told(&finished.word));
        record.error = reply.failure.as_ref().map(|failure| FailureRecord {
            kind: failure.kind.as_ref().map(told),
            code: failure.code.as_ref().map(told),
            message: failure.message.as_ref().and_then(long),
        });
        if let Some(Choice { text, reasoning, refusal, tool_calls, .. }) = choice {
            if reply.streamed {
                record.text = long(text);
                record.reasoning = long(reasoning);
            }
            record.refusal = long(refusal);
            record.tool_calls = tool_calls.iter().map(|call| called(call, is_cut, redactor)).collect();
        }
    }
    (record != SaidRecord::default()).then_some(record)
}

fn called(call: &ToolCall, is_cut: bool, redactor: &Redactor<'_>) -> ToolCallRecord {
    let name = redactor.told(call.name.clone());
    let text = |text: &str| redactor.told_body(text, is_cut).unwrap_or_default().into();
    let arguments = match call.arguments() {
        Value::String(_) => text(&call.arguments),
        mut json if fits_into_line(&json) => {
            redactor.clean(&mut json);
            if fits_into_line(&json) { json } else { Value::Null }
        }
        _ => text(&call.arguments),
    };
    ToolCallRecord { name, arguments }
}
