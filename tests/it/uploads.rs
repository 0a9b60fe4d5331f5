//! Request bodies that come slowly, in odd framing, or too large: every arm gets all of it or none, and nobody waits
//! for ever.

use std::time::Duration;

use crossfade::config::Config;
use serde_json::Value;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::until;

fn policy(old: &str, new: &str, strategy: &str, more: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{old}\"}}\n  new: {{url: \"{new}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n{more}    strategy: {{{strategy}}}\n"
    )
}

/// Everybody goes to the candidate, and to legacy where it fails.
const FALL_BACK: &str = "ab: {arms: {old: 0%, new: 100%}, fallback: legacy";

/// The head and the first half of a request whose body is `first half, second half`.
const FIRST_HALF: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 23\r\n\r\nfirst half,";

const SECOND_HALF: &str = " second half";

#[tokio::test]
async fn a_fallback_in_the_middle_of_an_upload_gets_the_whole_body() {
    let old = WireModel::start().await;
    let new = WireModel::start().await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), &format!("{FALL_BACK}}}"), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(FIRST_HALF).await;
    let mut candidate = new.accept().await;
    candidate.read_until(|text| text.ends_with("first half,")).await;
    // An early error: the candidate's connection stays open and would take more of the body.
    candidate.send("HTTP/1.1 500 Early\r\ncontent-length: 4\r\n\r\noops").await;
    let mut legacy = old.accept().await;
    legacy.read_until(|text| text.ends_with("first half,")).await;
    client.send(SECOND_HALF).await;
    legacy.read_until(|text| text.ends_with("first half, second half")).await;
    legacy.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold").await;
    let answer = client.read_message().await;
    assert!(answer.ends_with("old"), "{answer}");
    candidate.closed().await;
}

#[tokio::test]
async fn a_fallback_whose_body_passes_the_cap_later_misses_no_byte() {
    let old = Model::start(|seen| Reply::text(seen.body.len().to_string())).await;
    let new = WireModel::start().await;
    let text = policy(&old.url(), &new.url(), &format!("{FALL_BACK}}}"), "");
    let rig = Rig::start_with(&text, "", "body_cap: 1KiB").await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let mut candidate = new.accept().await;
    candidate.read_until(|text| text.ends_with("abc\r\n")).await;
    candidate.send("HTTP/1.1 500 Early\r\ncontent-length: 4\r\n\r\noops").await;
    candidate.closed().await;
    for _ in 0..100 {
        client.send(&format!("64\r\n{}\r\n", "x".repeat(100))).await;
    }
    client.send("0\r\n\r\n").await;
    let answer = client.read_message().await;
    assert!(answer.ends_with("10003"), "{answer}");
}

#[tokio::test]
async fn a_copy_that_waits_for_the_body_is_sent_though_the_answering_arm_changes_meanwhile() {
    let old = Model::saying(Reply::text("old")).await;
    let new = WireModel::start().await;
    let text = policy(&old.url(), &new.url(), &format!("{FALL_BACK}, pair: 100%}}"), "");
    let rig = Rig::start(&text).await;
    for _ in 0..10 {
        let before = old.seen().len();
        let mut client = Wire::connect(rig.gateway().data_addr()).await;
        client.send(FIRST_HALF).await;
        let mut candidate = new.accept().await;
        candidate.read_until(|text| text.ends_with("first half,")).await;
        drop(candidate);
        until("the failure", async || {
            rig.metric("crossfade_requests_total", &["arm=\"new\"", "code=\"reset\""]).await
                == (before / 2 + 1) as f64
        })
        .await;
        client.send(SECOND_HALF).await;
        let answer = client.read_message().await;
        assert!(answer.ends_with("old"), "{answer}");
        until("the fallback and the copy", async || old.seen().len() == before + 2).await;
    }
    assert!(old.seen().iter().all(|seen| seen.body == "first half, second half"));
}

#[tokio::test]
async fn an_interleaved_request_above_the_cap_goes_to_legacy_alone_and_whole() {
    let old = Model::start(|seen| Reply::text(seen.body.len().to_string())).await;
    let new = Model::saying(Reply::text("never")).await;
    let interleave =
        "interleave: {items: \"$.results[*]\", id: $.doc, depth: 4, deadline: 2s, credit: click}";
    let more =
        "    unit: [{header: x-user}]\n    outcomes: {click: {type: click, window: 1h, absent: none}}\n";
    let rig = Rig::start_with(&policy(&old.url(), &new.url(), interleave, more), "", "body_cap: 4KiB").await;
    for size in [4_096, 4_097, 5_000, 1_000_000] {
        let asked = new.seen().len();
        let got = rig.client().await.post("/", &[("x-user", "u")], &"x".repeat(size)).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, size.to_string().as_str()));
        assert_eq!(new.seen().len() - asked, usize::from(size <= 4_096), "{size}");
    }
    let records = rig.records().await;
    let marks: Vec<&Value> = records.iter().map(|record| &record["degraded"]).collect();
    assert_eq!(marks, ["no_list", "too_large", "too_large", "too_large"]);
}

