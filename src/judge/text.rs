//! What an answer says: the text at a path of its JSON, or the pieces of a stream put together.

use std::borrow::Cow;

use serde_json::Value;

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

/// What an answer on record says, at `at` where its body is JSON. Without `at` it is what the APIs of OpenAI and
/// Anthropic call the content; of other JSON, and of other texts, all of it.
///
/// # Errors
/// Where the record does not hold it.
pub fn text_of(seen: &ObservationRecord, at: Option<&JsonPath>) -> Result<Said, Missing> {
    match &seen.body {
        _ if seen.truncated => Err(Missing::NoText),
        Some(Body::Json(raw)) => {
            let json: Value = serde_json::from_str(raw.get()).map_err(|_| Missing::NoText)?;
            of_json(&json, at)
        }
        Some(Body::Text(text)) => Ok(Said::of_text(of_stream(text).unwrap_or_else(|| text.clone()))),
        Some(Body::Base64(_) | Body::Withheld(_)) => Err(Missing::NoText),
        None => Ok(Said::of_text("")),
    }
}

/// What stands at a path of a document; several values are one array.
pub(super) fn of_json(json: &Value, at: Option<&JsonPath>) -> Result<Said, Missing> {
    let Some(at) = at else { return Ok(Said::of_value(content(json).unwrap_or(json))) };
    match at.all(json).as_slice() {
        [] => Err(Missing::NoText),
        [one] => Ok(Said::of_value(one)),
        many => Ok(Said::of_value(&Value::Array(many.iter().map(|value| (*value).clone()).collect()))),
    }
}

fn content(json: &Value) -> Option<&Value> {
    let openai = json.pointer("/choices/0/message/content");
    openai.or_else(|| json.pointer("/content/0/text")).filter(|content| content.is_string())
}

/// The pieces of a stream of server-sent events; `None`: the text is no such stream.
fn of_stream(text: &str) -> Option<String> {
    let (mut said, mut is_stream) = (String::new(), false);
    for event in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let Ok(event) = serde_json::from_str::<Value>(event.trim()) else { continue };
        let openai = event.pointer("/choices/0/delta");
        let anthropic = event.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("content_"));
        is_stream |= openai.is_some() || anthropic.is_some();
        let piece = openai.and_then(|delta| delta.get("content")).or_else(|| event.pointer("/delta/text"));
        said.push_str(piece.and_then(Value::as_str).unwrap_or_default());
    }
    is_stream.then_some(said)
}
