//! `crossfade report`: from the log alone the same figures as live, in all three formats, whatever the log holds.

mod markup;

use std::path::Path;
use std::process::Command;
use std::process::Output;

use crossfade::analysis::ExperimentSummary;
use crossfade::policy::Unit;
use crossfade::record::Pair;
use crossfade::vocab::ArmId;
use crossfade::vocab::Role;
use http::HeaderValue;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::ledger::answer;
use crate::ledger::captured;
use crate::report::markup::Document;

const OLD: ArmId = ArmId::LEGACY;
const NEW: ArmId = ArmId(1);
const POLICY: &str = "\
models: {old: {url: \"http://127.0.0.1:1\"}, new: {url: \"http://127.0.0.1:2\"}}
experiments:
  - name: digits
    legacy: old
    candidate: new
    outcomes: {digit: {type: label}}
    metrics: {accuracy: {prediction: $.label, truth: digit}}
    compare: {label: {exact: $.label}}
    strategy: {shadow: {}}
";

fn report(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade")).arg("report").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn as_json(arguments: &[&str]) -> Value {
    serde_json::from_str(&said(&report(&[arguments, &["--format", "json"]].concat()))).unwrap()
}

/// A request of one of these users, to which both answered, and whose label is reported.
fn serve(
    ledger: &Ledger,
    number: u32,
    (old, new, truth): (&str, &str, &str),
    change: impl FnOnce(&mut Pair),
) {
    let mut pair = ledger.pair();
    pair.unit = Unit::Named(format!("user-{}", number % 50));
    let said = |label: &str| json!({"label": label}).to_string();
    pair.legs = vec![
        answer(&ledger.policy, OLD, Role::Answer, &said(old)),
        answer(&ledger.policy, NEW, Role::Shadow, &said(new)),
    ];
    change(&mut pair);
    ledger.feedback.remember(pair.id, ledger.exposure(&pair));
    let told = json!({"request_id": pair.id.to_string(), "outcome": "digit", "value": truth});
    ledger.recorder.hand(pair);
    assert_eq!(ledger.report(&told).0, 200);
}

/// A log in which the candidate is right more often, and what is known of it live.
async fn log() -> (Ledger, ExperimentSummary) {
    let ledger = Ledger::start("", POLICY);
    for number in 0..200 {
        let old = if number % 4 == 0 { "8" } else { "7" };
        serve(&ledger, number, (old, "7", "7"), |_| {});
    }
    ledger.close().await;
    let live = ledger.analysis.lock().unwrap().summary("digits").unwrap();
    (ledger, live)
}

fn path_of(ledger: &Ledger) -> &str {
    ledger.dir.to_str().unwrap()
}

#[tokio::test]
async fn the_report_as_json_tells_what_the_analysis_knows_live() {
    let (ledger, live) = log().await;
    let report = as_json(&[path_of(&ledger)]);
    assert_eq!(report["experiments"][0]["summary"], serde_json::to_value(&live).unwrap());
    assert_eq!((&report["lines"]["pairs"], &report["lines"]["outcomes"]), (&json!(200), &json!(200)));
    let worst = report["experiments"][0]["worst"].as_array().unwrap();
    assert_eq!(worst.len(), 20, "the worst of the fifty that disagree");
    for pair in worst {
        let bodies = [&pair["legacy"], &pair["other"]].map(|answer| answer["body"]["text"].as_str().unwrap());
        assert_eq!(bodies, [r#"{"label":"8"}"#, r#"{"label":"7"}"#]);
        assert_eq!(
            (&pair["fields"], &pair["outcomes"]),
            (&json!(["label"]), &json!([["digit", {"label": "7"}]]))
        );
    }
}

#[tokio::test]
async fn a_single_file_tells_the_same_as_its_directory() {
    let (ledger, _) = log().await;
    let files: Vec<_> = std::fs::read_dir(&ledger.dir).unwrap().map(|file| file.unwrap().path()).collect();
    let file = files.iter().find(|path| path.extension().is_some_and(|kind| kind == "jsonl")).unwrap();
    let (whole, single) = (as_json(&[path_of(&ledger)]), as_json(&[file.to_str().unwrap()]));
    assert_eq!(whole["experiments"], single["experiments"]);
}

#[tokio::test]
async fn the_table_tells_verdict_and_figures() {
    let (ledger, live) = log().await;
    let table = said(&report(&[path_of(&ledger)]));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&table).contains(&words(&live.verdicts[0].sentence)), "{table}");
    assert!(words(&table).contains(&words(&live.sentence)), "{table}");
    let lines = [
        "DIGITS (shadow)",
        "accuracy new shadow 1.00 +0.250 200",
        "label new shadow 200 75.0 % 25.0 %",
        "wrong by accuracy new 200 0 150 0 50",
        "new shadow 200 0.0 % 20.",
    ];
    for line in lines {
        assert!(words(&table).contains(line), "{line}\n{table}");
    }
}

