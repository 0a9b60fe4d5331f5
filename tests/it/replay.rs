//! `crossfade replay`: recorded requests meet the next model, and what it says is held against what was said.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

use crossfade::demo::Demo;
use crossfade::demo::Setup;
use crossfade::policy::Unit;
use crossfade::record::Pair;
use crossfade::vocab::ArmId;
use crossfade::vocab::Role;
use http::HeaderValue;
use http::Uri;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::export::crossfade;
use crate::export::exported;
use crate::export::said;
use crate::export::text;
use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::captured;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::read_records;
use crate::rig::until;

const OLD: ArmId = ArmId::LEGACY;
const EXPERIMENT: &str = "
    legacy: old
    candidate: new
    outcomes: {digit: {type: label}, liked: {type: binary}}
    metrics: {accuracy: {prediction: $.label, truth: digit}}
    compare: {label: {exact: $.label}}
";

/// A policy with one more model, at this address.
fn policy(next: &str) -> String {
    format!(
        "models: {{old: {{url: \"http://127.0.0.1:1\"}}, new: {{url: \"http://127.0.0.1:2\"}}, next: {{url: \"{next}\"}}}}
experiments:
  - name: digits{EXPERIMENT}    strategy: {{shadow: {{}}}}
"
    )
}

/// Runs the command beside the models that this test is.
async fn run(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let running = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
        command.args(arguments).env("NEXT_KEY", "Bearer very-secret").output().unwrap()
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

fn code(output: &Output) -> (Option<i32>, String) {
    let both = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

/// What legacy said to this many requests, of which it had every fourth wrong; labels and thumbs are on record.
async fn log(count: usize, change: impl Fn(usize, &mut Pair)) -> Ledger {
    let ledger = Ledger::start("", &policy("http://127.0.0.1:3"));
    for number in 0..count {
        let mut pair = ledger.pair();
        pair.unit = Unit::Named(format!("user-{number}"));
        pair.request.uri = Uri::from_static("/predict?lang=en");
        pair.request.headers.insert("content-type", HeaderValue::from_static("application/json"));
        pair.request.headers.insert("authorization", HeaderValue::from_static("Bearer of-a-user"));
        pair.request.body = captured(json!({"n": number}).to_string().as_bytes());
        let label = if number % 4 == 0 { "8" } else { "7" };
        pair.legs = vec![answer(&ledger.policy, OLD, Role::Answer, &json!({"label": label}).to_string())];
        change(number, &mut pair);
        let id = ledger.serve(pair);
        for (outcome, value) in [("digit", json!("7")), ("liked", json!(true))] {
            let told = json!({"request_id": id.to_string(), "outcome": outcome, "value": value});
            assert_eq!(ledger.report(&told).0, 200);
        }
    }
    ledger.close().await;
    ledger
}

/// Files of one test: a policy that knows the model, a snapshot of the log.
fn prepared(ledger: &Ledger, next: &str) -> (TempDir, String, PathBuf) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("policy.yaml");
    fs::write(&file, policy(next)).unwrap();
    let (snapshot, _) = exported(&dir, "prod", &["--set", "prod", text(&ledger.dir)]);
    (dir, text(&file).to_owned(), snapshot)
}

async fn seven() -> Model {
    Model::saying(Reply::json(&json!({"label": "7"}))).await
}

fn asked(seen: &[Seen]) -> BTreeSet<u64> {
    seen.iter()
        .map(|seen| serde_json::from_slice::<Value>(&seen.body).unwrap()["n"].as_u64().unwrap())
        .collect()
}

fn pairs(dir: &Path) -> Vec<Value> {
    read_records(dir).into_iter().filter(|line| line["kind"] == "pair").collect()
}

#[tokio::test]
async fn recorded_answers_are_paired_with_the_next_models_and_reported_by_the_same_fold() {
    let (ledger, next) = (log(40, |_, _| {}).await, seven().await);
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&records)];
    let header = ["--pace", "max", "--header", "authorization=env:NEXT_KEY", "--format", "json"];
    let told: Value = serde_json::from_str(&said(&run(&[&arguments[..], &header].concat()).await)).unwrap();

    let seen = next.seen();
    assert_eq!(asked(&seen), (0..40).collect());
    assert!(seen.iter().all(|seen| seen.uri == "/predict?lang=en"));
    assert!(seen.iter().all(|seen| seen.headers["authorization"] == "Bearer very-secret"));
    assert!(seen.iter().all(|seen| seen.headers["crossfade-shadow"] == "1"));

    let summary = &told["report"]["experiments"][0]["summary"];
    assert_eq!(summary["experiment"], "prod.digits.next");
    let accuracy = &summary["metrics"][0]["calls"];
    let is_near = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 1e-9;
    assert!(accuracy[0]["arm"] == "old.recorded" && is_near(&accuracy[0]["value"], 0.75), "{accuracy}");
    assert!(accuracy[1]["arm"] == "next" && is_near(&accuracy[1]["value"], 1.0), "{accuracy}");
    assert_eq!(
        (&summary["agreement"][0]["agree"], &summary["agreement"][0]["differ"]),
        (&json!(30), &json!(10))
    );
    let run = &told["replay"]["runs"][0];
    assert_eq!(
        (&run["sent"], &run["outcomes"], &run["outcomes_left_out"]),
        (&json!(40), &json!(40), &json!(40))
    );

    let lines = fs::read_dir(&records).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let all = lines.collect::<String>();
    assert!(!all.contains("very-secret") && !all.contains("of-a-user"));
    let outcomes = read_records(&records).into_iter().filter(|line| line["kind"] == "outcome");
    assert!(
        outcomes.into_iter().all(|outcome| outcome["outcome"] == "digit"),
        "a thumb is of the old answer"
    );
    let (old, new) = (pairs(&ledger.dir), pairs(&records));
    let units = |pairs: &[Value]| pairs.iter().map(|pair| pair["unit"].to_string()).collect::<BTreeSet<_>>();
    assert_eq!(units(&old), units(&new), "users stay the same");

    let report = said(&crossfade(&["report", text(&records)]));
    assert!(report.contains("PROD.DIGITS.NEXT"), "{report}");
}

