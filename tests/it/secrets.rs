//! Secrets that clients and models put everywhere they can: models and users get them, and nothing that is kept, told
//! or sent elsewhere has one.

use std::fs;
use std::path::Path;
use std::process::Command;

use crossfade::vocab::steers;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::rig::Client;
use crate::rig::Got;
use crate::rig::Model;
use crate::rig::Process;
use crate::rig::Reply;
use crate::rig::Seen;
use crate::rig::Step;
use crate::rig::read_records;
use crate::rig::request;
use crate::rig::until;

/// What is planted, by its place. A dot in a key's mark keeps it from looking like one here.
const PLANTED: [(&str, &str); 44] = [
    ("path", "ann.path@example.org"),
    ("query name", "s.k-queryname0123456789abcd"),
    ("query value", "+4915112340001"),
    ("query credential", "opaque-q1x7"),
    ("header name", "x-opaque-h3kq9"),
    ("header value", "opaque-h8w2"),
    ("listed header", "4111 1111 1111 1111"),
    ("method", "OPAQUEM4R2"),
    ("host", "opaque.host@example.org"),
    ("user agent", "2001:db8::feed:17"),
    ("cookie", "opaque-c5p3"),
    ("authorization", "opaque-a6z1"),
    ("api key header", "opaque-k9d8"),
    ("set-cookie", "opaque-s7f6"),
    ("unit", "opaque-unit-u2j4"),
    ("idempotency key", "gh.p_idempotency0123456789abcd"),
    ("request id", "ann.requestid@example.org"),
    ("traceparent", "opaque-t1v5"),
    ("tracestate", "opaque-t2b6"),
    ("baggage", "opaque-b3n7"),
    ("forwarded for", "198.51.100.77"),
    ("JSON value", "DE89370400440532013000"),
    ("JSON name", "ann.name@example.org"),
    ("JSON in JSON", "ann.nested@example.org"),
    ("JSON number", "5500000000000004"),
    ("JSON password", "opaque-j8m9"),
    ("text", "192.0.2.88"),
    ("form password", "opaque-f4g5"),
    ("form value", "ann.form@example.org"),
    ("multipart", "ann.part@example.org"),
    ("binary body", "ann.binary@example.org"),
    ("cut body", "ann.cut@example.org"),
    ("answer", "ann.answer@example.org"),
    ("answer name", "ann.answername@example.org"),
    ("answer model", "s.k-model0123456789abcdefgh"),
    ("answer header", "opaque-r5t6"),
    ("listed answer header", "AK.IASERVER0123456789"),
    ("answer trailer", "opaque-r9y8"),
    ("error", "ey.JhbGciOiJIUzI1NiJ9.ey.JzdWIiOiJlcnJvciJ9.c2ln"),
    ("item", "ann.item@example.org"),
    ("label", "ann.label@example.org"),
    ("comment", "call +1 415 555 0177"),
    ("click", "ann.click@example.org"),
    ("outcome number", "4242424242424242"),
];

/// An event's text comes in these pieces.
const PIECES: [&str; 3] = ["Write to ann.stre", "am@exam", "ple.org."];
const STREAMED: [&str; 3] = ["ann.stre", "am@exam", "ann.stream@example.org"];

/// Admin addresses that tell something.
const TOLD: [&str; 8] = [
    "/metrics",
    "/api/v1/experiments",
    "/api/v1/experiments/copied",
    "/api/v1/experiments/copied/verdict",
    "/api/v1/experiments/split/verdict",
    "/api/v1/experiments/mixed/verdict",
    "/api/v1/evidence",
    "/api/v1/rollout",
];

fn planted(place: &str) -> String {
    let (_, secret) = PLANTED.iter().find(|(known, _)| *known == place).unwrap_or_else(|| panic!("{place}"));
    secret.replace("s.k-", "sk-").replace("gh.p_", "ghp_").replace("AK.IA", "AKIA").replace("ey.J", "eyJ")
}

