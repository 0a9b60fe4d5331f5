//! What was said, where a request and its answers are those of a chat, or of anything else.

use serde_json::Value;
use serde_json::json;

use crate::record::Body;
use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::vocab::Role;

/// The request as messages of a chat: its own, or its body as what the user said.
pub(super) fn messages(pair: &PairedRecord) -> Value {
    let body = pair.request.body.as_ref();
    let json = match body {
        Some(Body::Json(raw)) => serde_json::from_str::<Value>(raw.get()).ok(),
        _ => None,
    };
    let field = |name: &str| json.as_ref().and_then(|json| json.get(name)).cloned();
    match (field("messages"), field("input"), field("prompt")) {
        (Some(messages @ Value::Array(_)), ..) => messages,
        (_, Some(messages @ Value::Array(_)), _) if is_chat(&messages) => messages,
        (_, Some(Value::String(said)), _) | (_, _, Some(Value::String(said))) => user(&said),
        _ => user(&body.map(text).unwrap_or_default()),
    }
}

fn is_chat(messages: &Value) -> bool {
    let mut messages = messages.as_array().into_iter().flatten();
    messages.next().is_some_and(|message| message.get("role").is_some())
}

fn user(said: &str) -> Value {
    json!([{"role": "user", "content": said}])
}

/// Legacy's answer, or that of whoever answered.
pub(super) fn answered(pair: &PairedRecord) -> Option<&ObservationRecord> {
    let legacy = pair.arms.first();
    let own =
        |seen: &&ObservationRecord| seen.role != Role::Control && !seen.is_error() && seen.body.is_some();
    let of_legacy = pair.observations.iter().filter(own).find(|seen| Some(&seen.arm) == legacy);
    of_legacy.or_else(|| pair.observations.iter().find(own))
}

/// What an answer says: the text of a chat's, or the whole body.
pub(super) fn said(seen: &ObservationRecord) -> String {
    let Some(body) = &seen.body else { return String::new() };
    let chat = match body {
        Body::Json(raw) => serde_json::from_str::<Value>(raw.get()).ok(),
        _ => None,
    };
    let places =
        ["/choices/0/message/content", "/choices/0/text", "/output/0/content/0/text", "/content/0/text"];
    let said = chat.as_ref().and_then(|chat| places.iter().find_map(|place| chat.pointer(place)?.as_str()));
    said.map_or_else(|| text(body), str::to_owned)
}

/// A body as text.
pub(super) fn text(body: &Body) -> String {
    match body {
        Body::Json(raw) => raw.get().to_owned(),
        Body::Text(text) => text.clone(),
        Body::Base64(text) => format!("base64:{text}"),
        Body::Withheld(_) => String::new(),
    }
}