#[tokio::test]
async fn the_page_is_sound_loads_nothing_and_tells_the_verdict() {
    let (ledger, live) = log().await;
    let file = ledger.dir.join("report.html");
    let output = report(&[path_of(&ledger), "--format", "html", "--output", file.to_str().unwrap()]);
    assert_eq!(said(&output), "");
    let page = Document::parse(&std::fs::read_to_string(&file).unwrap());
    page.loads_nothing();
    assert!(page.text.contains(&live.verdicts[0].sentence), "{}", page.text);
    let drawings =
        ["Effect on accuracy: new", "Evidence on new", "Time to the last byte", "Agreement with legacy"];
    let parts =
        ["Guardrails", "Differences", "Metrics", "Calls", "Confusion matrices", "Worst disagreements"];
    for title in drawings.into_iter().chain(parts) {
        assert!(page.text.contains(title), "{title}");
    }
    assert_eq!(page.count("svg"), 4);
    assert_eq!(page.count("details"), 20);
}

#[tokio::test]
async fn nothing_that_stands_in_a_log_becomes_part_of_the_page_or_steers_a_terminal() {
    const HOSTILE: &str = "</pre></style><script>alert(1)</script>\" onload='x' &lt; \u{202e}\u{1b}[2J";
    let ledger = Ledger::start(" headers: [x-team],", POLICY);
    for number in 0..40 {
        serve(&ledger, number, (HOSTILE, "7", HOSTILE), |pair| {
            pair.request.uri = "/p?q=%3Cscript%3Ealert(2)%3C/script%3E%1B[2J".parse().unwrap();
            pair.request.headers.insert("x-team", HeaderValue::from_static("<img src=x onerror=alert(3)>"));
            pair.request.body = captured(json!({"text": HOSTILE}).to_string().as_bytes());
        });
    }
    ledger.close().await;
    let slices = ["--slice", "header:x-team", "--slice", "query:q", "--slice", "json:$.text"];
    let arguments = [&[path_of(&ledger)][..], &slices].concat();
    let text = said(&report(&[&arguments[..], &["--format", "html"]].concat()));
    let page = Document::parse(&text);
    page.loads_nothing();
    assert_eq!(page.count("script") + page.count("img"), 0);
    for told in ["<script>alert(1)</script>", "<script>alert(2)</script>", "<img src=x onerror=alert(3)>"] {
        assert!(page.text.contains(told), "{told} is shown as it is");
    }
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
    let table = said(&report(&arguments));
    assert!(!table.contains('\u{1b}') && table.contains("alert(2)"), "{table}");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_reported() {
    let (ledger, live) = log().await;
    let files = std::fs::read_dir(&ledger.dir).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "jsonl")).unwrap();
    let sound = std::fs::read_to_string(&file).unwrap();
    let (first, rest) = sound.split_once('\n').unwrap();
    std::fs::write(
        &file,
        format!("{first}\n{{\"schema\": 2, \"kind\": \"pair\"}}\n{rest}{{\"schema\":2,\"ki"),
    )
    .unwrap();
    let report_json = as_json(&[path_of(&ledger)]);
    assert_eq!(report_json["experiments"][0]["summary"], serde_json::to_value(&live).unwrap());
    let lines = &report_json["lines"];
    assert_eq!((&lines["damaged"], &lines["torn"]), (&json!(1), &json!(1)), "{lines}");
    let table = said(&report(&[path_of(&ledger)]));
    assert!(
        table.contains("Passed over: 1 damaged line, 1 torn last line.") && table.contains(".jsonl:2: "),
        "{table}"
    );
    let page = Document::parse(&said(&report(&[path_of(&ledger), "--format", "html"])));
    assert!(page.text.contains("Not in this report: 1 damaged line, 1 torn last line."), "{}", page.text);
}