#[tokio::test]
async fn what_redaction_removed_is_never_sent() {
    let said = Model::saying(Reply::json(&json!({"label": "7"}))).await;
    let policy = format!(
        "models: {{old: {{url: \"{0}\"}}, new: {{url: \"{0}\"}}}}
experiments:
  - name: digits
    match: {{path: /*}}
    unit: [{{json: $.user}}, {{header: x-user}}]{EXPERIMENT}    strategy: {{shadow: {{}}}}
",
        said.url()
    );
    let redact = " body_cap: 64KiB, headers: [x-name, x-mail, x-kept], redact: [{json: $.card, action: mask}, {json: $.mail, action: hash}, \
                  {json: $.phone, action: drop}, {header: x-name, action: mask}, {header: x-mail, action: hash}],";
    let rig = Rig::start_with(&policy, "", redact).await;
    let mut client = rig.client().await;
    let json_type = ("content-type", "application/json");
    let user = ("x-user", "ada");
    let large = json!({"fine": "x".repeat(100_000)}).to_string();
    let bodies = [
        (r#"{"fine": 1}"#, "/predict"),
        (r#"{"fine": 2, "card": "4111"}"#, "/predict"),
        (r#"{"fine": 3, "mail": "ada@example.com"}"#, "/predict"),
        (r#"{"fine": 4, "phone": "555"}"#, "/predict"),
        (r#"{"fine": 5, "user": "ada"}"#, "/predict"),
        (r#"{"fine": 6}"#, "/predict?api_key=tell"),
        ("no json", "/predict"),
        (&large, "/predict"),
    ];
    for (body, path) in bodies {
        let headers = [json_type, user, ("x-name", "Ada"), ("x-mail", "ada@example.com"), ("x-kept", "yes")];
        assert_eq!(client.post(path, &headers, body).await.status, 200);
    }
    let dir = TempDir::new().unwrap();
    let log = rig.records_dir();
    let kept = fs::canonicalize(rig.policy_path()).unwrap();
    fs::copy(kept, dir.path().join("policy.yaml")).unwrap();
    let count = async || pairs(&log).len() == bodies.len();
    until("all is on record", count).await;
    let (snapshot, manifest) = exported(&dir, "all", &["--set", "all", text(&log)]);
    let hidden = json!({"cut": 1, "withheld": 1, "redacted": 2, "masked": 2, "unit": 1});
    assert_eq!(manifest["redaction"]["requests"], hidden);

    let next = seven().await;
    let target = format!("next={}", next.url());
    let policy = dir.path().join("policy.yaml");
    let records = dir.path().join("replayed");
    let arguments =
        ["replay", text(&snapshot), "--to", &target, "--policy", text(&policy), "-o", text(&records)];
    let told = run(&[&arguments[..], &["--pace", "max", "--format", "json"]].concat()).await;
    let told: Value = serde_json::from_str(&crate::export::said(&told)).unwrap();
    assert_eq!(told["replay"]["runs"][0]["hidden"], hidden);
    let left_out = json!({"x-user": 1, "x-name": 1, "x-mail": 1});
    assert_eq!(told["replay"]["runs"][0]["headers_left_out"], left_out);

    let seen = next.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        (&seen[0].body[..], seen[0].headers["x-kept"].to_str().unwrap()),
        (&br#"{"fine":1}"#[..], "yes")
    );
    let everything = format!("{seen:?}");
    assert!(!everything.contains("***"), "{everything}");
    let digits = |c: char| !matches!(c, '0'..='9' | 'a'..='f');
    assert!(!everything.split(digits).any(|word| matches!(word.len(), 16 | 32)), "{everything}");
}

/// Makes the lines of a log what an early version would have written.
fn aged(log: &Path) {
    for file in fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "jsonl") {
            continue;
        }
        let lines: Vec<String> = fs::read_to_string(&file).unwrap().lines().map(aged_line).collect();
        fs::write(&file, lines.concat()).unwrap();
    }
}

fn aged_line(line: &str) -> String {
    let (fields, _) = line.split_once(",\"crc32\"").unwrap();
    format!("{}}}\n", fields.replacen("\"schema\":3", "\"schema\":2", 1))
}

#[tokio::test]
async fn what_an_early_version_did_not_mark_is_sent_only_when_somebody_says_that_it_is_whole() {
    let ledger = log(3, |_, _| {}).await;
    aged(&ledger.dir);
    let next = seven().await;
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let replay = async |output: &str, more: &[&str]| {
        let output = dir.path().join(output);
        let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&output)];
        run(&[&arguments[..], &["--pace", "max"], more].concat()).await
    };
    let (status, told) = code(&replay("careful", &[]).await);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("Never sent: 3 requests recorded by a version that did not mark"), "{told}");
    assert_eq!(next.seen().len(), 0);

    said(&replay("bold", &["--send-unmarked"]).await);
    assert_eq!(asked(&next.seen()), BTreeSet::from([0, 1, 2]));
}

#[tokio::test]
async fn a_replay_goes_on_where_it_ended_and_sends_nothing_twice() {
    let (ledger, next) = (log(12, |_, _| {}).await, seven().await);
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&records)];
    said(&run(&[&arguments[..], &["--pace", "max", "--limit", "5"]].concat()).await);
    assert_eq!(next.seen().len(), 5);
    let (status, error) = code(&run(&arguments).await);
    assert_eq!(status, Some(1));
    assert!(error.contains("holds records already; hint: `--resume` goes on with them"), "{error}");
    let told = said(&run(&[&arguments[..], &["--pace", "max", "--resume"]].concat()).await);
    assert!(told.contains("7 calls answered or failed, 5 were on record already"), "{told}");
    assert_eq!((next.seen().len(), asked(&next.seen())), (12, (0..12).collect()));
    assert_eq!(pairs(&records).len(), 12);
    let other =
        ["replay", text(&snapshot), "--to", "new", "--policy", &policy, "-o", text(&records), "--resume"];
    let (status, error) = code(&run(&other).await);
    assert_eq!(
        (status, error.contains("is of another replay: its targets are others")),
        (Some(1), true),
        "{error}"
    );
}

#[tokio::test]
async fn thresholds_decide_the_exit_code_and_say_value_bound_and_n() {
    let (ledger, next) = (log(40, |_, _| {}).await, seven().await);
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let judged = async |name: &str, conditions: &[&str]| {
        let records = dir.path().join(name);
        let conditions = conditions.iter().flat_map(|condition| ["--fail-if", condition]);
        let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "--pace", "max"];
        let arguments = [&arguments[..], &["-o", text(&records)], &conditions.collect::<Vec<_>>()].concat();
        code(&run(&arguments).await)
    };
    let sound = [
        "error_rate > 1%",
        "agreement < 75%",
        "accuracy_drop > 0.5%",
        "upper(accuracy_drop) > 0",
        "accuracy < 99%",
        "p99_latency > 100s",
        "verdict == rollback",
    ];
    let (status, told) = judged("sound", &sound).await;
    assert_eq!(status, Some(0), "{told}");
    assert!(
        told.contains("kept: prod.digits.next: agreement is 75.00% (n = 40), must not be `agreement < 75%`")
    );
    let (status, told) = judged("broken", &["agreement < 95%", "error_rate > 1%"]).await;
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("BROKEN: prod.digits.next: agreement is 75.00% (n = 40)"), "{told}");
    let (status, told) = judged("bound", &["lower(agreement) < 75%"]).await;
    assert_eq!((status, told.contains("lower end of agreement is 59.8")), (Some(2), true), "{told}");
    let (status, told) = judged("untold", &["fluency < 1"]).await;
    assert_eq!((status, told.contains("cannot be told")), (Some(1), true), "{told}");
    let (status, told) = judged("wrong", &["agreement"]).await;
    assert_eq!((status, told.contains("is no condition")), (Some(1), true), "{told}");
}

#[tokio::test]
async fn a_request_that_is_due_leaves_though_others_are_not_answered_and_waits_only_for_a_place() {
    let (ledger, gate) = (log(4, |_, _| {}).await, Gate::new());
    let door = gate.clone();
    let next = Model::start(move |_| Reply::json(&json!({"label": "7"})).after(&door)).await;
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&records)];
    let arguments = [&arguments[..], &["--concurrency", "3"]].concat();
    let opened = async {
        until("as many as may are under way", async || next.seen().len() == 3).await;
        let (begun, enough) = (Instant::now(), Duration::from_millis(30));
        until("the fourth was due long ago", async || begun.elapsed() > enough).await;
        gate.open();
    };
    let (told, ()) = tokio::join!(run(&arguments), opened);
    let told = said(&told);
    assert!(told.contains("calls left late, for 3 were under way"), "{told}");
    assert_eq!(next.seen().len(), 4);
}

#[tokio::test]
async fn a_model_that_cannot_be_reached_is_no_finding() {
    let ledger = log(30, |_, _| {}).await;
    let (dir, policy, snapshot) = prepared(&ledger, &Model::gone().await);
    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&records)];
    let (status, error) = code(&run(&[&arguments[..], &["--pace", "max"]].concat()).await);
    assert_eq!(status, Some(1), "{error}");
    assert!(error.contains("next cannot be reached: no connection to 127.0.0.1:"), "{error}");
    assert!(pairs(&records).is_empty());
    let unknown = ["replay", text(&snapshot), "--to", "nobody", "--policy", &policy, "-o", text(&records)];
    let (status, error) = code(&run(&unknown).await);
    assert_eq!(status, Some(1));
    assert!(
        error.contains("`--to nobody` is no model of") && error.contains("it has old, new, next"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_snapshot_is_not_replayed() {
    let (ledger, next) = (log(3, |_, _| {}).await, seven().await);
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    fs::write(snapshot.join("more.jsonl"), "").unwrap();
    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "next", "--policy", &policy, "-o", text(&records)];
    let (status, error) = code(&run(&arguments).await);
    assert_eq!(
        (status, error.contains("is not as it was made: more.jsonl: added")),
        (Some(1), true),
        "{error}"
    );
    assert!(next.seen().is_empty());
}

#[tokio::test]
async fn sets_from_records_and_from_elsewhere_stand_side_by_side_without_a_policy_too() {
    let (ledger, next) = (log(8, |_, _| {}).await, seven().await);
    let (dir, policy, snapshot) = prepared(&ledger, &next.url());
    let rows = dir.path().join("rows.jsonl");
    let lines = (0..10).map(|n| format!("{}\n", json!({"n": n, "expected": if n < 9 { 7 } else { 1 }})));
    fs::write(&rows, lines.collect::<String>()).unwrap();
    let import = ["--import", "--set", "expert", "--experiment", "digits", "--outcome", "digit", text(&rows)];
    let sent = ["--map", "input=n", "--path", "/predict", "--body", r#"{"n": "{{n}}"}"#];
    let (expert, _) = exported(&dir, "expert", &[&import[..], &sent].concat());

    let records = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), text(&expert), "--to", "next", "--policy", &policy];
    let more = ["--pace", "max", "-o", text(&records), "--format", "json"];
    let told: Value = serde_json::from_str(&said(&run(&[&arguments[..], &more].concat()).await)).unwrap();
    let found = |name: &str| {
        let experiments = told["report"]["experiments"].as_array().unwrap();
        experiments.iter().find(|one| one["summary"]["experiment"] == name).unwrap()["summary"].clone()
    };
    let accuracy = |summary: &Value| {
        let calls = summary["metrics"][0]["calls"].as_array().unwrap().clone();
        calls.into_iter().find(|call| call["arm"] == "next").unwrap()["value"].as_f64().unwrap()
    };
    assert!((accuracy(&found("prod.digits.next")) - 1.0).abs() < 1e-9);
    assert!((accuracy(&found("expert.digits.next")) - 0.9).abs() < 1e-9);

    let alone = dir.path().join("alone");
    let target = format!("other={}", next.url());
    let arguments = ["replay", text(&snapshot), "--to", &target, "--pace", "max", "-o", text(&alone)];
    let told = run(&[&arguments[..], &["--format", "json"]].concat()).await;
    let told: Value = serde_json::from_str(&said(&told)).unwrap();
    let summary = &told["report"]["experiments"][0]["summary"];
    assert_eq!(summary["experiment"], "prod.digits.other");
    assert_eq!(summary["metrics"][0]["metric"], "accuracy", "as the recorded design has it");
    assert_eq!(summary["agreement"][0]["field"], "body", "answers are compared whole");
}

#[test]
fn the_demos_records_are_exported_replayed_and_reported() {
    let dir = TempDir::new().unwrap();
    let setup = Setup {
        requests: 120,
        users: 60,
        per_second: None,
        records: dir.path().join("records"),
        ..Setup::default()
    };
    let demo = Demo::start(setup).unwrap();
    let summary = demo.play(&mut |_| {}).unwrap();
    let log = summary.records.clone();
    let policy = log.parent().unwrap().join("demo.yaml");
    let (snapshot, manifest) = exported(&dir, "prod", &["--set", "prod", text(&log)]);
    assert_eq!(manifest["experiments"].as_object().unwrap().len(), 4, "{manifest:#}");
    let replayed = dir.path().join("replayed");
    let arguments = ["replay", text(&snapshot), "--to", "digits-candidate", "--policy", text(&policy)];
    let more = [
        "--pace",
        "max",
        "-o",
        text(&replayed),
        "--fail-if",
        "error_rate > 0",
        "--fail-if",
        "accuracy_drop > 0",
    ];
    let wish = ["--set", "prod", "--experiment", "digits-shadow", text(&log)];
    let (shadow, _) = exported(&dir, "shadow", &wish);
    let told = crossfade(&[&arguments[..], &["--pace", "max", "-o", text(&dir.path().join("all"))]].concat());
    let told = said(&told);
    assert!(told.contains("PROD.DIGITS-AB.DIGITS-CANDIDATE"), "{told}");
    assert!(told.contains("Never sent: ") && told.contains("names the unit"), "lists name the user: {told}");
    let arguments = [&["replay", text(&shadow)], &arguments[2..], &more[..]].concat();
    let told = said(&crossfade(&arguments));
    assert!(told.contains("kept: prod.digits-shadow.digits-candidate: accuracy_drop is -"), "{told}");
    let report = said(&crossfade(&["report", text(&replayed)]));
    assert!(report.contains("digits-legacy.recorded"), "{report}");
    demo.stop();
}