fn policy(dir: &TempDir, old: &Model, new: &Model) -> String {
    let rules: Vec<String> = ["email", "phone", "card", "iban", "api_key", "ip", "secret"]
        .iter()
        .map(|pattern| format!("{{pattern: {pattern}, action: mask}}"))
        .collect();
    let outcomes = "outcomes: {right: {type: label}, note: {type: json}, stars: {type: number}, chosen: {type: click}}, \
                    metrics: {accuracy: {prediction: $.label, truth: right}}";
    let experiment = |name: &str, path: &str, strategy: &str| {
        format!(
            "  - {{name: {name}, match: {{path: \"{path}/*\"}}, legacy: old, candidate: new, unit: [{{header: x-user-id}}], {outcomes}, \
             compare: {{whole: {{tree: $}}}}, {strategy}}}\n"
        )
    };
    [
        "listen: {data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\", workers: 1}\n".to_owned(),
        format!(
            "record: {{dir: {}, body_cap: 4KiB, headers: [x-note], redact: [{}]}}\n",
            serde_json::to_string(&dir.path().join("records")).unwrap(),
            rules.join(", ")
        ),
        format!("models:\n  old: {{url: \"{}\", protocol: openai}}\n  new: {{url: \"{}\"}}\n", old.url(), new.url()),
        "experiments:\n".to_owned(),
        experiment("copied", "/copied", "strategy: {shadow: {held_back: 0%, control: 100%}}"),
        experiment("split", "/split", "strategy: {ab: {arms: {old: 50%, new: 50%}}}"),
        experiment(
            "mixed",
            "/mixed",
            "strategy: {interleave: {items: '$.results[*]', id: $.doc, depth: 5, deadline: 5s, credit: chosen}}",
        ),
    ]
    .concat()
}

/// What a model says: to each kind of request something else, with a secret wherever one fits.
fn answer(seen: &Seen, whose: &str) -> Reply {
    let reply = match seen.headers.get("x-kind").map(|kind| kind.to_str().unwrap()) {
        Some("stream") => {
            let event = |text: &&str| {
                let delta = json!({"id": "c1", "choices": [{"index": 0, "delta": {"content": text}}]});
                Step::Data(format!("data: {delta}\n\n").into())
            };
            let steps = PIECES.iter().map(event).chain([Step::Data("data: [DONE]\n\n".into())]);
            Reply::steps(steps.collect()).header("content-type", "text/event-stream")
        }
        Some("error") => Reply { status: http::StatusCode::BAD_GATEWAY, ..Reply::text(planted("error")) },
        Some("trailers") => {
            let trailer: &'static str =
                PLANTED.iter().find(|(place, _)| *place == "answer trailer").unwrap().1;
            Reply::steps(vec![Step::Data("told".into()), Step::Trailers(vec![("x-end", trailer)])])
        }
        _ => Reply::json(&json!({
            "label": planted("answer"),
            "model": planted("answer model"),
            "whose": whose,
            planted("answer name"): whose,
            "results": [{"doc": planted("item")}, {"doc": whose}, {"doc": "both"}],
        })),
    };
    reply
        .header("set-cookie", format!("session={}", planted("set-cookie")))
        .header("x-answered-for", planted("answer header"))
        .header("server", planted("listed answer header"))
}

/// One request with a secret wherever its head has room for one.
fn asked(path: &str, kind: &str, content_type: &str, body: Vec<u8>) -> Request<Full<bytes::Bytes>> {
    let target = format!(
        "{path}/{}?{}={}&api_key={}",
        planted("path").replace('@', "%40"),
        planted("query name"),
        planted("query value").replace('+', "%2B"),
        planted("query credential"),
    );
    let name = planted("header name");
    let cookie = format!("session={}", planted("cookie"));
    let authorization = format!("Bearer {}", planted("authorization"));
    let traceparent = format!("00-{}-00", planted("traceparent"));
    let tracestate = format!("vendor={}", planted("tracestate"));
    let baggage = format!("user={}", planted("baggage"));
    let (value, note, key, request_id) =
        (planted("header value"), planted("listed header"), planted("api key header"), planted("request id"));
    let (agent, unit, idempotency, forwarded) =
        (planted("user agent"), planted("unit"), planted("idempotency key"), planted("forwarded for"));
    let headers = [
        ("content-type", content_type),
        ("x-kind", kind),
        (name.as_str(), "1"),
        ("x-other", &value),
        ("x-note", &note),
        ("user-agent", &agent),
        ("cookie", &cookie),
        ("authorization", &authorization),
        ("x-api-key", &key),
        ("x-user-id", &unit),
        ("idempotency-key", &idempotency),
        ("x-request-id", &request_id),
        ("traceparent", &traceparent),
        ("tracestate", &tracestate),
        ("baggage", &baggage),
        ("x-forwarded-for", &forwarded),
    ];
    let mut asked = request("POST", &target, &headers, "").map(|_| Full::from(body));
    if kind == "trailers" {
        // A valid context, whose state goes along with it.
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        asked.headers_mut().insert("traceparent", valid.parse().unwrap());
    }
    asked
}

