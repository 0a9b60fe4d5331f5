use proptest::prop_assert;
use proptest::proptest;
use serde_json::Value;
use serde_json::json;

use crate::protocol::Asked;
use crate::protocol::Finish;
use crate::protocol::Protocol;
use crate::protocol::Reply;
use crate::protocol::Usage;

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

/// What a reply says, as one JSON value.
fn told(protocol: Protocol, kind: &str, body: &str) -> Value {
    let reply = Reply::read(protocol, Some(kind), body.as_bytes());
    let choices = reply.choices.iter().map(|choice| {
        let calls = choice.tool_calls.iter().map(|call| json!([call.name, call.arguments()]));
        let finish = choice.finished.as_ref().map(|it| json!([it.why.as_str(), it.word]));
        json!([choice.text, choice.reasoning, choice.refusal, calls.collect::<Value>(), finish])
    });
    let failure = reply.failure.as_ref().map(|it| json!([it.kind, it.code, it.message]));
    json!({"model": reply.model, "choices": choices.collect::<Value>(), "failure": failure, "ended": reply.ended})
}

fn events(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

#[test]
fn a_plain_chat_completion_tells_text_reasoning_tools_and_why_it_ended() {
    let body = json!({"model": "m-1", "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"content": "Hi", "reasoning_content": "hm", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"x\": 1}"}},
            {"id": "b", "type": "custom", "custom": {"name": "say", "input": "no json"}}]}},
        {"index": 1, "finish_reason": "stop", "message": {"content": null, "refusal": "I cannot"}}]});
    let expected = json!({"model": "m-1", "choices": [
        ["Hi", "hm", "", [["look", {"x": 1}], ["say", "no json"]], ["tool_calls", "tool_calls"]],
        ["", "", "I cannot", [], ["refusal", "stop"]]], "failure": null, "ended": null});
    assert_eq!(told(Protocol::OpenAi, JSON, &body.to_string()), expected);
}

#[test]
fn a_streamed_chat_completion_is_put_together_and_says_whether_it_was_cut() {
    let chunks = [
        // Azure begins with a chunk that has no choices.
        json!({"model": "", "choices": [], "prompt_filter_results": []}),
        json!({"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        json!({"choices": [{"index": 0, "delta": {"reasoning": "so"}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "He"}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "llo"}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\""}}]}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ":2}"}}]}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "length", "stop_reason": 2}]}),
        // LiteLLM's last one has choices.
        json!({"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
    ];
    let body = events(&chunks);
    let mut expected = json!({"model": "m", "choices": [
        ["Hello", "so", "", [["f", {"a": 2}]], ["length", "length"]]], "failure": null, "ended": false});
    assert_eq!(told(Protocol::OpenAi, SSE, &body), expected);
    expected["ended"] = json!(true);
    assert_eq!(told(Protocol::OpenAi, SSE, &format!("{body}data: [DONE]\n\n")), expected);
}

#[test]
fn completions_embeddings_and_errors_are_told() {
    let text =
        json!({"model": "m", "choices": [{"index": 0, "text": "abc", "finish_reason": "content_filter"}]});
    assert_eq!(
        told(Protocol::OpenAi, JSON, &text.to_string())["choices"],
        json!([["abc", "", "", [], ["content_filter", "content_filter"]]])
    );
    let vectors =
        json!({"object": "list", "model": "e", "data": [{"object": "embedding", "embedding": [0.5]}]});
    assert!(Reply::read(Protocol::OpenAi, Some(JSON), vectors.to_string().as_bytes()).recognised);
    let models = json!({"object": "list", "data": [{"object": "model", "id": "m"}]});
    assert!(!Reply::read(Protocol::OpenAi, Some(JSON), models.to_string().as_bytes()).recognised);
    let errors = [
        (
            Protocol::OpenAi,
            json!({"error": {"type": "t", "code": 429, "message": "slow"}}),
            json!(["t", "429", "slow"]),
        ),
        (
            Protocol::OpenAi,
            json!({"object": "error", "type": "t", "code": null, "message": "no"}),
            json!(["t", null, "no"]),
        ),
        (
            Protocol::OpenAi,
            json!({"error": "too long", "error_type": "validation"}),
            json!(["validation", null, "too long"]),
        ),
        (
            Protocol::OpenAi,
            json!({"type": "error", "code": "c", "message": "no", "param": null}),
            json!([null, "c", "no"]),
        ),
        (
            Protocol::Anthropic,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "later"}}),
            json!(["overloaded_error", null, "later"]),
        ),
        (Protocol::KserveV2, json!({"error": "no such model"}), json!([null, null, "no such model"])),
    ];
    for (protocol, body, expected) in errors {
        assert_eq!(told(protocol, JSON, &body.to_string())["failure"], expected, "{body}");
    }
}