#[tokio::test]
async fn where_there_is_nothing_to_report_the_reason_names_the_place_and_a_cure() {
    let files = TempDir::new().unwrap();
    let dir = files.path();
    std::fs::create_dir(dir.join("empty")).unwrap();
    std::fs::write(dir.join("other.jsonl"), "{}\nno JSON\n").unwrap();
    let (ledger, _) = log().await;
    let of = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let cases = [
        (vec![of("absent")], "absent` cannot be read"),
        (vec![of("empty")], "empty holds no pair; name a directory that a gateway writes to (`record.dir`)"),
        (vec![of("other.jsonl")], "other.jsonl:1: not a record"),
        (
            vec![path_of(&ledger).to_owned(), "--experiment".to_owned(), "letters".to_owned()],
            "no pair of experiment `letters`; the log has `digits`",
        ),
    ];
    for (arguments, expected) in cases {
        let output = report(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[tokio::test]
async fn slices_part_the_traffic_and_their_outcomes_follow() {
    let ledger = Ledger::start(" headers: [x-team],", POLICY);
    for number in 0..180 {
        let old = if number % 3 == 0 { "8" } else { "7" };
        serve(&ledger, number, (old, "7", "7"), |pair| {
            pair.request.uri = format!("/p?page={}", number % 60).parse().unwrap();
            if number % 3 != 2 {
                let team = if number % 3 == 0 { "red" } else { "blue" };
                pair.request.headers.insert("x-team", HeaderValue::from_static(team));
            }
            pair.request.body = captured(json!({"user": {"plan": number % 2}}).to_string().as_bytes());
        });
    }
    ledger.close().await;
    let fields = ["header:x-team", "query:page", "json:$.user.plan", "method", "path", "stage", "hour"];
    let mut arguments = vec![path_of(&ledger)];
    fields.iter().for_each(|field| arguments.extend(["--slice", field]));
    let report = as_json(&arguments);
    let sliced = report["experiments"][0]["slices"].as_array().unwrap();
    assert_eq!(sliced.iter().map(|by| by["field"].as_str().unwrap()).collect::<Vec<_>>(), fields);
    let slices = |field: usize| sliced[field]["slices"].as_array().unwrap();
    let requests = |slice: &Value| slice["summary"]["requests"].as_u64().unwrap();
    for (field, name) in fields.iter().enumerate() {
        assert_eq!(slices(field).iter().map(requests).sum::<u64>(), 180, "{name}");
        let labelled = slices(field).iter().map(|slice| {
            let calls = slice["summary"]["metrics"][0]["calls"].as_array().unwrap();
            calls.iter().map(|call| call["examples"].as_u64().unwrap()).sum::<u64>()
        });
        assert_eq!(labelled.sum::<u64>(), 2 * 180, "{name}: every label came to its request");
    }
    let named = |field: usize| slices(field).iter().map(|slice| &slice["slice"]).collect::<Vec<_>>();
    assert_eq!(named(0).len(), 3);
    assert!(named(0).contains(&&json!("absent")) && named(0).contains(&&json!({"value": "red"})));
    assert_eq!(slices(1).len(), 51, "fifty values and all others together");
    assert_eq!(slices(1)[0]["slice"], json!("other"), "which is the largest");
    assert_eq!(named(2), [&json!({"value": "0"}), &json!({"value": "1"})]);
    assert_eq!(
        [named(3)[0], named(4)[0], named(5)[0], named(6)[0]],
        [&json!({"value": "POST"}), &json!({"value": "/p"}), &json!("absent"), &json!({"value": "00"})]
    );
    let differs = |team: &str| {
        let own = slices(0).iter().find(|slice| slice["slice"] == json!({"value": team})).unwrap();
        own["differences"][0]["differs"].clone()
    };
    assert_eq!(
        (differs("red"), differs("blue")),
        (json!(true), json!(false)),
        "only there is one of them wrong"
    );
}

#[test]
fn a_slice_by_what_is_no_field_is_refused() {
    for (field, expected) in [
        ("colour", "is no field of a request"),
        ("json:$[", "is not a JSON path"),
        ("header: ", "name of a header"),
    ] {
        let output = report(&[".", "--slice", field]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(expected), "{said}");
    }
    assert!(!Path::new("report").exists());
}

/// The same figures, sums rounded: those of parts are added in another order.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_u64() => json!(format!("{float:.9e}")),
            _ => value.clone(),
        },
        Value::Array(elements) => elements.iter().map(rounded).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), rounded(value))).collect()
        }
        _ => value.clone(),
    }
}

