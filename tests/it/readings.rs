//! Readings: what stood at the metrics' paths, told apart from what was not there and what could not be read.

use crossfade::policy::Unit;
use crossfade::record::Observation;
use crossfade::record::Pair;
use crossfade::vocab::ArmId;
use crossfade::vocab::Fate;
use crossfade::vocab::Role;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;
use serde_json::json;

use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::captured;

/// Six metrics over five distinct paths, one of them in the request and in the answer.
fn start(record: &str) -> Ledger {
    Ledger::start(
        record,
        r#"
models: {old: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:2"}}
experiments:
  - name: e
    legacy: old
    candidate: new
    unit: [{header: x-user-id}, {json: $.user.id}]
    outcomes: {digit: {type: label}, list: {type: json}}
    metrics:
      accuracy: {prediction: $.label, truth: digit}
      macro_f1: {prediction: $.label, truth: {outcome: digit}}
      mrr: {prediction: "$.list[*].id", truth: list}
      rouge_l: {prediction: $.text, truth: {request: $.user.text}}
      silhouette: {prediction: {request: $.user}, context: {request: $.label}}
      faithfulness: {truth: list}
    strategy: {shadow: {}}
"#,
    )
}

const WHOLE: &str = r#"{"label": 7.10, "list": [{"id": "a"}, {"id": "b"}], "text": null}"#;

/// Serves one request and gives what its record says of the answer.
async fn read(ledger: Ledger, change: impl FnOnce(&mut Observation)) -> Value {
    let mut leg = answer(&ledger.policy, ArmId::LEGACY, Role::Answer, WHOLE);
    change(&mut leg);
    let pair = Pair { legs: vec![leg], ..ledger.pair() };
    ledger.serve(pair);
    ledger.lines().await[0]["observations"][0]["readings"].clone()
}

fn all(reading: &str) -> Value {
    json!({"$.label": reading, "$.list[*].id": reading, "$.text": reading})
}

#[tokio::test]
async fn what_an_answer_holds_is_told_from_what_it_lacks_and_what_cannot_be_read() {
    let whole = r#"{"$.label":{"value":7.10},"$.list[*].id":{"value":["a","b"]},"$.text":{"value":null}}"#;
    assert_eq!(read(start(""), |_| {}).await.to_string(), whole, "every digit, and each path once");
    let body = |text: &str| captured(text.as_bytes());
    let one = read(start(""), |leg| leg.body = body(r#"{"list": [{"id": 1}]}"#)).await;
    assert_eq!(one, json!({"$.label": "missing", "$.list[*].id": {"value": 1}, "$.text": "missing"}));
    assert_eq!(read(start(""), |leg| leg.body = body("no JSON")).await, all("missing"));
    assert_eq!(read(start(""), |leg| leg.body = body("")).await, all("missing"));
    let status = |code| http::StatusCode::from_u16(code).ok();
    assert_eq!(read(start(""), |leg| leg.status = status(503)).await, all("missing"));
    assert_eq!(read(start(""), |leg| leg.fate = Fate::Timeout).await, all("missing"));
    assert_eq!(read(start(""), |leg| leg.status = status(404)).await.to_string(), whole, "no error");
    assert_eq!(read(start(""), |leg| leg.fate = Fate::Cancelled).await, all("unreadable"));
    assert_eq!(read(start(""), |leg| leg.body.truncated = true).await, all("unreadable"));
}

#[tokio::test]
async fn a_value_that_is_long_or_deep_or_hidden_is_unreadable_and_the_others_are_not() {
    let answered = |label: &str| format!(r#"{{"label": {label}, "list": [{{"id": 1}}], "text": "x"}}"#);
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let cases = [
        (text(16 * 1024 - 2), true),
        (text(16 * 1024 - 1), false),
        (format!("[{}1]", "1,".repeat(8 * 1024 - 2)), true),
        (format!("[{}11]", "1,".repeat(8 * 1024 - 1)), false),
        (deep(100), true),
        (deep(101), false),
    ];
    for (label, fits) in cases {
        let found = read(start(""), |leg| leg.body = captured(answered(&label).as_bytes())).await;
        assert_eq!(found["$.label"] != "unreadable", fits, "{} bytes", label.len());
        assert_eq!(found["$.text"], json!({"value": "x"}));
    }
    let rule = |json: &str| format!(" redact: [{{json: \"{json}\", action: mask}}],");
    let hidden = read(start(&rule("$.list[1].id")), |_| {}).await;
    assert_eq!(hidden["$.list[*].id"], "unreadable");
    assert_eq!(hidden["$.text"], json!({"value": null}));
    assert_eq!(read(start(&rule("$")), |_| {}).await, all("unreadable"));
}

#[tokio::test]
async fn the_request_is_read_too_but_not_where_it_names_the_user() {
    let ledger = start("");
    for body in [
        r#"{"label": [1, 2], "user": {"text": "hello"}}"#,
        r#"{"label": 1, "user": {"id": "SECRET", "text": "hello"}}"#,
        "no JSON",
        "",
    ] {
        let mut pair = ledger.pair();
        pair.unit = Unit::Named("SECRET".to_owned());
        let name = HeaderName::from_static("x-user-id");
        pair.request.headers.insert(name, HeaderValue::from_static("SECRET"));
        pair.request.body = captured(body.as_bytes());
        ledger.serve(pair);
    }
    let mut cut = ledger.pair();
    cut.request.body = captured(b"{}");
    cut.request.body.truncated = true;
    ledger.serve(cut);
    let lines = ledger.lines().await;
    assert!(!lines.iter().any(|line| line.to_string().contains("SECRET")));
    let found: Vec<&Value> = lines.iter().map(|line| &line["request"]["readings"]).collect();
    let request = |text: Value, user: Value, label: Value| json!({"$.user.text": text, "$.user": user, "$.label": label});
    let value = |value: Value| json!({"value": value});
    let (missing, unreadable) = (json!("missing"), json!("unreadable"));
    let plain = request(value(json!("hello")), value(json!({"text": "hello"})), value(json!([1, 2])));
    let named = request(value(json!("hello")), unreadable.clone(), value(json!(1)));
    let none = request(missing.clone(), missing.clone(), missing);
    assert_eq!(
        found,
        [&plain, &named, &none, &none, &request(unreadable.clone(), unreadable.clone(), unreadable)]
    );
}

#[tokio::test]
async fn without_metrics_a_record_has_no_readings() {
    let policy = "models: {old: {url: \"http://127.0.0.1:1\"}}\nexperiments: [{name: e, legacy: old, candidate: old, \
                  strategy: {shadow: {}}}]\n";
    let ledger = Ledger::start("", policy);
    let pair =
        Pair { legs: vec![answer(&ledger.policy, ArmId::LEGACY, Role::Answer, "{}")], ..ledger.pair() };
    ledger.serve(pair);
    let line = ledger.lines().await.remove(0);
    assert_eq!((line["request"].get("readings"), line["observations"][0].get("readings")), (None, None));
}
