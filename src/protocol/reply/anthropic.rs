//! Anthropic's messages, plain and as events.

use serde_json::Value;

use crate::protocol::reply::Choice;
use crate::protocol::reply::Finished;
use crate::protocol::reply::Reply;
use crate::protocol::reply::each;
use crate::protocol::reply::index;
use crate::protocol::reply::push;
use crate::protocol::reply::word;

pub(super) fn hear(reply: &mut Reply, message: &Value) {
    match message.get("type").and_then(Value::as_str).unwrap_or_default() {
        "message_start" => {
            message.get("message").into_iter().for_each(|begun| hear_message(reply, begun, true))
        }
        "content_block_start" => {
            let (Some(choice), Some(block)) = (reply.choice(0), message.get("content_block")) else { return };
            hear_block(choice, index(message, "index"), block);
        }
        "content_block_delta" => {
            let (Some(choice), Some(delta)) = (reply.choice(0), message.get("delta")) else { return };
            push(&mut choice.text, delta, "text");
            push(&mut choice.reasoning, delta, "thinking");
            if delta.get("partial_json").is_some() {
                let call = choice.call(index(message, "index"));
                call.map(|call| push(&mut call.arguments, delta, "partial_json"));
            }
        }
        "message_delta" => {
            if let Some(usage) = message.get("usage") {
                reply.reported.hear_anthropic(usage, false);
            }
            let (Some(choice), Some(delta)) = (reply.choice(0), message.get("delta")) else { return };
            hear_stop(choice, delta);
        }
        "message_stop" => reply.ended = reply.ended.map(|_| true),
        "error" => message.get("error").into_iter().for_each(|error| reply.hear_failure(error)),
        "ping" | "content_block_stop" => {}
        _ => hear_message(reply, message, false),
    }
}

/// A whole message, or the beginning of one.
fn hear_message(reply: &mut Reply, message: &Value, is_begun: bool) {
    reply.hear_model(message);
    if let Some(usage) = message.get("usage").filter(|usage| usage.is_object()) {
        reply.reported.hear_anthropic(usage, is_begun);
    }
    if message.get("content").is_some_and(Value::is_array)
        && let Some(choice) = reply.choice(0)
    {
        for (at, block) in each(message, "content").iter().enumerate() {
            hear_block(choice, at as u64, block);
        }
        hear_stop(choice, message);
    }
}

fn hear_block(choice: &mut Choice, at: u64, block: &Value) {
    match block.get("type").and_then(Value::as_str).unwrap_or_default() {
        "text" => _ = push(&mut choice.text, block, "text"),
        "thinking" => _ = push(&mut choice.reasoning, block, "thinking"),
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            let Some(call) = choice.call(at) else { return };
            call.name = word(block, "name").unwrap_or_default();
            // A stream begins with an empty one and tells it in pieces.
            let input = block.get("input").filter(|input| input.as_object().is_some_and(|it| !it.is_empty()));
            call.arguments = input.map(Value::to_string).unwrap_or_default();
        }
        _ => {}
    }
}

fn hear_stop(choice: &mut Choice, said: &Value) {
    if let Some(word) = word(said, "stop_reason") {
        choice.finished = Some(Finished::of(word));
    }
}