/// The requests of one experiment: each kind of body once.
fn all_kinds(path: &str) -> Vec<Request<Full<bytes::Bytes>>> {
    let document = json!({
        "account": planted("JSON value"),
        planted("JSON name"): 1,
        "inner": json!({"to": planted("JSON in JSON")}).to_string().replace('@', "\\u0040"),
        "amount": planted("JSON number").parse::<u64>().unwrap(),
        "password": planted("JSON password"),
        "steering": "\n\u{1b}[2J\u{9b}0m\u{202e}",
    });
    let form =
        format!("password={}&to={}", planted("form password"), planted("form value").replace('@', "%40"));
    let part = format!(
        "--x\r\ncontent-disposition: form-data; name=\"to\"\r\n\r\n{}\r\n--x--\r\n",
        planted("multipart")
    );
    let binary = [&[0xff, 0x00, 0xfe][..], planted("binary body").as_bytes()].concat();
    let cut = format!("{} {}", planted("cut body"), "word ".repeat(2_000));
    let text = format!("from {} with greetings", planted("text"));
    let unread = asked(path, "json", "application/json", document.to_string().into());
    let (mut parts, body) = unread.into_parts();
    parts.method = planted("method").parse().unwrap();
    vec![
        Request::from_parts(parts, body),
        asked(path, "json", "application/json", document.to_string().into()),
        asked(path, "json", "text/plain", text.into()),
        asked(path, "json", "application/x-www-form-urlencoded", form.into()),
        asked(path, "json", "multipart/form-data; boundary=x", part.into()),
        asked(path, "json", "application/octet-stream", binary),
        asked(path, "json", "text/plain", cut.into()),
        asked(path, "stream", "application/json", b"{}".to_vec()),
        asked(path, "error", "application/json", b"{}".to_vec()),
        asked(path, "trailers", "application/json", b"{}".to_vec()),
    ]
}

/// Reports everything that can be reported of an answer.
async fn report(admin: &mut Client, got: &Got) {
    let Some(id) = got.header("crossfade-id") else { return };
    let reports = [
        ("right", json!(planted("label"))),
        ("note", json!({"comment": planted("comment"), planted("label"): 1})),
        ("stars", planted("outcome number").parse::<Value>().unwrap()),
        ("chosen", json!({"item": planted("item")})),
        ("chosen", json!({"item": planted("click")})),
        ("s.k-undeclared0123456789abcdef", json!(1)),
    ];
    for (outcome, value) in reports {
        let report = json!({"request_id": id, "outcome": outcome, "value": value});
        admin.post("/feedback", &[("content-type", "application/json")], &report.to_string()).await;
    }
}