#[test]
fn a_response_is_told_alike_plain_and_as_events() {
    let whole = json!({"object": "response", "status": "completed", "model": "m", "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thus"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
        {"type": "function_call", "name": "f", "call_id": "c", "arguments": "{\"a\": 1}"}],
        "usage": {"input_tokens": 5, "output_tokens": 4}});
    let choices = json!([["Hello", "thus", "", [["f", {"a": 1}]], ["tool_calls", "completed"]]]);
    let plain = told(Protocol::OpenAi, JSON, &whole.to_string());
    assert_eq!((&plain["choices"], &plain["ended"]), (&choices, &Value::Null));
    let begun = [
        json!({"type": "response.created", "response": {"object": "response", "status": "in_progress", "model": "m", "output": []}}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "thus"}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hel"}),
        json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "lo"}),
        json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Hello"}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "name": "f", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"a\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": " 1}"}),
    ];
    let cut = told(Protocol::OpenAi, SSE, &events(&begun));
    assert_eq!(cut["choices"], json!([["Hello", "thus", "", [["f", {"a": 1}]], null]]));
    assert_eq!(cut["ended"], false);
    let last = json!({"type": "response.completed", "response": whole});
    let ended = told(Protocol::OpenAi, SSE, &(events(&begun) + &events(&[last])));
    assert_eq!((&ended["choices"], &ended["ended"]), (&choices, &json!(true)));
    let endings = [
        (
            "response.incomplete",
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
            "length",
        ),
        (
            "response.failed",
            json!({"status": "failed", "error": {"code": "server_error", "message": "oh"}}),
            "error",
        ),
    ];
    for (event, response, why) in endings {
        let last = json!({"type": event, "response": response});
        let told = told(Protocol::OpenAi, SSE, &(events(&begun) + &events(&[last])));
        assert_eq!((&told["choices"][0][4][0], &told["ended"]), (&json!(why), &json!(true)), "{event}");
        assert_eq!(told["choices"][0][0], "Hello");
    }
}