#[tokio::test]
async fn parts_that_others_read_make_the_report_of_the_whole() {
    let (ledger, _) = log().await;
    let lines: Vec<String> = {
        let mut reader = crossfade::record::read(&ledger.dir).unwrap();
        let mut lines = Vec::new();
        while reader.next().is_some() {
            lines.push(String::from_utf8(reader.line_bytes().to_vec()).unwrap());
        }
        lines
    };
    let dir = TempDir::new().unwrap();
    let of = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // Outcomes of one part belong to requests of the others.
    let is_outcome = |line: &&String| line.contains(r#""kind":"outcome""#);
    let (outcomes, rest): (Vec<&String>, Vec<&String>) = lines.iter().partition(is_outcome);
    let (first, second) = rest.split_at(120);
    let slices = ["--slice", "hour"];
    for (name, lines) in [("a", &[rest[0]][..]), ("b", first), ("c", second), ("d", &outcomes)] {
        let path = of(&format!("{name}.jsonl"));
        let design = if name == "b" || name == "a" { "" } else { rest[0] };
        let text: String = [design].into_iter().chain(lines.iter().map(|line| line.as_str())).collect();
        std::fs::write(&path, text).unwrap();
        said(&report(&[&[path.as_str(), "--emit-state", &of(name)], &slices[..]].concat()));
    }
    let whole = as_json(&[&[path_of(&ledger)], &slices[..]].concat());
    let [b, c, d] = ["b", "c", "d"].map(of);
    for order in [[&b, &c, &d], [&d, &c, &b]] {
        let parts: Vec<&str> = order.iter().flat_map(|part| ["--merge", part.as_str()]).collect();
        let merged = as_json(&[&parts[..], &slices[..]].concat());
        let (summary, expected) = (&merged["experiments"][0]["summary"], &whole["experiments"][0]["summary"]);
        for figures in ["requests", "arms", "agreement", "outcomes", "metrics"] {
            assert_eq!(rounded(&summary[figures]), rounded(&expected[figures]), "{figures}");
        }
        let effect = |report: &Value| rounded(&report["experiments"][0]["summary"]["effects"]);
        assert_eq!(effect(&merged), effect(&whole));
        let worst = |report: &Value| -> Vec<Value> {
            report["experiments"][0]["worst"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| pair["request_id"].clone())
                .collect()
        };
        assert_eq!(worst(&merged), worst(&whole));
        assert_eq!((&merged["lines"]["pairs"], &merged["lines"]["outcomes"]), (&json!(200), &json!(200)));
    }
    let refused = report(&["--merge", &b]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(
        why.contains("it is sliced by hour, expected none; hint: give each part the same `--slice`"),
        "{why}"
    );
    let refused = report(&["--merge", &of("b.jsonl")]);
    let why = String::from_utf8_lossy(&refused.stderr);
    assert!(why.contains("b.jsonl`: no figures of a part of a log"), "{why}");
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn parquet_tells_what_the_log_tells_and_beside_it_nothing_twice() {
    let (ledger, _) = log().await;
    let whole = as_json(&[path_of(&ledger)]);
    let lake = TempDir::new().unwrap();
    let partition = lake.path().join("date=2026-01-01");
    std::fs::create_dir(&partition).unwrap();
    let mut reader = crossfade::record::read(&ledger.dir).unwrap();
    crossfade::columns::parquet::write(&mut reader, &partition.join("all.parquet")).unwrap();
    std::fs::copy(partition.join("all.parquet"), ledger.dir.join("all.parquet")).unwrap();
    for path in [lake.path(), &partition.join("all.parquet"), &ledger.dir] {
        let told = as_json(&[path.to_str().unwrap()]);
        assert_eq!(told["experiments"], whole["experiments"], "{}", path.display());
        assert_eq!(told["lines"]["pairs"], 200, "{}", path.display());
    }
}

#[tokio::test]
async fn snapshots_of_several_sets_stand_side_by_side() {
    let (ledger, _) = log().await;
    let dir = TempDir::new().unwrap();
    let snapshots = ["all", "disagreements"].map(|set| {
        let snapshot = dir.path().join(set);
        let export = Command::new(env!("CARGO_BIN_EXE_crossfade"))
            .args(["export", path_of(&ledger), "--set", set, "-o"])
            .arg(&snapshot)
            .output()
            .unwrap();
        said(&export);
        snapshot.to_str().unwrap().to_owned()
    });
    let told = as_json(&snapshots.each_ref().map(String::as_str));
    let found: Vec<(&str, u64)> = told["experiments"].as_array().unwrap().iter().map(named).collect();
    assert_eq!(found, [("all.digits", 200), ("disagreements.digits", 50)]);
    let alone = as_json(&[&snapshots[1]]);
    assert_eq!(named(&alone["experiments"][0]), ("digits", 50));
}

fn named(experiment: &Value) -> (&str, u64) {
    let summary = &experiment["summary"];
    (summary["experiment"].as_str().unwrap(), summary["requests"].as_u64().unwrap())
}
