//! `crossfade export`: the same records make the same snapshot, which holds what was asked for and never changes.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use crossfade::policy::Unit;
use crossfade::record::Pair;
use crossfade::vocab::ArmId;
use crossfade::vocab::RequestId;
use crossfade::vocab::Role;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::captured;

const OLD: ArmId = ArmId::LEGACY;
const NEW: ArmId = ArmId(1);
const POLICY: &str = "\
models: {old: {url: \"http://127.0.0.1:1\"}, new: {url: \"http://127.0.0.1:2\"}}
experiments:
  - name: digits
    legacy: old
    candidate: new
    outcomes: {digit: {type: label}, liked: {type: binary}, rating: {type: number}}
    metrics: {accuracy: {prediction: $.label, truth: digit}}
    compare: {label: {exact: $.label}}
    strategy: {shadow: {}}
";

pub(crate) fn crossfade(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade")).args(arguments).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(arguments: &[&str], code: i32) -> String {
    let output = crossfade(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    error
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Exports into a new directory and gives it with its manifest.
pub(crate) fn exported(dir: &TempDir, name: &str, arguments: &[&str]) -> (PathBuf, Value) {
    let place = dir.path().join(name);
    said(&crossfade(&[&["export", "-o", text(&place)], arguments].concat()));
    let manifest = serde_json::from_slice(&fs::read(place.join("manifest.json")).unwrap()).unwrap();
    (place, manifest)
}

/// The lines of a file.
fn rows(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn records(place: &Path, manifest: &Value) -> Vec<Value> {
    rows(&place.join(manifest["records"].as_str().unwrap()))
}

/// Serves one request that asks this; legacy says `7`.
fn serve(ledger: &Ledger, asked: &Value, new: &str, change: impl FnOnce(&mut Pair)) -> RequestId {
    let mut pair = ledger.pair();
    let said = |label: &str| json!({"label": label}).to_string();
    pair.unit = Unit::Named("ada".to_owned());
    pair.request.body = captured(asked.to_string().as_bytes());
    pair.legs = vec![
        answer(&ledger.policy, OLD, Role::Answer, &said("7")),
        answer(&ledger.policy, NEW, Role::Shadow, &said(new)),
    ];
    change(&mut pair);
    ledger.serve(pair)
}

fn report(ledger: &Ledger, id: RequestId, outcome: &str, value: Value) {
    let told = json!({"request_id": id.to_string(), "outcome": outcome, "value": value});
    assert_eq!(ledger.report(&told).0, 200);
}

/// Ten queries, of which every other came a second time with its members in another order.
async fn log() -> Ledger {
    let ledger = Ledger::start("", POLICY);
    for number in 0..10 {
        let id = serve(&ledger, &json!({"n": number, "lang": number % 2}), "7", |_| {});
        report(&ledger, id, "digit", json!("7"));
        if number % 2 == 0 {
            serve(&ledger, &json!({"lang": number % 2, "n": number}), "7", |_| {});
        }
    }
    ledger.close().await;
    ledger
}

#[tokio::test]
async fn real_queries_are_kept_once_and_without_what_is_no_clean_query() {
    let (ledger, dir) = (Ledger::start("", POLICY), TempDir::new().unwrap());
    serve(&ledger, &json!({"n": 1, "m": 2}), "7", |_| {});
    serve(&ledger, &json!({"m": 2, "n": 1}), "7", |_| {});
    serve(&ledger, &json!({"n": 2}), "7", |pair| pair.marks.retry = true);
    serve(&ledger, &json!({"n": 3}), "7", |pair| pair.marks.cancelled = true);
    serve(&ledger, &json!({"n": 4}), "7", |pair| pair.request.body.truncated = true);
    serve(&ledger, &json!({"n": 5}), "7", |pair| {
        pair.legs.iter_mut().for_each(|leg| leg.status = Some(StatusCode::BAD_REQUEST));
    });
    ledger.close().await;
    let (place, manifest) = exported(&dir, "prod", &["--set", "prod", text(&ledger.dir)]);
    let left_out = json!({"retry": 1, "cancelled": 1, "cut": 1, "unanswered": 1});
    let counts = &manifest["counts"];
    assert_eq!((&counts["read"], &counts["left_out"]), (&json!(6), &left_out));
    assert_eq!((&counts["duplicates"], &counts["kept"]), (&json!(1), &json!(1)));
    let lines = records(&place, &manifest);
    assert_eq!(lines.iter().map(|line| &line["kind"]).collect::<Vec<_>>(), ["design", "pair"]);
    assert_eq!(manifest["policies"], json!([ledger.policy.hash]));
}

#[tokio::test]
async fn the_same_records_make_the_same_content_whatever_the_order_of_files_and_the_time() {
    let (one, other, dir) = (log().await, log().await, TempDir::new().unwrap());
    let (one, other) = (copied(&one.dir, dir.path(), "one"), copied(&other.dir, dir.path(), "other"));
    let wish = ["--set", "all", "--sample", "7", "--seed", "3"];
    let (_, first) = exported(&dir, "first", &[&wish, [text(&one), text(&other)].as_slice()].concat());
    let (_, second) = exported(&dir, "second", &[&wish, [text(&other), text(&one)].as_slice()].concat());
    assert_eq!((&first["content"], &first["records"]), (&second["content"], &second["records"]));
    assert_ne!(first["created"], second["created"]);
    let wish = ["--set", "all", "--sample", "7", "--seed", "4"];
    let (_, third) = exported(&dir, "third", &[&wish, [text(&one), text(&other)].as_slice()].concat());
    assert_ne!(first["content"], third["content"], "another seed draws others");
}

/// The one file of a log under a name that says nothing of when it began.
fn copied(log: &Path, to: &Path, name: &str) -> PathBuf {
    let place = to.join(format!("{name}.jsonl"));
    let mut files = fs::read_dir(log).unwrap().map(|file| file.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|it| it == "jsonl")).unwrap();
    fs::copy(file, &place).unwrap();
    place
}

#[tokio::test]
async fn a_snapshot_is_read_only_never_overwritten_and_says_what_was_changed() {
    let (ledger, dir) = (log().await, TempDir::new().unwrap());
    let (place, manifest) = exported(&dir, "all", &["--set", "all", text(&ledger.dir)]);
    let file = place.join(manifest["records"].as_str().unwrap());
    assert!(fs::metadata(&file).unwrap().permissions().readonly());
    let again = refused(&["export", "--set", "all", "-o", text(&place), text(&ledger.dir)], 1);
    assert!(again.contains("is there already, and a snapshot never changes"), "{again}");
    assert!(said(&crossfade(&["export", "--verify", text(&place)])).contains("all: unchanged, 15 requests"));

    let content = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(refused(&["export", "--verify", text(&place)], 1).contains(".jsonl: missing"));
    fs::write(&file, content.replace("\"n\":1,", "\"n\":2,")).unwrap();
    fs::write(place.join("more.txt"), "more").unwrap();
    let error = refused(&["export", "--verify", text(&place)], 1);
    assert!(error.contains(".jsonl: changed") && error.contains("more.txt: added"), "{error}");
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["all"], "nothing unfinished is left");
}

#[tokio::test]
async fn a_report_on_everything_tells_what_a_report_on_the_log_tells() {
    let (ledger, dir) = (log().await, TempDir::new().unwrap());
    let (place, _) = exported(&dir, "all", &["--set", "all", text(&ledger.dir)]);
    let told = |path: &Path| -> Value {
        serde_json::from_str(&said(&crossfade(&["report", "--format", "json", text(path)]))).unwrap()
    };
    assert_eq!(told(&place)["experiments"][0]["summary"], told(&ledger.dir)["experiments"][0]["summary"]);
}

#[tokio::test]
async fn a_stratified_sample_has_as_many_of_each_value() {
    let (ledger, dir) = (log().await, TempDir::new().unwrap());
    let wish = ["--set", "prod", "--sample", "3", "--stratify", "json:$.lang", text(&ledger.dir)];
    let (place, manifest) = exported(&dir, "sample", &wish);
    let lines = records(&place, &manifest);
    let asked = |lang: u32| lines.iter().filter(|line| line["request"]["body"]["lang"] == lang).count();
    assert_eq!((asked(0), asked(1)), (3, 3));
    assert_eq!(manifest["filters"]["stratify"], "json:$.lang");
}

#[tokio::test]
async fn what_was_rated_badly_disagrees_or_failed_is_found_with_its_outcomes() {
    let (ledger, dir) = (Ledger::start("", POLICY), TempDir::new().unwrap());
    let liked = |liked: bool| {
        let id = serve(&ledger, &json!({"n": 1}), "7", |_| {});
        report(&ledger, id, "liked", json!(liked));
        report(&ledger, id, "rating", json!(if liked { 5 } else { 2 }));
        id
    };
    let (bad, _good) = (liked(false), liked(true));
    let apart = serve(&ledger, &json!({"n": 2}), "8", |_| {});
    let failed = serve(&ledger, &json!({"n": 3}), "7", |pair| {
        pair.legs[1].status = Some(StatusCode::INTERNAL_SERVER_ERROR);
    });
    ledger.close().await;
    let cases = [
        (vec!["--set", "thumbs-down"], bad, 2),
        (vec!["--set", "thumbs-down", "--outcome", "rating", "--below", "3"], bad, 2),
        (vec!["--set", "all", "--outcome", "rating", "--is", "2.0"], bad, 2),
        (vec!["--set", "disagreements"], apart, 0),
        (vec!["--set", "errors"], failed, 0),
    ];
    for (number, (wish, id, outcomes)) in cases.into_iter().enumerate() {
        let (place, manifest) =
            exported(&dir, &number.to_string(), &[&wish[..], &[text(&ledger.dir)]].concat());
        let lines = records(&place, &manifest);
        let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
        assert_eq!(of("pair").len(), 1, "{wish:?}");
        assert_eq!(of("pair")[0]["request_id"], id.to_string(), "{wish:?}");
        assert_eq!(of("outcome").len(), outcomes, "{wish:?}");
    }
}

#[tokio::test]
async fn nothing_chosen_is_an_error_with_a_hint_and_leaves_nothing() {
    let (ledger, dir) = (log().await, TempDir::new().unwrap());
    let place = dir.path().join("none");
    let error = refused(&["export", "--set", "thumbs-down", "-o", text(&place), text(&ledger.dir)], 1);
    assert!(error.contains("no request of 15 on record is of the set `thumbs-down`; hint: "), "{error}");
    let error = refused(&["export", "--set", "best", "-o", text(&place), text(&ledger.dir)], 2);
    assert!(error.contains("`best` is no set of records: expected one of `prod`"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn openai_evals_and_hugging_face_rows_stand_beside_the_records() {
    let (ledger, dir) = (Ledger::start("", POLICY), TempDir::new().unwrap());
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "seven?"}]});
    let id = serve(&ledger, &chat, "7", |_| {});
    report(&ledger, id, "digit", json!("7"));
    serve(&ledger, &json!({"n": 1}), "7", |_| {});
    ledger.close().await;
    let log = text(&ledger.dir);
    let (place, manifest) = exported(&dir, "evals", &["--set", "all", "--format", "openai-evals", log]);
    let evals = rows(&place.join("evals.jsonl"));
    assert!(manifest["files"]["evals.jsonl"]["sha256"].is_string());
    let row = evals.iter().find(|row| row["metadata"]["request_id"] == id.to_string()).unwrap();
    assert_eq!((&row["input"], &row["ideal"]), (&chat["messages"], &json!("7")));
    let other = evals.iter().find(|row| row["metadata"]["request_id"] != id.to_string()).unwrap();
    assert_eq!(other["metadata"]["ideal_from"], "answer of old");
    assert_eq!(other["input"], json!([{"role": "user", "content": "{\"n\":1}"}]));

    let (place, _) = exported(&dir, "hf", &["--set", "all", "--format", "huggingface", log]);
    let card = fs::read_to_string(place.join("README.md")).unwrap();
    assert!(card.starts_with("---\nconfigs:\n- config_name: default\n"), "{card}");
    let rows = rows(&place.join("data/train-00000-of-00001.jsonl"));
    let row = rows.iter().find(|row| row["request_id"] == id.to_string()).unwrap();
    assert_eq!(row["answers"][1]["body"], r#"{"label":"7"}"#);
    assert_eq!(row["outcomes"], json!([{"name": "digit", "value": "7"}]));
    assert!(said(&crossfade(&["export", "--verify", text(&place)])).contains("unchanged"));
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn a_parquet_file_beside_the_records_holds_the_same_lines() {
    let (ledger, dir) = (log().await, TempDir::new().unwrap());
    let wish = ["--set", "all", "--format", "parquet", text(&ledger.dir)];
    let (place, manifest) = exported(&dir, "all", &wish);
    assert!(manifest["files"]["records.parquet"]["sha256"].is_string());
    let lines = crossfade::columns::parquet::Reader::open(&place.join("records.parquet")).unwrap();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(&line.unwrap().bytes).unwrap()).collect();
    assert_eq!(lines, records(&place, &manifest));
    assert!(said(&crossfade(&["export", "--verify", text(&place)])).contains("unchanged"));
}

#[test]
fn rows_made_elsewhere_become_a_snapshot_of_requests_and_what_is_right() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("rows.jsonl");
    let lines = [
        json!({"input": [{"role": "user", "content": "2+2?"}], "ideal": "4"}),
        json!({"input": [{"role": "user", "content": "2+2?"}], "ideal": "4"}),
        json!({"question": "3+3?", "answer": 6}),
    ];
    fs::write(&file, lines.map(|line| format!("{line}\n")).concat()).unwrap();
    let wish = ["--import", "--set", "sums", "--experiment", "chat", text(&file)];
    let (place, manifest) = exported(&dir, "sums", &wish);
    let counts = &manifest["counts"];
    assert_eq!((&counts["read"], &counts["repeated"], &counts["kept"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!((&manifest["set"], &counts["left_out"]), (&json!("sums"), &json!({"unusable": 1})));
    let lines = records(&place, &manifest);
    assert_eq!(lines[0]["request"]["path"], "/v1/chat/completions");
    assert_eq!(lines[0]["request"]["body"]["json"]["messages"][0]["content"], "2+2?");
    assert_eq!((&lines[1]["outcome"], &lines[1]["value"]["json"]), (&json!("expected"), &json!("4")));

    let template =
        r#"{"inputs": [{"data": "{{question}}", "note": "asked: {{question}}", "n": "{{answer}}"}]}"#;
    let map = ["--map", "input=question,expected=answer", "--path", "/infer", "--body", template];
    let (place, manifest) = exported(&dir, "more", &[&wish[..], &map].concat());
    let lines = records(&place, &manifest);
    let body = json!({"inputs": [{"data": "3+3?", "note": "asked: 3+3?", "n": 6}]});
    assert_eq!(lines[0]["request"]["body"]["json"], body);
    assert_eq!(lines[1]["value"]["json"], 6);
    let (_, again) = exported(&dir, "again", &[&wish[..], &map].concat());
    assert_eq!(manifest["content"], again["content"]);
}