#[test]
fn an_anthropic_message_is_told_alike_plain_and_as_events() {
    let plain = json!({"type": "message", "model": "c", "stop_reason": "tool_use", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hello"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]});
    let choices = json!([["Hello", "hm", "", [["f", {"a": 1}]], ["tool_calls", "tool_use"]]]);
    assert_eq!(told(Protocol::Anthropic, JSON, &plain.to_string())["choices"], choices);
    let stream = [
        json!({"type": "message_start", "message": {"type": "message", "model": "c", "content": [], "stop_reason": null,
            "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hel"}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "lo"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"a\""}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ];
    let whole = told(Protocol::Anthropic, SSE, &events(&stream));
    assert_eq!((&whole["choices"], &whole["ended"], &whole["model"]), (&choices, &json!(true), &json!("c")));
    let cut = told(Protocol::Anthropic, SSE, &events(&stream[..6]));
    assert_eq!((&cut["choices"][0][0], &cut["ended"]), (&json!("Hel"), &json!(false)));
}

#[test]
fn tgi_and_kserve_answers_are_told() {
    let plain = json!([{"generated_text": "abc", "details": {"finish_reason": "eos_token", "generated_tokens": 3, "prefill": [{}, {}]}}]);
    assert_eq!(
        told(Protocol::OpenAi, JSON, &plain.to_string())["choices"],
        json!([["abc", "", "", [], ["stop", "eos_token"]]])
    );
    let stream = [
        json!({"index": 1, "token": {"id": 1, "text": "ab", "special": false}, "generated_text": null, "details": null}),
        json!({"index": 2, "token": {"id": 2, "text": "</s>", "special": true}, "generated_text": "ab",
            "details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 4}}),
    ];
    let whole = told(Protocol::OpenAi, SSE, &events(&stream));
    assert_eq!((&whole["choices"][0][0], &whole["ended"]), (&json!("ab"), &json!(true)));
    assert_eq!(told(Protocol::OpenAi, SSE, &events(&stream[..1]))["ended"], false);
    let mut binary = br#"{"model_name": "net", "model_version": "3", "outputs": [{"name": "y"}]}"#.to_vec();
    binary.extend([0, 255, b'{', 7]);
    for kind in ["application/octet-stream", JSON] {
        let reply = Reply::read(Protocol::KserveV2, Some(kind), &binary);
        assert_eq!((reply.model.as_deref(), reply.model_version.as_deref()), (Some("net"), Some("3")));
    }
    assert_eq!(Reply::read(Protocol::KserveV2, Some("text/html"), &binary), Reply::default());
}

#[test]
fn a_request_tells_what_it_asks_for() {
    let chat = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_completion_tokens": 9, "n": 2,
        "tools": [{"type": "function", "function": {"name": "f"}}], "previous_response_id": "r1", "messages": []});
    let asked = Asked::read(Protocol::OpenAi, &chat);
    assert_eq!((asked.model.as_deref(), asked.stream, asked.include_usage), (Some("m"), true, true));
    assert_eq!((asked.max_tokens, asked.n, asked.conversation.as_deref()), (Some(9), Some(2), Some("r1")));
    assert_eq!(asked.tools, ["f"]);
    let named = [
        json!({"conversation": {"id": "c"}}),
        json!({"conversation": "c"}),
        json!({"metadata": {"session_id": "c"}}),
    ];
    for body in named {
        assert_eq!(Asked::read(Protocol::Anthropic, &body).conversation.as_deref(), Some("c"), "{body}");
    }
    assert_eq!(Asked::read(Protocol::KserveV2, &chat), Asked::default());
}

#[test]
fn a_prompt_is_its_texts_and_neither_names_of_roles_nor_images() {
    let cases = [
        (
            json!({"messages": [{"role": "user", "content": "12345"}, {"role": "user", "content": [{"type": "text", "text": "678"},
            {"type": "image_url", "image_url": {"url": "data:aaaaaaaa"}}]}]}),
            Some(2),
        ),
        (json!({"prompt": ["1234", "5"]}), Some(2)),
        (json!({"prompt": [[1, 2], [3]]}), Some(3)),
        (json!({"system": "1", "messages": [{"content": "2"}]}), Some(1)),
        (
            json!({"input": [{"type": "message", "content": [{"type": "input_text", "text": "äöüß€"}]}]}),
            Some(2),
        ),
        (json!({"inputs": ""}), Some(0)),
        (json!({"messages": [], "tools": [1]}), Some(1)),
        (json!({"temperature": 1}), None),
    ];
    for (body, expected) in cases {
        let prompt = Asked::read(Protocol::OpenAi, &body).prompt;
        assert_eq!(prompt.map(|extent| extent.estimated_tokens()), expected, "{body}");
    }
}

/// What a call used, of a request whose prompt has 10 characters.
fn used(protocol: Protocol, kind: &str, body: &str, is_cut: bool, scale: (u64, u64)) -> Option<Usage> {
    let asked = || Some(Asked::read(protocol, &json!({"messages": [{"content": "0123456789"}]})));
    Reply::read(protocol, Some(kind), body.as_bytes()).used(asked, is_cut, scale)
}

fn estimated(input_tokens: u64, output_tokens: u64) -> Option<Usage> {
    Some(Usage { input_tokens, output_tokens, estimated: true, ..Usage::default() })
}

#[test]
fn what_an_answer_does_not_tell_is_estimated_and_what_it_tells_goes_first() {
    let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let cut = events(&[chunk("12345"), chunk("678")]);
    assert_eq!(used(Protocol::OpenAi, SSE, &cut, true, (1, 1)), estimated(3, 2));
    assert_eq!(
        used(Protocol::OpenAi, SSE, &cut, true, (100, 10)),
        estimated(3, 20),
        "a tenth of it was kept"
    );
    let told = json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}});
    let whole = events(&[chunk("12345"), told]);
    let exact = Usage { input_tokens: 7, output_tokens: 5, ..Usage::default() };
    assert_eq!(used(Protocol::OpenAi, SSE, &whole, true, (1, 1)), Some(exact));
    let begun = [
        json!({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "123456789"}}),
    ];
    assert_eq!(used(Protocol::Anthropic, SSE, &events(&begun), true, (1, 1)), estimated(9, 3));
    assert_eq!(used(Protocol::Anthropic, SSE, &events(&begun[..1]), true, (1, 1)), estimated(9, 1));
    let thought = json!({"choices": [{"message": {"content": "1234", "reasoning": "12345678"}}]});
    let expected = estimated(3, 3).map(|usage| Usage { reasoning_tokens: 2, ..usage });
    assert_eq!(used(Protocol::OpenAi, JSON, &thought.to_string(), false, (1, 1)), expected);
}

