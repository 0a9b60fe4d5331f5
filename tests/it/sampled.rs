//! Sampled text through a gateway: what language models said is compared, whatever their protocols, and how far a candidate
//! is from legacy is told beside how far legacy is from itself.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

fn policy(old: &Model, new: &Model, protocol: &str, shadow: &str, keys: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{}\", protocol: openai}}\n  new: {{url: \"{}\", protocol: {protocol}}}\nexperiments:\n  - \
         name: e\n    legacy: old\n    candidate: new\n    strategy: {{shadow: {{{shadow}}}}}\n{keys}",
        old.url(),
        new.url()
    )
}

/// An answer in OpenAI's way, under an id that no other has.
fn openai(message: &Value) -> Reply {
    static IDS: AtomicUsize = AtomicUsize::new(0);
    let id = IDS.fetch_add(1, Ordering::Relaxed);
    let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
    Reply::json(
        &json!({"id": id, "created": id, "choices": choices, "usage": {"prompt_tokens": id, "completion_tokens": 4}}),
    )
}

fn chat(text: &str) -> Reply {
    openai(&json!({"role": "assistant", "content": text}))
}

/// The same as a stream of Anthropic's, word by word.
fn anthropic_stream(text: &str) -> Reply {
    let event = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let delta = |word: &str| {
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}),
        )
    };
    let begin = event(
        json!({"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 3}}}),
    );
    let end = event(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 8}}),
    ) + &event(json!({"type": "message_stop"}));
    let body = begin + &text.split_inclusive(' ').map(delta).collect::<String>() + &end;
    Reply::text(body).header("content-type", "text/event-stream")
}

async fn ask(rig: &Rig, times: usize) {
    let mut client = rig.client().await;
    for _ in 0..times {
        let asked = r#"{"messages": [{"role": "user", "content": "How are you?"}]}"#;
        assert_eq!(client.post("/v1/chat/completions", &[], asked).await.status, 200);
    }
    until("every pair to be counted", async || {
        rig.metric("crossfade_pairs_total", &[]).await == times as f64
    })
    .await;
}

/// What the record of one request says of the candidate's answer.
async fn compared(old: Reply, new: Reply, protocol: &str, record: &str, keys: &str) -> Value {
    let (old, new) = (Model::saying(old).await, Model::saying(new).await);
    let rig = Rig::start_with(&policy(&old, &new, protocol, "", keys), "", record).await;
    ask(&rig, 1).await;
    rig.records().await.into_iter().find(|line| line["kind"] == "pair").unwrap()["comparison"][0].take()
}

#[tokio::test]
async fn an_answer_and_a_stream_of_another_protocol_agree_where_they_say_the_same() {
    let same =
        compared(chat("Fine, thank you"), anthropic_stream("Fine, thank you"), "anthropic", "", "").await;
    let expected = json!({
        "arm": "new", "role": "shadow", "fields": {"answer": "agree", "length": "agree"}, "scores": {"answer": 1.0},
        "ratios": {"length": 1.0}, "paths": [],
    });
    assert_eq!(same, expected);
    let other =
        compared(chat("Fine, thank you"), anthropic_stream("Fine, thanks"), "anthropic", "", "").await;
    assert_eq!(other["fields"], json!({"answer": "differ", "length": "differ"}));
    assert_eq!((&other["paths"], &other["ratios"]), (&json!(["answer/text"]), &json!({"length": 0.8})));
    let score = other["scores"]["answer"].as_f64().unwrap();
    assert!((0.5..0.95).contains(&score), "{score}");
}

#[tokio::test]
async fn answers_of_different_status_differ_even_if_one_of_them_says_nothing() {
    let error =
        Reply { status: http::StatusCode::BAD_REQUEST, ..Reply::json(&json!({"error": {"message": "no"}})) };
    let found = compared(chat("Fine"), error, "openai", "", "").await;
    assert_eq!(found["fields"], json!({"answer": "differ", "length": "differ"}));
}

fn calls(calls: &[(&str, &str)]) -> Reply {
    let calls = calls
        .iter()
        .map(|(name, arguments)| json!({"id": "c", "function": {"name": name, "arguments": arguments}}));
    openai(&json!({"content": null, "tool_calls": calls.collect::<Value>()}))
}

