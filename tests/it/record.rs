//! The record: what a line holds, what it never holds, and that nothing is lost uncounted.

use std::io::Write;
use std::sync::Arc;

use crossfade::cost::Money;
use crossfade::policy::Unit;
use crossfade::record;
use crossfade::record::Captured;
use crossfade::record::Degraded;
use crossfade::record::DroppedCopy;
use crossfade::record::Line;
use crossfade::record::Pair;
use crossfade::vocab::ArmId;
use crossfade::vocab::DropReason;
use crossfade::vocab::Fate;
use crossfade::vocab::Role;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::captured;
use crate::ledger::shown;
use crate::rig::until;

const OLD: ArmId = ArmId::LEGACY;
const NEW: ArmId = ArmId(1);

const MODELS: &str = r#"
models:
  old: {url: "http://127.0.0.1:1", protocol: openai, cost: {currency: USD, per_request: 0.5, per_million_output_tokens: 1}}
  new: {url: "http://127.0.0.1:2", cost: {currency: USD, per_second: 2}}
"#;

fn policy(experiment: &str) -> String {
    format!(
        "{MODELS}experiments:\n  - {{name: e, legacy: old, candidate: new, outcomes: {{digit: {{type: label}}, click: \
         {{type: click}}}}, {experiment}}}\n"
    )
}

fn shadow() -> String {
    policy("strategy: {shadow: {}}")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(header).collect()
}

