//! Text Generation Inference's own answers, beside those that it gives in OpenAI's way.

use serde_json::Value;

use crate::protocol::reply::Failure;
use crate::protocol::reply::Finished;
use crate::protocol::reply::Reply;
use crate::protocol::reply::each;
use crate::protocol::reply::push;
use crate::protocol::reply::word;
use crate::protocol::usage::number;

/// Says whether a message is one of these.
pub(super) fn is_of(message: &Value) -> bool {
    let message = message.get(0).unwrap_or(message);
    let is = |name| message.get(name).is_some();
    is("generated_text") || is("error_type") || message.get("token").is_some_and(Value::is_object)
}

pub(super) fn hear(reply: &mut Reply, message: &Value) {
    match message.as_array() {
        // One for each text that was sent.
        Some(several) => {
            several.iter().enumerate().for_each(|(index, one)| hear_one(reply, index as u64, one));
        }
        None => hear_one(reply, 0, message),
    }
}

fn hear_one(reply: &mut Reply, index: u64, message: &Value) {
    if let Some(error) = message.get("error").and_then(Value::as_str) {
        let (kind, message) = (word(message, "error_type"), Some(error.to_owned()));
        reply.failure = Some(Failure { kind, code: None, message });
        return;
    }
    let Some(choice) = reply.choice(index) else { return };
    if let Some(whole) = message.get("generated_text").and_then(Value::as_str) {
        choice.text = whole.to_owned();
    } else if let Some(token) = message.get("token")
        && token.get("special").and_then(Value::as_bool) != Some(true)
    {
        push(&mut choice.text, token, "text");
    }
    let Some(details) = message.get("details").filter(|details| details.is_object()) else { return };
    if let Some(word) = word(details, "finish_reason") {
        choice.finished = Some(Finished::of(word));
        reply.ended = reply.ended.map(|_| true);
    }
    let prefill = each(details, "prefill").len() as u64;
    let input = number(details, "input_length").or(Some(prefill).filter(|tokens| *tokens > 0));
    add(&mut reply.reported.input, input);
    add(&mut reply.reported.output, number(details, "generated_tokens"));
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}
