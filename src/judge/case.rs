//! A request that waits to be judged: its record, and which of its answers count as the arms' own.

use serde_json::Value;

use crate::judge::text::of_json;
use crate::policy::JudgeMode;
use crate::protocol::JsonPath;
use crate::record::Body;
use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// A request that waits to be judged.
#[derive(Debug, Clone)]
pub struct Case {
    /// The record, as it was written.
    pub record: PairedRecord,
}

impl Case {
    /// The answers that are the arms' own, in the order of the arms: no second call to measure noise, and none that
    /// stepped in for another.
    pub fn answers(&self) -> impl Iterator<Item = &ObservationRecord> {
        own_answers(&self.record)
    }

    /// Legacy's second answer to the same request, where there is one.
    pub fn control(&self) -> Option<&ObservationRecord> {
        control(&self.record)
    }

    /// The request as a judge is shown it: a conversation as lines, other JSON without the name of a model.
    pub fn request(&self) -> String {
        match self.request_json() {
            Value::String(text) => text,
            json => match json.get("messages").and_then(Value::as_array) {
                Some(messages) => messages.iter().map(line_of).collect::<Vec<_>>().join("\n"),
                None => json.to_string(),
            },
        }
    }

    /// The request's body, in which no model is named.
    pub(super) fn request_json(&self) -> Value {
        match &self.record.request.body {
            Some(Body::Json(raw)) => {
                let mut json: Value = serde_json::from_str(raw.get()).unwrap_or_default();
                if let Some(members) = json.as_object_mut() {
                    members.shift_remove("model");
                }
                json
            }
            Some(Body::Text(text)) => Value::from(text.as_str()),
            Some(Body::Base64(_) | Body::Withheld(_)) | None => Value::from(""),
        }
    }

    /// What stands at a path of the request, as text; `None`: nothing.
    pub(super) fn at(&self, path: Option<&JsonPath>) -> Option<String> {
        let Some(Body::Json(raw)) = &self.record.request.body else { return None };
        let json: Value = serde_json::from_str(raw.get()).ok()?;
        of_json(&json, Some(path?)).ok().map(|said| said.text)
    }

    /// What the case holds in memory, roughly, in bytes.
    pub fn held_bytes(&self) -> usize {
        let bodies = self.record.observations.iter().map(|seen| seen.bytes);
        let bodies: u64 = bodies.chain([self.record.request.bytes]).sum();
        4096 + usize::try_from(bodies).unwrap_or(usize::MAX / 2)
    }
}

/// Says whether a judge of this kind finds in a record what it judges. One that holds answers against legacy's has nothing
/// to say of a request that went to one model alone, such as one whose copies were held back.
pub(super) fn is_judgeable(mode: JudgeMode, record: &PairedRecord) -> bool {
    if !mode.holds_against_legacy() {
        return true;
    }
    let legacy = record.arms.first();
    let of_legacy = own_answers(record).any(|seen| Some(&seen.arm) == legacy);
    let of_others = own_answers(record).any(|seen| Some(&seen.arm) != legacy);
    // How far legacy is from itself is of interest too.
    of_legacy && (of_others || mode == JudgeMode::Similarity && control(record).is_some())
}

fn own_answers(record: &PairedRecord) -> impl Iterator<Item = &ObservationRecord> {
    let own = |arm: &ModelName| {
        let is_own = |seen: &&ObservationRecord| {
            seen.arm == *arm && !matches!(seen.role, Role::Control | Role::Fallback)
        };
        record.observations.iter().find(is_own)
    };
    record.arms.iter().filter_map(own)
}

fn control(record: &PairedRecord) -> Option<&ObservationRecord> {
    let is_control =
        |seen: &&ObservationRecord| record.arms.first() == Some(&seen.arm) && seen.role == Role::Control;
    record.observations.iter().find(is_control)
}

/// A message of a conversation: who said it, and what, of several parts the texts.
fn line_of(message: &Value) -> String {
    let role = message.get("role").and_then(Value::as_str).unwrap_or("user");
    let content = match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    };
    format!("{role}: {content}")
}

/// What became of a call, as a judge needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer.
    Answer,
    /// None: the worst that there is.
    Failed,
    /// Nothing can be said: the client left.
    Unknown,
}

impl Came {
    pub(super) fn of(seen: &ObservationRecord) -> Self {
        match seen.fate {
            Fate::Cancelled => Came::Unknown,
            _ if seen.is_error() => Came::Failed,
            _ => Came::Answer,
        }
    }
}
