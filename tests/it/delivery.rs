//! Records on their way elsewhere, through a whole gateway: into Parquet files and into a ClickHouse that a test scripts,
//! which is slow, refuses, and comes back.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::until;

const POLICY: &str = "{models}
experiments:
  - {name: carried, legacy: old, candidate: new, strategy: {shadow: {}}}
";

/// Two models and a gateway that delivers as this says.
async fn gateway(deliver: &str) -> (Rig, [Model; 2]) {
    gateway_with(deliver, "rotate: {pack: false},").await
}

/// The same, with more keys of the record.
async fn gateway_with(deliver: &str, more: &str) -> (Rig, [Model; 2]) {
    let models = [Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await];
    let urls =
        format!("models: {{old: {{url: '{}'}}, new: {{url: '{}'}}}}", models[0].url(), models[1].url());
    let record = format!(" deliver: {deliver}, {more}");
    (Rig::start_with(&POLICY.replace("{models}", &urls), "", &record).await, models)
}

/// The rows that a ClickHouse was sent in one request.
fn rows(seen: &Seen) -> Vec<Value> {
    assert_eq!(seen.headers["content-encoding"], "zstd");
    let text = zstd::decode_all(&seen.body[..]).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a log with what they are called elsewhere, designs among them.
fn lines(records: &Path) -> Vec<(String, String)> {
    let mut segments: Vec<_> = fs::read_dir(records).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    segments.sort();
    let mut lines = Vec::new();
    for segment in segments {
        let (text, mut at) = (fs::read_to_string(&segment).unwrap(), 0);
        for line in text.lines() {
            lines.push((format!("{}:{at}", segment.file_stem().unwrap().to_str().unwrap()), line.to_owned()));
            at += line.len() + 1;
        }
    }
    lines
}

fn named(rows: &[Value]) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "id"), text(row, "line"))).collect()
}

