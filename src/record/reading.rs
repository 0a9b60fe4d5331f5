//! Readings: what stands in requests and answers at the paths that an experiment's metrics look at.
//!
//! They are taken once, when the record is made: whoever reads the log needs to know no paths and no encodings, and can
//! tell an answer that has no such place from one that the gateway could not read.

use std::borrow::Cow;
use std::io;
use std::io::Write;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;
use serde_json::json;

use crate::policy::Metric;
use crate::policy::Source;
use crate::protocol::Choice;
use crate::protocol::JsonPath;
use crate::protocol::Reply;
use crate::protocol::ToolCall;
use crate::record::Observation;
use crate::record::Readings;
use crate::record::body::Content;
use crate::record::json;
use crate::record::redact::Redactor;
use crate::vocab::Fate;
use crate::vocab::is_error;

/// The longest value, in bytes as it is written.
const MOST_BYTES: usize = 16 * 1024;
/// How deep a value may nest: readers of the log commonly stop at 128, and the line itself takes a few.
const DEPTH: usize = 100;

/// What the text of an answer is called among paths, all of which begin with `$`.
pub const ANSWER_TEXT: &str = "text";
/// What its calls of tools are called likewise.
pub const ANSWER_TOOL_CALLS: &str = "tool_calls";

/// What stood at one path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// This value; an array of the values where the path selects several.
    Value(#[serde(serialize_with = "as_json")] Value),
    /// Nothing: the call failed, or its answer has no such place. Whatever the truth will be, that was no answer.
    Missing,
    /// The gateway cannot tell: the client left, the body is above the cap, a rule of redaction hides the place, or the
    /// value is longer than 16 KiB.
    Unreadable,
}

/// What a body is read for: the distinct paths of an experiment's metrics, and what each is called in records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Looked {
    answer: Vec<JsonPath>,
    answer_text: bool,
    answer_tool_calls: bool,
    request: Vec<JsonPath>,
}

impl Reading {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Reading::Value(value) => Some(value),
            Reading::Missing | Reading::Unreadable => None,
        }
    }

    fn of(selected: Vec<Cow<'_, Value>>) -> Self {
        let mut selected: Vec<Value> = selected.into_iter().map(Cow::into_owned).collect();
        let value = match selected.len() {
            0 => return Reading::Missing,
            1 => selected.remove(0),
            _ => Value::Array(selected),
        };
        if fits_into_line(&value) { Reading::Value(value) } else { Reading::Unreadable }
    }
}

impl Looked {
    /// The paths that these metrics look at.
    pub(super) fn at_by(metrics: &[Metric]) -> Self {
        let mut looked = Self::default();
        for Metric { prediction, score, truth, context, .. } in metrics {
            for source in [prediction, score, truth, context].into_iter().flatten() {
                let (paths, path) = match source {
                    Source::Answer(path) => (&mut looked.answer, path),
                    Source::Request(path) => (&mut looked.request, path),
                    Source::AnswerText => {
                        looked.answer_text = true;
                        continue;
                    }
                    Source::AnswerToolCalls => {
                        looked.answer_tool_calls = true;
                        continue;
                    }
                    Source::Outcome(_) => continue,
                };
                if !paths.contains(path) {
                    paths.push(path.clone());
                }
            }
        }
        looked
    }

    /// Reads one call's answer.
    pub(super) fn in_answer(
        &self,
        seen: &Observation,
        content: &Content,
        reply: &Reply,
        redactor: &Redactor<'_>,
    ) -> Readings {
        let read_if_answered = |read: &dyn Fn() -> Reading| match seen.fate {
            Fate::Cancelled => Reading::Unreadable,
            fate if is_error(seen.judged_status(), fate) => Reading::Missing,
            _ => read(),
        };
        let spared = |path: &JsonPath| content.whole().is_some_and(|it| redactor.spares(path, it));
        let at_paths = self
            .answer
            .iter()
            .map(|path| (path.as_str(), read_if_answered(&|| read(path, content, redactor, spared))));
        let text =
            self.answer_text.then(|| (ANSWER_TEXT, read_if_answered(&|| text(content, reply, redactor))));
        let calls = self
            .answer_tool_calls
            .then(|| (ANSWER_TOOL_CALLS, read_if_answered(&|| tool_calls(content, reply, redactor))));
        at_paths.chain(text).chain(calls).collect()
    }

    /// Reads the request.
    pub(super) fn in_request(&self, content: &Content, redactor: &Redactor<'_>) -> Readings {
        let spared = |path: &JsonPath| content.whole().is_some_and(|it| redactor.spares_in_request(path, it));
        let reading = |path: &JsonPath| read(path, content, redactor, spared);
        self.request.iter().map(|path| (path.as_str(), reading(path))).collect()
    }
}

/// Reads the text that an answer says.
fn text(content: &Content, reply: &Reply, redactor: &Redactor<'_>) -> Reading {
    said(content, reply, redactor, |said| (!said.spoken().is_empty()).then(|| said.spoken().into()))
}

/// Reads the calls of tools that an answer makes; an answer that makes none says so by an empty list.
fn tool_calls(content: &Content, reply: &Reply, redactor: &Redactor<'_>) -> Reading {
    let call = |call: &ToolCall| json!({"name": call.name, "arguments": call.arguments()});
    said(content, reply, redactor, |said| Some(said.tool_calls.iter().map(call).collect()))
}

/// Reads a part of what an answer says. Nobody can tell which fields of the body it was, so a rule on any hides it.
fn said(
    content: &Content,
    reply: &Reply,
    redactor: &Redactor<'_>,
    part: impl Fn(&Choice) -> Option<Value>,
) -> Reading {
    if content.whole().is_none() {
        return Reading::Unreadable;
    }
    let Some(value) = reply.whole().and_then(part) else { return Reading::Missing };
    if redactor.speaks_of_json() || redactor.finds_in(&value) {
        return Reading::Unreadable;
    }
    Reading::of(vec![Cow::Owned(value)])
}

/// Reads one path; `spared` says whether redaction leaves what it selects as it is.
fn read(
    path: &JsonPath,
    content: &Content,
    redactor: &Redactor<'_>,
    spared: impl Fn(&JsonPath) -> bool,
) -> Reading {
    let Some(document) = content.whole() else { return Reading::Unreadable };
    match document.select(path) {
        None => Reading::Missing,
        Some(selected) if !selected.is_empty() && !spared(path) => Reading::Unreadable,
        Some(selected) if selected.iter().any(|value| redactor.finds_in(value)) => Reading::Unreadable,
        Some(selected) => Reading::of(selected),
    }
}

/// Says whether a value is short and flat enough to be a part of a line: at most 16 KiB as it is written.
pub fn fits_into_line(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        // At worst six bytes a byte, `\u001f`, and the quotes.
        Value::String(text) if text.len() <= (MOST_BYTES - 2) / 6 => true,
        _ => is_flat(value, DEPTH) && serde_json::to_writer(Room(MOST_BYTES), value).is_ok(),
    }
}

fn is_flat(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(elements) => depth > 0 && elements.iter().all(|it| is_flat(it, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().all(|it| is_flat(it, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A place for so many bytes, which keeps none of them.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.checked_sub(bytes.len()) {
            Some(left) => self.0 = left,
            None => return Err(io::ErrorKind::StorageFull.into()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Leaves a value to serde_json, which alone knows how its numbers keep their digits.
pub(super) fn as_json<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(json::RAW, value)
}