#[test]
fn nothing_is_estimated_for_what_is_no_answer_of_a_model() {
    let none = [
        json!({"object": "list", "data": [{"object": "model"}]}),
        json!({"error": {"message": "no"}}),
        json!({}),
    ];
    for body in none {
        assert_eq!(used(Protocol::OpenAi, JSON, &body.to_string(), false, (1, 1)), None, "{body}");
    }
    assert_eq!(used(Protocol::KserveV2, JSON, r#"{"model_name": "m"}"#, true, (1, 1)), None);
    let vectors =
        json!({"data": [{"object": "embedding"}], "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let expected = Usage { input_tokens: 4, ..Usage::default() };
    assert_eq!(used(Protocol::OpenAi, JSON, &vectors.to_string(), false, (1, 1)), Some(expected));
}

#[test]
fn every_known_word_says_why_and_the_others_say_other() {
    let cases = [
        ("stop", Finish::Stop),
        ("end_turn", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("tool_use", Finish::ToolCalls),
        ("refusal", Finish::Refusal),
        ("abort", Finish::Other),
        ("pause_turn", Finish::Other),
    ];
    for (word, expected) in cases {
        let body = json!({"choices": [{"finish_reason": word}]}).to_string();
        let reply = Reply::read(Protocol::OpenAi, Some(JSON), body.as_bytes());
        assert_eq!(reply.first().unwrap().finished.as_ref().unwrap().why, expected, "{word}");
    }
}

#[test]
fn refusals_and_truncations_are_told_apart_in_every_protocol() {
    let (openai, anthropic) = (Protocol::OpenAi, Protocol::Anthropic);
    let chat = |choice: Value| json!({"choices": [choice]});
    let incomplete = |reason: &str| {
        json!({"object": "response", "status": "incomplete", "incomplete_details": {"reason": reason},
               "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]})
    };
    let declines = json!({"object": "response", "status": "completed",
                          "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]});
    let stops = |why: &str| json!({"type": "message", "content": [], "stop_reason": why});
    let error =
        |code: &str| json!({"error": {"code": code, "message": "no", "type": "invalid_request_error"}});
    let plain = [
        (openai, chat(json!({"finish_reason": "length"})), Some(Finish::Length)),
        (openai, chat(json!({"finish_reason": "content_filter"})), Some(Finish::ContentFilter)),
        (openai, chat(json!({"finish_reason": "stop", "message": {"refusal": "no"}})), Some(Finish::Refusal)),
        (openai, incomplete("max_output_tokens"), Some(Finish::Length)),
        (openai, incomplete("content_filter"), Some(Finish::ContentFilter)),
        (openai, declines.clone(), Some(Finish::Refusal)),
        (
            openai,
            json!([{"generated_text": "a", "details": {"finish_reason": "length"}}]),
            Some(Finish::Length),
        ),
        (openai, error("content_filter"), Some(Finish::ContentFilter)),
        (openai, error("content_policy_violation"), Some(Finish::ContentFilter)),
        (openai, error("invalid_api_key"), None),
        (anthropic, stops("max_tokens"), Some(Finish::Length)),
        (anthropic, stops("model_context_window_exceeded"), Some(Finish::Length)),
        (anthropic, stops("refusal"), Some(Finish::Refusal)),
    ];
    let read = |protocol, kind, body: &str| Reply::read(protocol, Some(kind), body.as_bytes()).finish();
    for (protocol, body, expected) in plain {
        assert_eq!(read(protocol, JSON, &body.to_string()), expected, "{body}");
    }
    let streamed = [
        (
            openai,
            vec![
                chat(json!({"delta": {"refusal": "n"}})),
                chat(json!({"delta": {}, "finish_reason": "stop"})),
            ],
            Finish::Refusal,
        ),
        (openai, vec![chat(json!({"delta": {"content": "a"}, "finish_reason": "length"}))], Finish::Length),
        (
            openai,
            vec![
                json!({"type": "response.refusal.delta", "delta": "no"}),
                json!({"type": "response.completed", "response": declines}),
            ],
            Finish::Refusal,
        ),
        (
            openai,
            vec![json!({"type": "response.incomplete", "response": incomplete("max_output_tokens")})],
            Finish::Length,
        ),
        (
            anthropic,
            vec![json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}})],
            Finish::Refusal,
        ),
        (
            anthropic,
            vec![json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}})],
            Finish::Length,
        ),
    ];
    for (protocol, messages, expected) in streamed {
        assert_eq!(read(protocol, SSE, &events(&messages)), Some(expected), "{messages:?}");
    }
}

proptest! {
    #[test]
    fn a_cut_anywhere_harms_nothing_and_says_no_more_than_the_whole(at in any_place(), openai: bool) {
        let protocol = if openai { Protocol::OpenAi } else { Protocol::Anthropic };
        let body = events(&[
            json!({"choices": [{"index": 0, "delta": {"content": "Hé"}}], "type": "content_block_delta", "delta": {"text": "Hé"}}),
            json!({"choices": [{"index": 9, "delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}}],
                "type": "content_block_delta", "index": 1, "delta": {"partial_json": "{"}}),
        ]);
        let whole = Reply::read(protocol, Some(SSE), body.as_bytes());
        let cut = Reply::read(protocol, Some(SSE), &body.as_bytes()[..at.index(body.len())]);
        prop_assert!(cut.choices.len() <= whole.choices.len());
        for kind in [JSON, SSE] {
            Reply::read(Protocol::KserveV2, Some(kind), body.as_bytes());
        }
    }
}

fn any_place() -> impl proptest::strategy::Strategy<Value = proptest::sample::Index> {
    proptest::prelude::any::<proptest::sample::Index>()
}