#[tokio::test]
async fn a_clickhouse_that_refuses_gets_every_line_once_it_takes_them() {
    let open = Gate::new();
    let heard = open.clone();
    let house = Model::start(move |_| {
        let refused =
            Reply::text("Code: 60. DB::Exception: Table crossfade.records does not exist. (UNKNOWN_TABLE)");
        if heard.is_open() {
            Reply::text("")
        } else {
            Reply { status: http::StatusCode::NOT_FOUND, ..refused }
        }
    })
    .await;
    let deliver = format!("{{house: {{clickhouse: {{url: '{}', user: writer}}, every: 10ms}}}}", house.url());
    let (mut gateway, _models) = gateway(&deliver).await;
    let mut client = gateway.client().await;
    assert_eq!(client.post("/ask", &[], "{}").await.text(), "old");
    let failures =
        async || gateway.metric("crossfade_delivery_failures_total", &[r#"delivery="house""#]).await;
    until("two refusals", async || failures().await >= 2.0).await;
    assert!(gateway.metric("crossfade_delivery_lag_bytes", &[]).await > 0.0);
    assert_eq!(client.post("/ask", &[], "{}").await.text(), "old", "no user sees any of that");
    open.open();
    until("nothing waits", async || {
        gateway.metric("crossfade_delivered_records_total", &[]).await >= 3.0
            && gateway.metric("crossfade_delivery_lag_bytes", &[]).await == 0.0
    })
    .await;
    let records = gateway.records_dir();
    gateway.shut_down().await.unwrap();

    let seen = house.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.headers["x-clickhouse-user"], "writer");
    let query = last.uri.query().unwrap();
    assert!(
        query.contains("query=INSERT%20INTO%20%60crossfade%60.%60records%60%20FORMAT%20JSONEachRow"),
        "{query}"
    );
    let mut taken: Vec<_> = seen.iter().flat_map(|seen| named(&rows(seen))).collect();
    // What was refused came again.
    let mut known = BTreeSet::new();
    taken.retain(|(id, _)| known.insert(id.clone()));
    assert_eq!(taken, lines(&records));
}

#[tokio::test]
async fn a_clickhouse_that_never_answers_keeps_nobody_and_gets_all_after_a_restart() {
    let gate = Gate::new();
    let slow = gate.clone();
    let house = Model::start(move |_| Reply::text("").after(&slow)).await;
    let deliver = format!("{{house: {{clickhouse: {{url: '{}'}}, every: 10ms}}}}", house.url());
    let (mut gateway, _models) = gateway(&deliver).await;
    let mut client = gateway.client().await;
    for _ in 0..20 {
        assert_eq!(client.post("/ask", &[], "{}").await.text(), "old");
    }
    until("the writer goes on", async || {
        gateway.metric("crossfade_records_written_total", &[]).await >= 21.0
    })
    .await;
    until("something is on its way", async || !house.seen().is_empty()).await;
    let first = named(&rows(&house.seen()[0]));
    gate.open();
    gateway.restart().await;
    let records = gateway.records_dir();
    until("all is there", async || {
        let taken: BTreeSet<_> = house.seen().iter().flat_map(|seen| named(&rows(seen))).collect();
        taken == lines(&records).into_iter().collect()
    })
    .await;
    assert_eq!(first[0], lines(&records)[0]);
    gateway.shut_down().await.unwrap();
}

/// A segment that was packed, or is encrypted, holds other bytes than its lines are: what waits must be told all the same.
#[tokio::test]
async fn what_waits_in_packed_and_encrypted_files_is_carried_after_a_restart_and_then_nothing_waits() {
    let keys = tempfile::TempDir::new().unwrap();
    let key = keys.path().join("key");
    fs::write(&key, "5c".repeat(32)).unwrap();
    for more in ["".to_owned(), format!("encrypt: {{from_file: '{}'}},", key.display())] {
        let gate = Gate::new();
        let slow = gate.clone();
        let house = Model::start(move |_| Reply::text("").after(&slow)).await;
        let deliver = format!("{{house: {{clickhouse: {{url: '{}'}}, every: 10ms}}}}", house.url());
        let (mut gateway, _models) = gateway_with(&deliver, &more).await;
        let mut client = gateway.client().await;
        for _ in 0..20 {
            client.post("/ask", &[], "{}").await;
        }
        let records = gateway.records_dir();
        until("the writer is done", async || {
            gateway.metric("crossfade_records_written_total", &[r#"kind="pair""#]).await >= 20.0
        })
        .await;
        gate.open();
        gateway.restart().await;
        until("all is there", async || {
            let taken: BTreeSet<_> = house.seen().iter().flat_map(|seen| named(&rows(seen))).collect();
            taken.len() == 21
        })
        .await;
        let packed = async || {
            let mut files = fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path());
            files.any(|path| path.extension().is_some_and(|ending| ending == "zst"))
        };
        until("the first segment is packed", packed).await;
        until("nothing waits", async || gateway.metric("crossfade_delivery_lag_bytes", &[]).await == 0.0)
            .await;
        assert_eq!(gateway.client().await.post("/ask", &[], "{}").await.text(), "old");
        until("one more is there", async || {
            let taken: BTreeSet<_> = house.seen().iter().flat_map(|seen| named(&rows(seen))).collect();
            taken.len() == 23
        })
        .await;
        until("nothing waits", async || gateway.metric("crossfade_delivery_lag_bytes", &[]).await == 0.0)
            .await;
        gateway.shut_down().await.unwrap();
    }
}

#[cfg(feature = "parquet")]
#[tokio::test]
async fn parquet_files_hold_the_lines_of_the_log_by_day() {
    use crossfade::columns::parquet::Reader;

    let lake = tempfile::TempDir::new().unwrap();
    let deliver = format!("{{lake: {{parquet: {{dir: '{}'}}}}}}", lake.path().join("deep").display());
    let (mut gateway, _models) = gateway(&deliver).await;
    let mut client = gateway.client().await;
    for _ in 0..5 {
        client.post("/ask", &[], "{}").await;
    }
    let records = gateway.records_dir();
    gateway.shut_down().await.unwrap();

    let days = fs::read_dir(lake.path().join("deep")).unwrap().map(|entry| entry.unwrap().path());
    let mut read = Vec::new();
    for day in days {
        let date = day.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(date.starts_with("date=20") && date.len() == "date=2026-01-31".len(), "{date}");
        for file in fs::read_dir(day).unwrap() {
            for line in Reader::open(&file.unwrap().path()).unwrap() {
                let line = line.unwrap();
                read.push((line.id, String::from_utf8(line.bytes).unwrap().trim_end().to_owned()));
            }
        }
    }
    read.sort();
    let mut expected = lines(&records);
    expected.sort();
    assert_eq!(read, expected);
    assert_eq!(read.len(), 6);
}

#[cfg(not(any(feature = "kafka", feature = "nats", feature = "object-store")))]
#[test]
fn what_this_build_does_not_know_is_refused_with_what_would_build_it() {
    use std::path::Path;

    let check = |target: &str, expected: &str| {
        let text = format!(
            "record: {{deliver: {{a: {{{target}}}}}}}\nmodels: {{m: {{url: 'http://m'}}}}\ndefault: m\n"
        );
        let problems = crossfade::config::parse(Path::new("policy.yaml"), &text).unwrap_err().to_string();
        assert!(problems.contains(expected), "{problems}");
    };
    check("kafka: {brokers: b, topic: t}", "this build knows no Kafka; hint: build with `--features kafka`");
    check("nats: {url: u, subject: s}", "this build knows no NATS; hint: build with `--features nats`");
    check(
        "object_store: {url: s3://b}",
        "this build knows no object stores; hint: build with `--features object-store`",
    );
}