/// A shadowed request with both answers.
fn shadowed(ledger: &Ledger) -> Pair {
    let mut pair = ledger.pair();
    pair.request.body = captured(br#"{"input": [1, 2.50]}"#);
    pair.legs = vec![
        answer(
            &ledger.policy,
            OLD,
            Role::Answer,
            r#"{"label": 1, "usage": {"prompt_tokens": 9, "completion_tokens": 4}}"#,
        ),
        answer(&ledger.policy, NEW, Role::Shadow, r#"{"label": 2}"#),
    ];
    pair
}

#[tokio::test]
async fn a_line_holds_everything_that_was_seen() {
    let ledger = Ledger::start(
        "",
        &policy(
            "unit: [{header: x-user-id}], compare: {label: {exact: $.label}}, metrics: \
        {accuracy: {prediction: $.label, truth: digit}}, strategy: {shadow: {}}",
        ),
    );
    let mut pair = shadowed(&ledger);
    pair.unit = Unit::Named("u1".to_owned());
    pair.request.uri = "/predict?a=1".parse().unwrap();
    pair.request.headers = headers(&[("content-type", "application/json"), ("accept", "a"), ("accept", "b")]);
    pair.dropped = vec![DroppedCopy { arm: OLD, role: Role::Control, reason: DropReason::InFlight }];
    pair.marks.cancelled = true;
    let id = ledger.serve(pair);
    let lines = ledger.lines().await;
    let times = json!({"skew_ms": 1.0, "head_ms": 10.0, "first_byte_ms": 12.0, "total_ms": 20.0, "chunks": 1, "longest_gap_ms": 0.0});
    let leg = |own: Value| {
        let mut leg = own.as_object().unwrap().clone();
        leg.extend(times.as_object().unwrap().clone());
        Value::Object(leg)
    };
    let expected = json!({
        "schema": 3,
        "kind": "pair",
        "request_id": id.to_string(),
        "time": "2026-01-01T00:00:00.000000Z",
        "experiment": "e",
        "strategy": "shadow",
        "policy": ledger.policy.hash,
        "identity": lines[0]["identity"],
        "arms": ["old", "new"],
        "unit": "c6b9917fbe83029b4f63830ebd851053",
        "assigned": "old",
        "served": "old",
        "propensity": 1.0,
        "enrolled": true,
        "cancelled": true,
        "request": {
            "method": "POST",
            "path": "/predict",
            "query": "a=1",
            "headers": {"content-type": ["application/json"], "accept": ["a", "b"]},
            "bytes": 20,
            "body": {"input": [1, 2.5]},
        },
        "observations": [
            leg(json!({
                "arm": "old", "role": "answer", "fate": "complete", "status": 200, "headers": {}, "bytes": 67,
                "tokens": {"input_tokens": 9, "cached_input_tokens": 0, "output_tokens": 4},
                "cost": {"amount": "0.500004", "currency": "USD"},
                "readings": {"$.label": {"value": 1}},
                "body": {"label": 1, "usage": {"prompt_tokens": 9, "completion_tokens": 4}},
            })),
            leg(json!({
                "arm": "new", "role": "shadow", "fate": "complete", "status": 200, "headers": {}, "bytes": 12,
                "cost": {"amount": "0.04", "currency": "USD"},
                "readings": {"$.label": {"value": 2}},
                "body": {"label": 2},
            })),
        ],
        "dropped": [{"arm": "old", "role": "control", "reason": "in_flight"}],
        "comparison": [{"arm": "new", "role": "shadow", "fields": {"label": "differ"}}],
    });
    assert_eq!(lines.len(), 1);
    let plain =
        |value: &Value| serde_json::from_str::<Value>(&value.to_string().replace("2.50", "2.5")).unwrap();
    let mut line = plain(&lines[0]);
    let checksum = line.as_object_mut().unwrap().shift_remove("crc32").unwrap();
    assert_eq!(line, plain(&expected));
    let text = std::fs::read_to_string(first_segment(&ledger)).unwrap();
    assert!(text.starts_with(r#"{"schema":3,"kind":"design","time":"#), "{text}");
    assert!(text.contains("\n{\"schema\":3,\"kind\":\"pair\",\"request_id\":"), "{text}");
    assert!(text.contains("2.50"), "numbers keep their digits");
    assert!(text.ends_with(&format!(",\"crc32\":{checksum}}}\n")), "{text}");
}

fn first_segment(ledger: &Ledger) -> std::path::PathBuf {
    std::fs::read_dir(&ledger.dir).unwrap().next().unwrap().unwrap().path()
}

#[tokio::test]
async fn what_is_written_can_be_read_back_whole() {
    let ledger = Ledger::start("", &shadow());
    let mut odd = shadowed(&ledger);
    odd.marks.degraded = Some(Degraded::Deadline);
    odd.shown = Some(shown(&[("a", OLD), ("b", NEW)]));
    odd.legs[1].fate = Fate::Timeout;
    odd.legs[1].status = None;
    odd.legs[1].head = None;
    odd.legs[1].body = Captured::default();
    let id = ledger.serve(odd);
    ledger.serve(shadowed(&ledger));
    let report = json!({"request_id": id.to_string(), "outcome": "click", "value": {"item": "a"}});
    assert_eq!(ledger.report(&report), (200, json!({"result": "joined"})));
    let (lines, read) = (ledger.lines().await, ledger.read().await);
    assert_eq!((lines.len(), read.len()), (3, 3));
    for (line, read) in lines.into_iter().zip(read) {
        let read = match read {
            Line::Design(record) => serde_json::to_string(&record),
            Line::Pair(record) | Line::Answered(record) => serde_json::to_string(&record),
            Line::Outcome(record) => serde_json::to_string(&record),
            Line::Judgement(record) => serde_json::to_string(&record),
            Line::Gap(gap) => serde_json::to_string(&gap),
        };
        let Value::Object(mut line) = line else { panic!("a line is an object") };
        line.retain(|key, _| !["schema", "kind", "crc32"].contains(&key.as_str()));
        assert_eq!(serde_json::from_str::<Value>(&read.unwrap()).unwrap(), Value::Object(line));
    }
}

#[tokio::test]
async fn nothing_that_is_redacted_is_anywhere_in_the_log() {
    let rules = r#" headers: [x-open], redact: [{header: x-tenant, action: mask}, {header: x-gone, action: drop}, {header: x-same, action: hash},
        {json: "$.secret", action: mask}, {json: "$..password", action: drop}, {json: "$.keys[*]", action: drop},
        {json: "$.results[*].doc", action: hash}, {json: "$.label", action: mask},
        {json: "$.users[?@.role == 'SECRET-admin'].name", action: mask}, {json: "$.users[*].role", action: hash}],"#;
    let ledger = Ledger::start(
        rules,
        &policy(
            "unit: [{header: x-user-id}, {query: user}, {json: $.user}], metrics: {accuracy: {prediction: $.label, truth: digit}}, \
         strategy: {interleave: {items: '$.results[*]', id: $.doc, depth: 5, deadline: 1s, credit: click}}",
        ),
    );
    let kept_headers = [
        ("authorization", "Bearer SECRET"),
        ("proxy-authorization", "SECRET"),
        ("cookie", "uid=SECRET"),
        ("set-cookie", "uid=SECRET"),
        ("x-api-key", "SECRET"),
        ("x-tenant", "SECRET"),
        ("x-gone", "SECRET"),
        ("x-same", "SECRET"),
        ("x-user-id", "SECRET"),
        ("x-open", "open"),
    ];
    let json = r#"{"secret": {"deep": "SECRET"}, "a": [{"password": "SECRET"}], "keys": ["SECRET", 1], "label": "SECRET",
        "users": [{"role": "SECRET-admin", "name": "SECRET"}], "results": [{"doc": "SECRET"}], "open": "open"}"#;
    let body = |text: &str| captured(text.as_bytes());
    let mut cut = body(json);
    cut.truncated = true;
    let bodies = [body(json), cut, body("SECRET, no JSON"), gzip(json), body(r#"{"secret": "SECRET""#)];
    for answered in bodies {
        let mut pair = ledger.pair();
        pair.unit = Unit::Named("SECRET".to_owned());
        pair.request.uri =
            "/predict?user=SECRET&%75ser=SECRET&api_key=SECRET&Token=SECRET&open=open".parse().unwrap();
        pair.request.headers = headers(&kept_headers);
        pair.request.body = body(&json.replace("\"open\": ", "\"user\": \"SECRET\", \"open\": "));
        let mut leg = answer(&ledger.policy, OLD, Role::Interleaved, "");
        leg.headers = headers(&kept_headers);
        leg.headers.extend(headers(&[("content-encoding", "identity")]));
        if answered.frames.concat().starts_with(&[0x1f, 0x8b]) {
            leg.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        }
        leg.body = answered;
        pair.legs = vec![leg];
        pair.shown = Some(shown(&[("SECRET", OLD)]));
        ledger.serve(pair);
    }
    let lines = ledger.lines().await;
    assert_eq!(lines.len(), 5);
    for line in &lines {
        assert!(!line.to_string().contains("SECRET"), "{line}");
        assert_eq!(line["request"]["headers"]["x-open"], json!(["open"]));
        assert_eq!(line["request"]["headers"]["x-tenant"], json!(["***"]));
        assert_eq!(line["request"]["body"]["open"], "open");
        assert_eq!(
            line["request"]["headers"]["x-user-id"][0], line["unit"],
            "traces of the unit show its hash"
        );
        assert_eq!(line["request"]["body"]["user"], line["unit"]);
        assert!(line["request"]["query"].as_str().unwrap().ends_with("&api_key=***&Token=***&open=open"));
    }
    let answers: Vec<&Value> = lines.iter().map(|line| &line["observations"][0]["body"]).collect();
    let hash = "0917b13a9091915d";
    assert_eq!(answers[0]["results"][0]["doc"], hash, "the same value has the same hash everywhere");
    assert_eq!(lines[0]["shown"]["items"][0]["id"], hash);
    assert_eq!(answers[0]["keys"], json!([null, null]));
    assert_eq!(answers[0]["a"], json!([{}]));
    assert_eq!(answers[0]["users"][0]["name"], "***", "a rule sees what another rule hides");
    assert_eq!(answers[3]["open"], "open", "a compressed body is decoded");
    assert_eq!(
        [answers[1], answers[2], answers[4]].map(|it| it["withheld"].as_str().unwrap()),
        ["incomplete", "not_json", "not_json"]
    );
}

#[tokio::test]
async fn what_a_rule_seeks_is_in_no_text_and_no_call_of_a_tool_however_a_stream_cuts_it() {
    let rules = r#" redact: [{regex: "EMP-[0-9]{6}", action: mask}],"#;
    let ledger = Ledger::start(rules, &shadow());
    let chunk = |delta: Value, finish: Value| {
        format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
    };
    let called = |made: Value| json!({"tool_calls": [{"index": 0, "function": made}]});
    let stream = [
        chunk(json!({"role": "assistant", "content": "I am EMP-"}), Value::Null),
        chunk(json!({"content": "123456, hello"}), Value::Null),
        chunk(called(json!({"name": "look", "arguments": "{\"who\": \"EMP-12"})), Value::Null),
        chunk(called(json!({"arguments": "3456\"}"})), Value::Null),
        chunk(json!({}), json!("tool_calls")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let mut pair = ledger.pair();
    pair.request.body =
        captured(br#"{"messages": [{"role": "user", "content": "Who are you?"}], "stream": true}"#);
    let mut leg = answer(&ledger.policy, OLD, Role::Answer, &stream.concat());
    leg.headers = headers(&[("content-type", "text/event-stream")]);
    pair.legs = vec![leg];
    ledger.serve(pair);
    let lines = ledger.lines().await;
    let seen = &lines[0]["observations"][0];
    assert_eq!(seen["said"]["text"], "I am ***, hello");
    assert_eq!(seen["said"]["tool_calls"], json!([{"name": "look", "arguments": {"who": "***"}}]));
    for secret in ["EMP-123456", "123456", "EMP-12", "3456"] {
        assert!(!lines[0].to_string().contains(secret), "{secret}: {seen}");
    }
    // 12 characters were asked; 22 of text, 4 of a name and 21 of arguments came.
    assert_eq!((&seen["tokens"]["input_tokens"], &seen["tokens"]["output_tokens"]), (&json!(3), &json!(12)));
    assert_eq!((&seen["tokens"]["estimated"], &seen["cost"]["estimated"]), (&json!(true), &json!(true)));
    let labels = ["role=\"answer\"", "finish=\"tool_calls\""];
    assert_eq!(ledger.metric("crossfade_finishes_total", &labels), 1.0);
    let estimated = ["kind=\"output\"", "source=\"estimated\""];
    assert_eq!(ledger.metric("crossfade_tokens_total", &estimated), 12.0);
}

fn gzip(text: &str) -> Captured {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    captured(&encoder.finish().unwrap())
}

#[tokio::test]
async fn a_unit_is_shown_only_where_the_policy_asks_for_it() {
    for (show, expected) in [("", "c6b9917fbe83029b4f63830ebd851053"), ("show_unit: true, ", "u1")] {
        let ledger = Ledger::start(
            "",
            &policy(&format!("unit: [{{header: x-user-id}}], {show}strategy: {{shadow: {{}}}}")),
        );
        let mut pair = ledger.pair();
        pair.unit = Unit::Named("u1".to_owned());
        pair.request.headers = headers(&[("x-user-id", "u1")]);
        ledger.serve(pair);
        let lines = ledger.lines().await;
        assert_eq!(
            (&lines[0]["unit"], &lines[0]["request"]["headers"]["x-user-id"][0]),
            (&json!(expected), &json!(expected))
        );
    }
}

#[tokio::test]
async fn answers_are_compared_with_legacys_and_legacys_second_answer_too() {
    let ledger = Ledger::start("", &shadow());
    let (old, new) = (r#"{"a": 1, "b": [2]}"#, r#"{"b": [2.0], "a": 1}"#);
    let leg = |arm, role, body| answer(&ledger.policy, arm, role, body);
    let failed = |mut leg: record::Observation| {
        leg.status = Some(http::StatusCode::INTERNAL_SERVER_ERROR);
        leg
    };
    let not_found = |mut leg: record::Observation| {
        leg.status = Some(http::StatusCode::NOT_FOUND);
        leg
    };
    let cases = [
        (vec![leg(OLD, Role::Answer, old), leg(NEW, Role::Shadow, new)], json!([["new", "shadow", "agree"]])),
        (
            vec![leg(OLD, Role::Answer, old), leg(NEW, Role::Shadow, "x")],
            json!([["new", "shadow", "differ"]]),
        ),
        (
            vec![leg(OLD, Role::Answer, old), leg(NEW, Role::Shadow, new), leg(OLD, Role::Control, "{}")],
            json!([["new", "shadow", "agree"], ["old", "control", "differ"]]),
        ),
        (vec![leg(NEW, Role::Answer, old), leg(OLD, Role::Pair, old)], json!([["new", "answer", "agree"]])),
        (vec![leg(OLD, Role::Answer, old), failed(leg(NEW, Role::Shadow, old))], json!([])),
        (vec![leg(OLD, Role::Answer, old)], json!([])),
        (
            vec![leg(OLD, Role::Answer, old), not_found(leg(NEW, Role::Shadow, old))],
            json!([["new", "shadow", "differ"]]),
        ),
        (
            vec![not_found(leg(OLD, Role::Answer, old)), not_found(leg(NEW, Role::Shadow, old))],
            json!([["new", "shadow", "agree"]]),
        ),
    ];
    let expected: Vec<Value> = cases.iter().map(|(_, expected)| expected.clone()).collect();
    for (legs, _) in cases {
        let mut pair = ledger.pair();
        pair.legs = legs;
        ledger.serve(pair);
    }
    let found = ledger.lines().await.into_iter().map(|line| {
        let compared = line["comparison"].as_array().cloned().unwrap_or_default();
        compared.iter().map(|it| json!([it["arm"], it["role"], it["fields"]["body"]])).collect::<Value>()
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(ledger.metric("crossfade_comparisons_total", &["arm=\"new\"", "result=\"agree\""]), 4.0);
    assert_eq!(ledger.metric("crossfade_comparisons_total", &["arm=\"old\"", "result=\"differ\""]), 1.0);
    assert_eq!(ledger.metric("crossfade_pairs_total", &[]), 7.0);
}

#[tokio::test]
async fn calls_are_priced_and_only_copies_spend_the_budget() {
    let ledger = Ledger::start("", &shadow());
    let mut never_reached = answer(&ledger.policy, NEW, Role::Shadow, "");
    never_reached.fate = Fate::ConnectError;
    let mut silent = shadowed(&ledger);
    silent.legs[0].body = captured(b"{}");
    silent.legs[1] = never_reached;
    let now = std::time::SystemTime::now().into();
    let spend = Arc::clone(&ledger.policy.experiments[0].spend);
    let due = || (NEW, Role::Shadow, spend.take(&Default::default(), now).unwrap());
    let mut dear = shadowed(&ledger);
    dear.dues.push(due());
    silent.dues.push(due());
    ledger.serve(dear);
    ledger.serve(silent);
    let lines = ledger.lines().await;
    assert_eq!(
        lines[1]["observations"][0]["cost"],
        json!({"amount": "0.5", "currency": "USD", "tokens_unknown": true})
    );
    assert_eq!(
        lines[1]["observations"][1]["cost"],
        Value::Null,
        "a call that never reached the model costs nothing"
    );
    assert_eq!(Money::from_picos(spend.spent().picos).to_string(), "0.04");
    let answers =
        ledger.metric("crossfade_cost_total", &["arm=\"old\"", "role=\"answer\"", "currency=\"USD\""]);
    assert!((answers - 1.000004).abs() < 1e-12, "{answers}");
    assert_eq!(ledger.metric("crossfade_cost_total", &["arm=\"new\"", "role=\"shadow\""]), 0.04);
    assert_eq!(ledger.metric("crossfade_tokens_total", &["arm=\"old\"", "kind=\"output\""]), 4.0);
}

/// Checks that requests = records written + records lost, by the metrics and by the log, and how many were lost.
async fn account(ledger: &Ledger, requests: u64) -> u64 {
    let lines = ledger.read().await;
    let pairs = lines.iter().filter(|line| matches!(line, Line::Pair(_))).count() as u64;
    let gaps: u64 =
        lines.iter().map(|line| if let Line::Gap(gap) = line { gap.lost.unwrap() } else { 0 }).sum();
    let written = ledger.metric("crossfade_records_written_total", &["kind=\"pair\""]);
    let lost = ledger.metric("crossfade_records_lost_total", &["kind=\"pair\""]);
    assert_eq!((pairs as f64, gaps as f64), (written, lost), "the log says what the metrics say");
    assert_eq!(pairs + gaps, requests, "every request is on record or counted as lost");
    gaps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_overload_every_request_is_on_record_or_counted_as_lost() {
    const EACH: u64 = 2_000;
    let ledger = Ledger::start(" queue: {bytes: 1MiB, records: 50},", &shadow());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..EACH).for_each(|_| ledger.recorder.hand(shadowed(&ledger))));
        }
    });
    let lost = account(&ledger, 3 * EACH).await;
    assert!(
        lost > 0 && lost < 3 * EACH,
        "the queue was meant to overflow and the writer to keep up with some: {lost}"
    );
}

#[tokio::test]
async fn a_queue_that_can_hold_nothing_loses_everything_and_says_so() {
    let ledger = Ledger::start(" queue: {bytes: 1KiB, records: 50}, body_cap: 100B,", &shadow());
    (0..10).for_each(|_| ledger.recorder.hand(shadowed(&ledger)));
    assert_eq!(account(&ledger, 10).await, 10);
}

#[tokio::test]
async fn a_record_that_cannot_be_made_is_lost_alone_and_counted() {
    let ledger = Ledger::start("", &shadow());
    for number in 0..10 {
        let mut pair = shadowed(&ledger);
        if number % 3 == 0 {
            pair.assignment.arm = ArmId(9);
        }
        ledger.recorder.hand(pair);
    }
    assert_eq!(account(&ledger, 10).await, 4);
    assert_eq!(ledger.metric("crossfade_records_lost_total", &["reason=\"fault\""]), 4.0);
}

#[tokio::test]
async fn what_is_handed_on_before_the_stop_is_on_disk_after_it() {
    let ledger = Ledger::start(" rotate: {bytes: 64KiB, every: 1h},", &shadow());
    for _ in 0..1_000 {
        ledger.recorder.hand(shadowed(&ledger));
    }
    assert_eq!(account(&ledger, 1_000).await, 0);
    let segments = std::fs::read_dir(&ledger.dir).unwrap().count();
    assert!(segments > 1, "a small segment is rotated: {segments}");
}

#[tokio::test]
async fn a_record_is_in_the_file_without_any_stop() {
    let ledger = Ledger::start("", &shadow());
    ledger.recorder.hand(shadowed(&ledger));
    until("the record is in the file", async || {
        record::read(&ledger.dir).is_ok_and(|mut lines| lines.any(|line| line.is_ok()))
    })
    .await;
    let lines: Vec<_> = record::read(&ledger.dir).unwrap().map(Result::unwrap).collect();
    assert!(matches!(lines.as_slice(), [Line::Design(_), Line::Pair(_)]), "{lines:?}");
}

#[tokio::test]
async fn while_the_directory_cannot_be_written_losses_are_counted_and_logging_resumes() {
    let files = TempDir::new().unwrap();
    let dir = files.path().join("records");
    std::fs::write(&dir, "in the way").unwrap();
    let ledger = Ledger::start_in(files, dir.clone(), "", &shadow());
    let lost = || ledger.metric("crossfade_records_lost_total", &["kind=\"pair\"", "reason=\"disk\""]);
    (0..7).for_each(|_| ledger.recorder.hand(shadowed(&ledger)));
    until("seven are lost", async || lost() == 7.0).await;
    std::fs::remove_file(&dir).unwrap();
    let told = || ledger.metric("crossfade_records_written_total", &["kind=\"gap\""]);
    until("the gap is told without another request", async || told() == 1.0).await;
    ledger.recorder.hand(shadowed(&ledger));
    assert_eq!(account(&ledger, 8).await, 7);
    let live = ledger.analysis.lock().unwrap().summary("e").unwrap();
    assert_eq!(live.requests, 8, "sinks see what the disk loses");
}

#[tokio::test]
async fn an_outcome_that_comes_after_the_last_writing_is_refused_and_not_confirmed() {
    let ledger = Ledger::start("", &shadow());
    let id = ledger.serve(shadowed(&ledger));
    ledger.close().await;
    let report = json!({"request_id": id.to_string(), "outcome": "digit", "value": 1});
    assert_eq!((ledger.report(&report).0, ledger.report(&report).0), (503, 503));
    assert_eq!(ledger.read().await.len(), 1);
}

/// Runs itself once more as a process that may write files of 100 KiB at most, which is as good as a full disk.
#[tokio::test]
async fn a_full_disk_costs_whole_records_and_they_are_counted() {
    const INNER: &str = "CROSSFADE_TEST_IN_LIMITS";
    if std::env::var_os(INNER).is_some() {
        return fill_the_disk().await;
    }
    let name = "record::a_full_disk_costs_whole_records_and_they_are_counted";
    // Without the signal the write fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 100; exec \"$0\" --exact {name}");
    let mut inner = std::process::Command::new("bash");
    let inner = inner.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(INNER, "1");
    let inner = inner.output().unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
}

async fn fill_the_disk() {
    let ledger = Ledger::start("", &shadow());
    let count = |name: &str| ledger.metric(name, &["kind=\"pair\""]);
    let mut requests = 0;
    while count("crossfade_records_lost_total") < 20.0 {
        (0..7).for_each(|_| ledger.recorder.hand(shadowed(&ledger)));
        requests += 7;
        let done = || count("crossfade_records_lost_total") + count("crossfade_records_written_total");
        until("all are written or lost", async || done() == f64::from(requests)).await;
    }
    let mut lines = 0;
    let mut reader = record::read(&ledger.dir).unwrap();
    for line in reader.by_ref() {
        lines += u64::from(matches!(line.unwrap(), Line::Pair(_)));
    }
    assert_eq!(reader.torn(), 0, "no line is torn");
    assert_eq!(lines as f64, count("crossfade_records_written_total"));
}
