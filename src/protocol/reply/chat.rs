//! OpenAI's chat completions, completions and embeddings, plain and streamed, and what servers that speak them add:
//! reasoning apart (vLLM, DeepSeek), usage in any chunk (vLLM, LiteLLM), a first chunk without choices (Azure).

use serde_json::Value;

use crate::protocol::reply::Choice;
use crate::protocol::reply::Finished;
use crate::protocol::reply::Reply;
use crate::protocol::reply::each;
use crate::protocol::reply::push;
use crate::protocol::reply::word;

pub(super) fn hear(reply: &mut Reply, message: &Value) {
    if let Some(error) = message.get("error") {
        reply.hear_failure(error);
    }
    // Early versions of vLLM.
    if message.get("object").and_then(Value::as_str) == Some("error") {
        reply.hear_failure(message);
    }
    reply.hear_model(message);
    // Which chunk of a stream carries it is not fixed, nor that its `choices` are empty.
    if let Some(usage) = message.get("usage").filter(|usage| usage.is_object()) {
        reply.reported.hear_openai(usage);
    }
    let is_embedding = |item: &Value| item.get("object").and_then(Value::as_str) == Some("embedding");
    reply.recognised |= each(message, "data").first().is_some_and(is_embedding);
    for (place, said) in each(message, "choices").iter().enumerate() {
        let index = said.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
        if let Some(choice) = reply.choice(index) {
            hear_choice(choice, said);
        }
    }
}

fn hear_choice(choice: &mut Choice, said: &Value) {
    push(&mut choice.text, said, "text");
    for part in ["message", "delta"].iter().filter_map(|name| said.get(name)) {
        hear_content(choice, part.get("content"));
        let _ = push(&mut choice.reasoning, part, "reasoning_content")
            || push(&mut choice.reasoning, part, "reasoning");
        push(&mut choice.refusal, part, "refusal");
        for (place, call) in each(part, "tool_calls").iter().enumerate() {
            let index = call.get("index").and_then(Value::as_u64);
            hear_call(choice, index.unwrap_or(place as u64), call);
        }
        if part.get("function_call").is_some_and(Value::is_object) {
            hear_call(choice, 0, part);
        }
    }
    if let Some(word) = word(said, "finish_reason") {
        choice.finished = Some(Finished::of(word));
    }
}

fn hear_content(choice: &mut Choice, content: Option<&Value>) {
    match content {
        Some(Value::String(text)) => choice.text.push_str(text),
        Some(Value::Array(parts)) => parts.iter().for_each(|part| {
            push(&mut choice.text, part, "text");
            push(&mut choice.refusal, part, "refusal");
        }),
        _ => {}
    }
}

fn hear_call(choice: &mut Choice, index: u64, said: &Value) {
    let Some(call) = choice.call(index) else { return };
    for made in ["function", "custom", "function_call"].iter().filter_map(|name| said.get(name)) {
        if let Some(name) = word(made, "name") {
            call.name = name;
        }
        let _ = push(&mut call.arguments, made, "arguments") || push(&mut call.arguments, made, "input");
    }
}
