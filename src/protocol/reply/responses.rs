//! OpenAI's Responses, plain and as events.
//!
//! The last event holds the whole response; what the events before it gave counts where the stream breaks off.

use serde_json::Value;

use crate::protocol::reply::Choice;
use crate::protocol::reply::Finish;
use crate::protocol::reply::Finished;
use crate::protocol::reply::Reply;
use crate::protocol::reply::each;
use crate::protocol::reply::index;
use crate::protocol::reply::push;
use crate::protocol::reply::word;

fn kind(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Says whether a message is one of these.
pub(super) fn is_of(message: &Value) -> bool {
    let kind = kind(message);
    message.get("object").and_then(Value::as_str) == Some("response")
        || kind.starts_with("response.")
        || (kind == "error" && message.get("message").is_some())
}

pub(super) fn hear(reply: &mut Reply, message: &Value) {
    match kind(message) {
        "error" => {
            // Its type is only that of the event.
            reply.hear_failure(message);
            if let Some(failure) = &mut reply.failure {
                failure.kind = None;
            }
        }
        "" => hear_response(reply, message),
        event => hear_event(reply, event, message),
    }
}

fn hear_event(reply: &mut Reply, event: &str, message: &Value) {
    if let Some(response) = message.get("response") {
        hear_response(reply, response);
    }
    let is_last = ["response.completed", "response.incomplete", "response.failed", "response.cancelled"];
    if is_last.contains(&event) {
        reply.ended = reply.ended.map(|_| true);
        return;
    }
    let Some(choice) = reply.choice(0) else { return };
    let at = index(message, "output_index");
    match event {
        "response.output_item.added" | "response.output_item.done" => {
            let Some(item) = message.get("item") else { return };
            if let Some(name) = word(item, "name").filter(|_| is_call(item)) {
                let Some(call) = choice.call(at) else { return };
                call.name = name;
                if let Some(whole) = arguments(item) {
                    call.arguments = whole.to_owned();
                }
            }
        }
        "response.output_text.delta" => _ = push(&mut choice.text, message, "delta"),
        "response.refusal.delta" => _ = push(&mut choice.refusal, message, "delta"),
        "response.reasoning_text.delta" | "response.reasoning_summary_text.delta" => {
            push(&mut choice.reasoning, message, "delta");
        }
        "response.function_call_arguments.delta"
        | "response.custom_tool_call_input.delta"
        | "response.mcp_call_arguments.delta" => {
            choice.call(at).map(|call| push(&mut call.arguments, message, "delta"));
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            if let (Some(call), Some(whole)) = (choice.call(at), arguments(message)) {
                call.arguments = whole.to_owned();
            }
        }
        _ => {}
    }
}

fn hear_response(reply: &mut Reply, response: &Value) {
    reply.hear_model(response);
    if let Some(usage) = response.get("usage").filter(|usage| usage.is_object()) {
        reply.reported.hear_openai(usage);
    }
    if let Some(error) = response.get("error") {
        reply.hear_failure(error);
    }
    let output = each(response, "output");
    let Some(choice) = reply.choice(0) else { return };
    if !output.is_empty() {
        *choice = whole(output);
    }
    let status =
        word(response, "status").filter(|status| !["in_progress", "queued"].contains(&status.as_str()));
    let reason = response.get("incomplete_details").and_then(|details| word(details, "reason"));
    if let Some(mut finished) = reason.or(status).map(Finished::of) {
        if finished.why == Finish::Stop && !choice.tool_calls.is_empty() {
            finished.why = Finish::ToolCalls;
        }
        choice.finished = Some(finished);
    }
}

fn whole(output: &[Value]) -> Choice {
    let mut choice = Choice::default();
    for (at, item) in output.iter().enumerate() {
        match kind(item) {
            "message" => each(item, "content").iter().for_each(|part| {
                push(&mut choice.text, part, "text");
                push(&mut choice.refusal, part, "refusal");
            }),
            "reasoning" => {
                let parts = each(item, "content").iter().chain(each(item, "summary"));
                parts.for_each(|part| _ = push(&mut choice.reasoning, part, "text"));
            }
            _ if is_call(item) => {
                if let (Some(call), Some(name)) = (choice.call(at as u64), word(item, "name")) {
                    call.name = name;
                    call.arguments = arguments(item).unwrap_or_default().to_owned();
                }
            }
            _ => {}
        }
    }
    choice
}

fn is_call(item: &Value) -> bool {
    ["function_call", "custom_tool_call", "mcp_call"].contains(&kind(item))
}

fn arguments(said: &Value) -> Option<&str> {
    let text = |name| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("arguments").or_else(|| text("input"))
}