/// Says which secrets a text has, in any case and with its escapes undone.
fn found_in(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let plain = text.replace("%40", "@").replace("\\u0040", "@").replace("%2b", "+").replace("%20", " ");
    let secrets = PLANTED.iter().map(|(place, _)| (*place, planted(place)));
    let streamed = STREAMED.iter().map(|part| ("stream", (*part).to_owned()));
    secrets
        .chain(streamed)
        .filter(|(_, secret)| {
            let secret = secret.to_lowercase();
            text.contains(&secret) || plain.contains(&secret)
        })
        .map(|(place, secret)| format!("{place}: {secret}"))
        .collect()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn no_planted_secret_is_in_anything_that_is_kept_or_told() {
    let (old, new) =
        (Model::start(|seen| answer(seen, "old")).await, Model::start(|seen| answer(seen, "new")).await);
    let done = vec![Step::Data(vec![0; 5].into()), Step::Trailers(vec![("grpc-status", "0")])];
    let collector = Model::saying(Reply::steps(done).header("content-type", "application/grpc")).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("policy.yaml");
    fs::write(&path, policy(&dir, &old, &new)).unwrap();
    let endpoint = collector.url();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("CROSSFADE_LOG", "trace"),
    ];
    let mut process = Process::within(&path, &variables);
    let (mut client, mut admin) = (Client::http1(process.data).await, process.admin().await);
    let mut sent = 0;
    for path in ["/copied", "/split", "/mixed"] {
        for request in all_kinds(path) {
            let got = client.send(request).await;
            report(&mut admin, &got).await;
            sent += 1;
        }
    }
    let mut spoken = request("POST", "/copied/x", &[], "{}");
    spoken.headers_mut().insert("host", planted("host").replace('@', ".").parse().unwrap());
    client.send(spoken).await;
    sent += 1;
    until("every pair is written", async || {
        let text = admin.get("/metrics").await.text().to_owned();
        let written = text.lines().filter(|line| {
            line.starts_with("crossfade_records_written_total{") && line.contains("kind=\"pair\"")
        });
        written.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
            >= f64::from(sent)
    })
    .await;

    let mut told: Vec<(String, Vec<u8>)> = Vec::new();
    for path in TOLD {
        let got = admin.get(path).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        told.push((path.to_owned(), got.body.to_vec()));
    }
    let log_of = process.log();
    process.signal("TERM");
    tokio::task::spawn_blocking(move || process.child.wait().unwrap()).await.unwrap();
    for line in log_of.lock().unwrap().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        assert!(!line.contains(steers), "{line:?}");
    }
    told.push(("the log".to_owned(), log_of.lock().unwrap().clone().into_bytes()));
    let spans = collector.seen();
    assert!(!spans.is_empty());
    told.extend(spans.iter().map(|export| ("a span".to_owned(), export.body.to_vec())));
    let records = dir.path().join("records");
    for file in files(&records) {
        told.push((file.display().to_string(), fs::read(&file).unwrap()));
    }
    for format in ["table", "json", "html"] {
        let slices = ["--slice", "path", "--slice", "header:user-agent", "--slice", "json:$.password"];
        let output = Command::new(env!("CARGO_BIN_EXE_crossfade"))
            .arg("report")
            .arg(&records)
            .args(["--format", format])
            .args(slices)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        told.push((format!("the report as {format}"), output.stdout));
    }
    for (place, text) in &told {
        let is_printed = place == "/metrics" || place.starts_with("the report");
        let printed = String::from_utf8_lossy(text);
        assert!(!is_printed || !printed.contains(|c| c != '\n' && steers(c)), "{place}");
        let found = found_in(text);
        assert!(found.is_empty(), "{place} has {found:#?}");
    }

    // Models got what was sent, and what is no secret is on record.
    let seen = old.seen();
    assert!(seen.iter().any(|seen| seen.headers.get("cookie").is_some()));
    assert!(seen.iter().any(|seen| seen.headers.contains_key(planted("header name").as_str())));
    assert!(seen.iter().any(|seen| String::from_utf8_lossy(&seen.body).contains(&planted("JSON value"))));
    let exported = spans.iter().any(|export| export.body.windows(11).any(|it| it == b"/copied/***"));
    assert!(exported, "the paths of spans are masked, not missing");
    let lines = read_records(&records);
    let pairs: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "pair").collect();
    assert_eq!(pairs.len(), usize::try_from(sent).unwrap());
    let outcomes = lines.iter().filter(|line| line["kind"] == "outcome").count();
    assert!(outcomes >= 60, "{outcomes}");
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    for kept in
        ["Write to ***", "from *** with greetings", "\"whose\":\"new\"", "x-note\":[\"***\"]", "\"_OTHER\""]
    {
        assert!(text.contains(kept), "{kept}");
    }
}