#[tokio::test]
async fn rules_compare_texts_json_calls_of_tools_and_lengths() {
    let keys = "    compare:
      same: {answer: text}
      similar: {answer: text, measure: rouge_l, min_similarity: 0.3}
      data: {answer: json, absolute: 1, ignore: /id}
      tools: {answer: tool_calls}
      long: {answer: length, unit: tokens}
";
    let (old, new) =
        (chat(r#"{"id": 1, "n": 1, "s": "a"}"#), anthropic_stream(r#"{"n": 2, "id": 7, "s": "b"}"#));
    let found = compared(old, new, "anthropic", "", keys).await;
    let fields =
        json!({"same": "differ", "similar": "agree", "data": "differ", "tools": "missing", "long": "differ"});
    assert_eq!(found["fields"], fields, "{found}");
    assert_eq!((&found["paths"], &found["ratios"]), (&json!(["answer/text/s"]), &json!({"long": 2.0})));
    let old = calls(&[("look", r#"{"in": "a", "n": 1}"#), ("say", "{}")]);
    let new = calls(&[("say", ""), ("look", r#"{"n": 1.0, "in": "b"}"#)]);
    let found = compared(old, new, "openai", "", keys).await;
    assert_eq!((&found["fields"]["tools"], &found["scores"]["tools"]), (&json!("differ"), &json!(0.5)));
    assert_eq!(found["paths"], json!(["answer/tool_calls/*/arguments/in"]));
}

#[tokio::test]
async fn no_path_into_what_was_said_tells_names_that_a_rule_on_fields_may_hide() {
    let rules = " redact: [{json: '$.choices[*].message.tool_calls', action: mask}],";
    let (old, new) = (calls(&[("look", r#"{"ann": 1}"#)]), calls(&[("look", r#"{"bob": 1}"#)]));
    let found = compared(old, new, "openai", rules, "").await;
    assert_eq!(found["paths"], json!(["answer/tool_calls/*/arguments"]));
}

/// A model that says one of these in turn.
async fn restless(said: &'static [&'static str]) -> Model {
    let asked = AtomicUsize::new(0);
    Model::start(move |_| chat(said[asked.fetch_add(1, Ordering::Relaxed) % said.len()])).await
}

#[tokio::test]
async fn a_candidate_that_says_other_things_is_told_from_one_that_says_the_same_in_other_words() {
    const REQUESTS: usize = 120;
    let old = restless(&["It is fine today", "It is fine now", "Today it is fine"]).await;
    let new = restless(&["Buy our shoes", "Shoes on sale", "New shoes"]).await;
    let rig = Rig::start(&policy(&old, &new, "openai", "control: 100%", "")).await;
    ask(&rig, REQUESTS).await;
    let summary = async || rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].clone();
    until("every request to be counted", async || summary().await["paths"][0]["requests"] == REQUESTS).await;
    let found = summary().await;
    let fields = found["paths"][0]["fields"].as_array().unwrap();
    let answer = fields.iter().find(|field| field["field"] == "answer").unwrap();
    assert_eq!(answer["raw_rate"], 1.0, "{answer}");
    assert!(answer["raw_score"].as_f64() < answer["noise_score"].as_f64(), "{answer}");
    assert!(answer["score_difference"]["upper"].as_f64().unwrap() < 0.0, "{answer}");
    let of = |role: &str, field: &str| {
        found["agreement"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["role"] == role && it["field"] == field)
            .unwrap()
            .clone()
    };
    assert_eq!(of("shadow", "answer")["score"], answer["raw_score"]);
    assert_eq!(of("control", "answer")["score"], answer["noise_score"]);
    let ratio = of("shadow", "length")["ratio"].as_f64().unwrap();
    assert!((0.5..0.9).contains(&ratio), "{ratio}");
}

#[tokio::test]
async fn metrics_hold_what_was_said_against_what_was_reported() {
    let (old, new) = (chat("Paris"), anthropic_stream("Paris, in France"));
    let (old, new) = (Model::saying(old).await, Model::saying(new).await);
    let keys = "    outcomes: {wanted: {type: label}}
    metrics:
      exact_match: {prediction: {answer: text}, truth: wanted}
      chrf: {prediction: {answer: text}, truth: wanted}
";
    let rig = Rig::start(&policy(&old, &new, "anthropic", "", keys)).await;
    let got = rig.client().await.post("/v1/chat/completions", &[], "{}").await;
    let id = got.header("crossfade-id").unwrap().to_owned();
    until("the pair", async || rig.metric("crossfade_pairs_total", &[]).await == 1.0).await;
    let report = json!({"request_id": id, "outcome": "wanted", "value": "Paris"}).to_string();
    assert!(rig.admin().await.post("/feedback", &[], &report).await.status.is_success());
    let metrics =
        async || rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"]["metrics"].clone();
    until("both metrics of both", async || {
        metrics().await[1]["calls"].as_array().is_some_and(|it| it.len() == 2)
    })
    .await;
    let found = metrics().await;
    let values: Vec<&Value> =
        found[0]["calls"].as_array().unwrap().iter().map(|call| &call["value"]).collect();
    assert_eq!(values, [&json!(1.0), &json!(0.0)]);
    let chrf = found[1]["calls"][1]["value"].as_f64().unwrap();
    assert!((10.0..99.0).contains(&chrf), "{found}");
}

#[tokio::test]
async fn metrics_hold_calls_of_tools_against_those_that_were_right() {
    let old = Model::saying(calls(&[("look", r#"{"city": "Oslo"}"#), ("say", "{}")])).await;
    let new = Model::saying(calls(&[("look", r#"{"city": "Bergen"}"#)])).await;
    let keys = "    outcomes: {wanted: {type: json}}
    metrics:
      tool_call_accuracy: {prediction: {answer: tool_calls}, truth: wanted}
      tool_call_f1: {prediction: {answer: tool_calls}, truth: {request: $.expected}}
";
    let rig = Rig::start(&policy(&old, &new, "openai", "", keys)).await;
    let wanted = json!([{"name": "say"}, {"name": "look", "arguments": {"city": "Oslo"}}]);
    let asked = json!({"messages": [], "expected": [wanted[1], {"name": "wait"}]}).to_string();
    let got = rig.client().await.post("/v1/chat/completions", &[], &asked).await;
    let report =
        json!({"request_id": got.header("crossfade-id").unwrap(), "outcome": "wanted", "value": wanted});
    until("the pair", async || rig.metric("crossfade_pairs_total", &[]).await == 1.0).await;
    assert!(rig.admin().await.post("/feedback", &[], &report.to_string()).await.status.is_success());
    let values = async || {
        let shown = rig.admin().await.get("/api/v1/experiments/e").await.json();
        let metrics = shown["summary"]["metrics"].as_array().unwrap().clone();
        let calls = metrics.iter().flat_map(|metric| metric["calls"].as_array().unwrap());
        calls.map(|call| call["value"].clone()).collect::<Vec<Value>>()
    };
    until("both metrics of both", async || values().await.len() == 4).await;
    assert_eq!(values().await, [json!(1.0), json!(0.0), json!(0.5), json!(0.0)]);
}

/// A model of embeddings: one axis is how often `fine` is said, the other everything.
async fn embedder() -> Model {
    Model::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((seen.uri.path(), &asked["model"]), ("/v1/embeddings", &json!("embed")));
        let vector = |text: &Value| json!([text.as_str().unwrap().matches("fine").count(), text.as_str().unwrap().matches("shoes").count()]);
        let texts = asked["input"].as_array().unwrap();
        // In any order, as the index allows.
        let data = texts.iter().enumerate().rev().map(|(index, text)| json!({"index": index, "embedding": vector(text)}));
        Reply::json(&json!({"model": "embed-1", "data": data.collect::<Value>(), "usage": {"prompt_tokens": 5, "total_tokens": 5}}))
    })
    .await
}

fn near(embedder: &str) -> String {
    format!(
        "    judges: {{near: {{embeddings: {{url: \"{embedder}/v1\", model: embed, timeout: 2s}}, sample: 100%}}}}\n    \
         metrics: {{closeness: {{judge: near}}}}\n"
    )
}

#[tokio::test]
async fn a_model_of_embeddings_tells_how_near_a_candidate_is_beside_how_near_legacy_is_to_itself() {
    let old = restless(&["It is fine", "All fine here"]).await;
    let new = Model::saying(chat("fine shoes")).await;
    let embedder = embedder().await;
    let rig = Rig::start(&policy(&old, &new, "openai", "control: 100%", &near(&embedder.url()))).await;
    ask(&rig, 4).await;
    until("the judge", async || rig.metric("crossfade_judgements_total", &[]).await == 8.0).await;
    let calls = async || {
        let found =
            rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"]["metrics"][0].clone();
        found["calls"].as_array().cloned().unwrap_or_default()
    };
    until("the judgements to count", async || {
        let calls = calls().await;
        calls.len() == 2 && calls.iter().all(|call| call["examples"] == 4)
    })
    .await;
    let calls = calls().await;
    let of = |arm: &str| calls.iter().find(|call| call["arm"] == arm).unwrap()["value"].as_f64().unwrap();
    assert!((of("old") - 1.0).abs() < 1e-9 && (of("new") - 0.5_f64.sqrt()).abs() < 1e-9, "{calls:?}");
    let lines = rig.records().await;
    let judgement = lines.iter().find(|line| line["kind"] == "judgement").unwrap();
    assert_eq!((&judgement["mode"], &judgement["judge"]), (&json!("similarity"), &json!("near")));
    let roles: Vec<&Value> = judgement["answers"].as_array().unwrap().iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, [&json!("control"), &json!("shadow")]);
}

#[tokio::test]
async fn an_embeddings_endpoint_that_cannot_be_reached_is_missing_and_never_a_loss() {
    let (old, new) = (Model::saying(chat("one")).await, Model::saying(chat("two")).await);
    let rig = Rig::start(&policy(&old, &new, "openai", "", &near(&Model::gone().await))).await;
    ask(&rig, 1).await;
    until("the judge", async || rig.metric("crossfade_judgements_total", &[]).await == 1.0).await;
    let lines = rig.records().await;
    let judgement = lines.iter().find(|line| line["kind"] == "judgement").unwrap();
    let answer = &judgement["answers"][0];
    assert_eq!(
        (&answer["arm"], &answer["score"], &answer["missing"]),
        (&json!("new"), &Value::Null, &json!("unreachable"))
    );
}