#[tokio::test]
async fn a_copy_that_waits_for_its_body_when_the_gateway_stops_is_on_record_as_dropped() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let mut rig =
        Rig::start_with(&policy(&old.url(), &new.url(), "shadow: {}", ""), "drain: 50ms,", "").await;
    let records = rig.records_dir();
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(FIRST_HALF).await;
    until("the request", async || rig.metric("crossfade_assigned_total", &[]).await == 1.0).await;
    rig.shut_down().await.unwrap();
    let records = crate::rig::read_records(&records);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["dropped"][0]["reason"], "draining", "{}", records[0]);
}

#[tokio::test]
async fn a_body_of_unknown_length_passes_whatever_the_method() {
    let model = Model::start(|seen| Reply::text(format!("{} {}", seen.method, seen.body.len()))).await;
    let default = format!("models: {{m: {{url: \"{}\"}}}}\ndefault: m\n", model.url());
    let shadowed = policy(&model.url(), &model.url(), "shadow: {sample: 0%}", "");
    for text in [default, shadowed] {
        let rig = Rig::start(&text).await;
        for method in ["GET", "DELETE", "POST"] {
            let mut client = Wire::connect(rig.gateway().data_addr()).await;
            let head = format!("{method} / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
            client.send(&head).await;
            client.send("5\r\nhello\r\n0\r\n\r\n").await;
            let answer = client.read_message().await;
            assert!(answer.ends_with(&format!("{method} 5")), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_client_that_stalls_in_its_upload_is_not_the_models_timeout() {
    let model = WireModel::start().await;
    let text = policy(&model.url(), &model.url(), "shadow: {sample: 0%}", "");
    let text = text.replacen("\"}\n", "\", timeout: {first_byte: 100ms}}\n", 1);
    let rig = Rig::start(&text).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(FIRST_HALF).await;
    let mut legacy = model.accept().await;
    legacy.read_until(|text| text.ends_with("first half,")).await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(client);
    let records = rig.records().await;
    let leg = &records[0]["observations"][0];
    assert_eq!(leg["fate"], "cancelled", "{leg}");
}

#[tokio::test]
async fn a_model_that_takes_no_body_is_its_own_timeout_and_its_connection_is_closed() {
    let old = Model::saying(Reply::text("old")).await;
    let new = WireModel::start().await;
    let rig = Rig::start_with(
        &policy(&old.url(), &new.url(), "shadow: {deadline: 200ms}", ""),
        "",
        "body_cap: 16MiB, queue: {bytes: 64MiB}",
    )
    .await;
    let large = "x".repeat(8 << 20);
    assert_eq!(rig.client().await.post("/", &[], &large).await.text(), "old");
    let mut candidate = new.accept().await;
    let timed_out = ["arm=\"new\"", "code=\"timeout\""];
    until("the timeout", async || rig.metric("crossfade_requests_total", &timed_out).await == 1.0).await;
    candidate.closed().await;
}

#[tokio::test]
async fn a_report_that_never_arrives_whole_is_given_up() {
    let model = Model::saying(Reply::text("ok")).await;
    let text =
        format!("feedback: {{path: /feedback}}\nmodels: {{m: {{url: \"{}\"}}}}\ndefault: m\n", model.url());
    let soon = |config: &mut Config| config.feedback.timeout = Duration::from_millis(100);
    let rig = Rig::start_changed(&text, "", "", soon).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST /feedback HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{").await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn large_headers_count_against_the_bound_of_the_records_that_wait() {
    let model = Model::saying(Reply::text("ok")).await;
    let text = policy(&model.url(), &model.url(), "shadow: {sample: 0%}", "");
    let rig = Rig::start_with(&text, "", "body_cap: 8KiB, queue: {bytes: 32KiB}").await;
    let large = "x".repeat(40_000);
    assert_eq!(rig.client().await.post("/", &[("x-large", &large)], "").await.status, 200);
    until("the loss", async || rig.metric("crossfade_records_lost_total", &[]).await == 1.0).await;
}
