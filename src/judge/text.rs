//! What an answer says: the text at a path of its JSON, or the pieces of a stream put together.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::json;

use crate::protocol::JsonPath;
use crate::record::Body;
use crate::record::Missing;
use crate::record::ObservationRecord;

/// What an answer says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// As text; of JSON that is no string its text.
    pub text: String,
    /// As JSON, where it is no string.
    value: Option<Value>,
}

impl Said {
    /// A text.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), value: None }
    }

    /// A value of a document.
    pub fn of_value(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::of_text(text.as_str()),
            value => Self { text: value.to_string(), value: Some(value.clone()) },
        }
    }

    /// As JSON: a text as one.
    pub(super) fn to_json(&self) -> Value {
        self.value.clone().unwrap_or_else(|| Value::from(self.text.as_str()))
    }

    /// As JSON; `None`: it is a text that is none.
    pub(super) fn json(&self) -> Option<Cow<'_, Value>> {
        match &self.value {
            Some(value) => Some(Cow::Borrowed(value)),
            None => serde_json::from_str(&self.text).ok().map(Cow::Owned),
        }
    }
}

/// What tells which model answered, or is of no interest to whoever judges what it said.
const NAMING: [&str; 10] = [
    "created",
    "created_at",
    "id",
    "model",
    "model_name",
    "model_version",
    "provider",
    "service_tier",
    "system_fingerprint",
    "usage",
];

/// What an answer on record says, at `at` where its body is JSON. Without `at` it is what a language model says in text,
/// with the tools that it calls; of other JSON all but what names the model, and of other texts all of it.
///
/// # Errors
/// Where the record does not hold it.
pub fn text_of(seen: &ObservationRecord, at: Option<&JsonPath>) -> Result<Said, Missing> {
    match &seen.body {
        _ if seen.truncated => Err(Missing::NoText),
        Some(Body::Json(raw)) => {
            let json: Value = serde_json::from_str(raw.get()).map_err(|_| Missing::NoText)?;
            match at {
                Some(_) => of_json(&json, at),
                None => with_calls(content(&json), seen).map_or_else(|| of_json(&json, at), Ok),
            }
        }
        Some(Body::Text(text)) => {
            let streamed = seen.said.as_ref().and_then(|said| said.text.clone()).or_else(|| of_stream(text));
            Ok(with_calls(streamed, seen).unwrap_or_else(|| Said::of_text(text.as_str())))
        }
        Some(Body::Base64(_) | Body::Withheld(_)) => Err(Missing::NoText),
        None => Ok(Said::of_text("")),
    }
}

/// What stands at a path of a document; several values are one array.
pub(super) fn of_json(json: &Value, at: Option<&JsonPath>) -> Result<Said, Missing> {
    let Some(at) = at else {
        return Ok(content(json).map_or_else(|| Said::of_value(&nameless(json.clone())), Said::of_text));
    };
    match at.all(json).as_slice() {
        [] => Err(Missing::NoText),
        [one] => Ok(Said::of_value(one)),
        many => Ok(Said::of_value(&Value::Array(many.iter().map(|value| (*value).clone()).collect()))),
    }
}

/// A text with the tools that are called beside it; `None`: there is neither.
fn with_calls(text: Option<String>, seen: &ObservationRecord) -> Option<Said> {
    let calls = seen.said.as_ref().map_or(&[][..], |said| &said.tool_calls);
    match text {
        _ if !calls.is_empty() => {
            let calls: Vec<Value> =
                calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments})).collect();
            Some(Said::of_value(&json!({"text": text.unwrap_or_default(), "tool_calls": calls})))
        }
        Some(text) => Some(Said::of_text(text)),
        None => None,
    }
}

/// What the APIs of OpenAI and Anthropic call the content.
fn content(json: &Value) -> Option<String> {
    let openai = json.pointer("/choices/0/message/content").and_then(Value::as_str);
    let blocks = json.get("content").and_then(Value::as_array);
    let texts = |blocks: &Vec<Value>| -> Vec<String> {
        blocks.iter().filter_map(|block| block.get("text")?.as_str()).map(str::to_owned).collect()
    };
    openai
        .map(str::to_owned)
        .or_else(|| blocks.map(texts).filter(|texts| !texts.is_empty()).map(|texts| texts.concat()))
}

/// A document without what names the model.
fn nameless(mut json: Value) -> Value {
    if let Some(members) = json.as_object_mut() {
        NAMING.iter().for_each(|name| drop(members.shift_remove(*name)));
    }
    json
}

/// The pieces of a stream of server-sent events; `None`: the text is no such stream.
fn of_stream(text: &str) -> Option<String> {
    let (mut said, mut is_stream) = (String::new(), false);
    for event in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(event) = serde_json::from_str::<Value>(event.trim()) else { continue };
        let first = event.pointer("/choices/0/index").is_none_or(|index| *index == json!(0));
        let openai = event.pointer("/choices/0/delta").filter(|_| first);
        let anthropic = event.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("content_"));
        is_stream |= openai.is_some() || anthropic.is_some();
        let piece = openai.and_then(|delta| delta.get("content")).or_else(|| event.pointer("/delta/text"));
        said.push_str(piece.and_then(Value::as_str).unwrap_or_default());
    }
    is_stream.then_some(said)
}
