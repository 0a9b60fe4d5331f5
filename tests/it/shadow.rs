//! Shadow: the user gets legacy's answer whatever the candidate does, and what it did is on record.

use serde_json::Value;
use serde_json::json;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

fn policy(legacy: &str, candidate: &str, settings: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{legacy}\"}}\n  new: {{url: \"{candidate}\"}}\nexperiments:\n  - name: shadowed\n    \
         legacy: old\n    candidate: new\n    strategy: {{shadow: {{{settings}}}}}\n"
    )
}

/// The observation of an arm in a record.
fn leg<'a>(record: &'a Value, arm: &str) -> &'a Value {
    let legs = record["observations"].as_array().unwrap();
    legs.iter().find(|leg| leg["arm"] == arm).unwrap_or_else(|| panic!("no leg of {arm} in {record}"))
}

#[tokio::test]
async fn the_candidate_gets_the_same_request_marked_and_the_user_gets_legacys_answer() {
    let old = Model::saying(Reply::json(&json!({"label": 1}))).await;
    let new = Model::saying(Reply::json(&json!({"label": 2}))).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "")).await;
    let headers =
        [("x-user-id", "u1"), ("authorization", "Bearer secret"), ("content-type", "application/json")];
    let got = rig.client().await.post("/infer?x=1", &headers, r#"{"input": [1, 2]}"#).await;
    assert_eq!(got.json(), json!({"label": 1}));
    let id = got.header("crossfade-id").expect("every answer of an experiment tells its id").to_owned();
    assert_eq!(got.header("crossfade-arm"), None, "the arm is told only where the policy says so");
    until("the copy to arrive", async || new.seen().len() == 1).await;
    let (original, copy) = (&old.seen()[0], &new.seen()[0]);
    assert_eq!((&copy.method, &copy.uri, &copy.body), (&original.method, &original.uri, &original.body));
    assert_eq!(copy.headers["crossfade-shadow"], "1");
    assert!(!original.headers.contains_key("crossfade-shadow"));
    assert_eq!(copy.headers["host"], "models.example", "the original host");
    assert_eq!(copy.headers["authorization"], "Bearer secret", "a copy is the same request");
    until("the copy's end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    let records = rig.records().await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((&record["kind"], &record["schema"]), (&json!("pair"), &json!(3)));
    assert_eq!((&record["request_id"], &record["experiment"]), (&json!(id), &json!("shadowed")));
    assert_eq!((&record["assigned"], &record["served"]), (&json!("old"), &json!("old")));
    assert_eq!(record["request"]["body"], json!({"input": [1, 2]}));
    assert_eq!(leg(record, "old")["body"], json!({"label": 1}));
    assert_eq!(leg(record, "new")["body"], json!({"label": 2}));
    assert_eq!((&leg(record, "new")["role"], &leg(record, "new")["status"]), (&json!("shadow"), &json!(200)));
    assert!(!record.to_string().contains("Bearer secret"), "credentials are never written");
}

/// Whatever the candidate does, and though it does it only when the users have their whole answers, they are
/// legacy's.
async fn never_hurts(name: &str, deadline: &str, candidate: impl FnOnce(&Gate) -> Reply, fate: &str) {
    let gate = Gate::new();
    let old = Model::saying(Reply::text("legacy's answer")).await;
    let new = Model::saying(candidate(&gate)).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), &format!("deadline: {deadline}"))).await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        let got = client.post("/", &[], "body").await;
        assert_eq!((got.status.as_u16(), got.text()), (200, "legacy's answer"), "{name}");
    }
    gate.open();
    until(name, async || {
        rig.metric("crossfade_copies_in_flight", &[]).await == 0.0 && new.seen().len() == 20
    })
    .await;
    let served = ["arm=\"old\"", "code=\"2xx\""];
    assert_eq!(rig.metric("crossfade_requests_total", &served).await, 20.0, "{name}");
    assert_eq!(rig.metric("crossfade_copies_sent_total", &["arm=\"new\""]).await, 20.0, "{name}");
    let records = rig.records().await;
    assert_eq!(records.len(), 20, "{name}");
    for record in &records {
        assert_eq!(leg(record, "old")["fate"], "complete", "{name}");
        assert_eq!(leg(record, "new")["fate"], fate, "{name}");
    }
}

/// Longer than any test: what is held is held until its gate opens.
const LONG: &str = "1h";

#[tokio::test]
async fn a_hung_candidate_never_delays_the_answer() {
    let never = Gate::new();
    never_hurts("hung", "2s", |_| Reply::text("late").after(&never), "timeout").await;
}

#[tokio::test]
async fn a_candidate_that_stalls_in_its_body_never_delays_the_answer() {
    let never = Gate::new();
    let stalling = Reply::steps(vec![Step::Data("begun".into()), Step::Wait(never)]);
    never_hurts("stalled", "2s", |_| stalling, "timeout").await;
}

#[tokio::test]
async fn a_held_candidate_is_recorded_when_it_answers_at_last() {
    let gate = Gate::new();
    let old = Model::saying(Reply::text("legacy's answer")).await;
    let new = Model::saying(Reply::text("held").after(&gate)).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "deadline: 30s")).await;
    let got = rig.client().await.post("/", &[], "body").await;
    assert_eq!(got.text(), "legacy's answer");
    until("the copy to arrive", async || new.seen().len() == 1).await;
    assert_eq!(rig.metric("crossfade_copies_in_flight", &[]).await, 1.0);
    gate.open();
    until("the copy's end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    let records = rig.records().await;
    assert_eq!(leg(&records[0], "new")["body"], json!({"text": "held"}));
}

#[tokio::test]
async fn an_erroring_candidate_never_hurts() {
    never_hurts("erroring", LONG, |gate| Reply::status(500).after(gate), "complete").await;
}

#[tokio::test]
async fn a_resetting_candidate_never_hurts() {
    never_hurts("resetting", LONG, |gate| Reply::reset().after(gate), "reset").await;
}

#[tokio::test]
async fn a_candidate_that_breaks_off_never_hurts() {
    let breaking = |gate: &Gate| vec![Step::Data("begun".into()), Step::Wait(gate.clone()), Step::Break];
    never_hurts("breaking", LONG, |gate| Reply::steps(breaking(gate)), "truncated").await;
}

#[tokio::test]
async fn a_flooding_candidate_is_cut_off_and_never_hurts() {
    let flood = Reply::steps(vec![Step::Forever(vec![b'x'; 65_536].into())]);
    let old = Model::saying(Reply::text("legacy's answer")).await;
    let new = Model::saying(flood).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "deadline: 5s")).await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        assert_eq!(client.post("/", &[], "body").await.text(), "legacy's answer");
    }
    until("the copies' end", async || {
        rig.metric("crossfade_copies_in_flight", &[]).await == 0.0 && new.seen().len() == 10
    })
    .await;
    let records = rig.records().await;
    for record in &records {
        let leg = leg(record, "new");
        assert_eq!(leg["truncated"], true, "a body above the cap is marked");
        assert!(leg["bytes"].as_u64().unwrap() >= 16 * 256 * 1024, "{leg}");
    }
}

#[tokio::test]
async fn a_candidate_that_is_gone_never_hurts() {
    let old = Model::saying(Reply::text("legacy's answer")).await;
    let rig = Rig::start(&policy(&old.url(), &Model::gone().await, "")).await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        assert_eq!(client.post("/", &[], "body").await.text(), "legacy's answer");
    }
    let gone = ["arm=\"new\"", "code=\"connect_error\""];
    until("every copy to fail or be dropped", async || {
        let failed = rig.metric("crossfade_requests_total", &gone).await;
        failed + rig.metric("crossfade_copies_dropped_total", &["reason=\"breaker_open\""]).await == 20.0
    })
    .await;
    assert_eq!(rig.records().await.len(), 20);
}

#[tokio::test]
async fn the_copy_is_sent_though_legacy_fails() {
    for (name, legacy) in [("resetting", Reply::reset()), ("erroring", Reply::status(503))] {
        let old = Model::saying(legacy).await;
        let new = Model::saying(Reply::text("fine")).await;
        let rig = Rig::start(&policy(&old.url(), &new.url(), "")).await;
        let got = rig.client().await.post("/", &[], "the whole body").await;
        assert!(got.status.is_server_error(), "{name}");
        until(name, async || new.seen().len() == 1).await;
        assert_eq!(new.seen()[0].body, "the whole body");
    }
    let new = Model::saying(Reply::text("fine")).await;
    let rig = Rig::start(&policy(&Model::gone().await, &new.url(), "")).await;
    let got = rig.client().await.post("/", &[], "the whole body").await;
    assert_eq!(got.status, 502);
    until("a copy though legacy is gone", async || new.seen().len() == 1).await;
    assert_eq!(new.seen()[0].body, "the whole body");
}

#[tokio::test]
async fn the_copy_outlives_its_client() {
    let gate = Gate::new();
    let old = Model::saying(Reply::text("late").after(&gate)).await;
    let new = Model::saying(Reply::text("fine").after(&gate)).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "")).await;
    let mut client = rig.client().await;
    let mut leaving = tokio::task::JoinSet::new();
    leaving.spawn(async move { client.post("/", &[], "body").await });
    until("both calls", async || old.seen().len() == 1 && new.seen().len() == 1).await;
    leaving.shutdown().await;
    let cancelled = ["arm=\"old\"", "code=\"cancelled\""];
    until("the client's leaving", async || rig.metric("crossfade_requests_total", &cancelled).await == 1.0)
        .await;
    gate.open();
    until("the copy's end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    let records = rig.records().await;
    assert_eq!(leg(&records[0], "new")["fate"], "complete");
    assert_eq!(leg(&records[0], "old")["fate"], "cancelled");
    assert_eq!(records[0]["cancelled"], true);
}

#[tokio::test]
async fn every_copy_that_is_not_sent_is_counted_with_its_reason() {
    let old = Model::saying(Reply::text("ok")).await;
    let gate = Gate::new();
    let new = Model::saying(Reply::text("held").after(&gate)).await;
    let settings = "budget: {in_flight: 2, in_flight_bytes: 1KiB}";
    let rig = Rig::start_with(&policy(&old.url(), &new.url(), settings), "", "body_cap: 4KiB").await;
    let mut client = rig.client().await;
    client.post("/", &[], &"x".repeat(5_000)).await;
    client.post("/", &[], &"x".repeat(2_000)).await;
    client.post("/", &[], "small").await;
    client.post("/", &[], "small").await;
    client.post("/", &[], "small").await;
    for (reason, count) in [("body_too_large", 1.0), ("bytes", 1.0), ("in_flight", 1.0)] {
        let label = format!("reason=\"{reason}\"");
        until(reason, async || rig.metric("crossfade_copies_dropped_total", &[&label]).await == count).await;
    }
    assert_eq!(rig.metric("crossfade_copies_sent_total", &[]).await, 2.0);
    gate.open();
    until("the copies' end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    assert_eq!(rig.metric("crossfade_copies_in_flight_bytes", &[]).await, 0.0);
    let records = rig.records().await;
    let reasons = records.iter().filter_map(|record| record["dropped"][0]["reason"].as_str());
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["body_too_large", "bytes", "in_flight"]);
}

#[tokio::test]
async fn the_control_leg_asks_legacy_again() {
    let old = Model::saying(Reply::text("ok")).await;
    let new = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "sample: 0%, control: 100%")).await;
    rig.client().await.post("/", &[], "body").await;
    until("the control leg", async || old.seen().len() == 2).await;
    let marked = old.seen().iter().filter(|seen| seen.headers.contains_key("crossfade-shadow")).count();
    assert_eq!((marked, new.seen().len()), (1, 0));
}

#[tokio::test]
async fn the_sampled_share_is_copied_and_a_retry_is_not_copied_again() {
    let old = Model::saying(Reply::text("ok")).await;
    let new = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), "sample: 50%")).await;
    let mut client = rig.client().await;
    for _ in 0..400 {
        client.send(request("GET", "/", &[], "")).await;
    }
    let sent = async || rig.metric("crossfade_copies_sent_total", &[]).await;
    until("the copies", async || new.seen().len() as f64 == sent().await).await;
    // Binomial(400, 1/2) lies within 140 and 260 but for one in a billion.
    assert!((140.0..=260.0).contains(&sent().await), "{} of 400", sent().await);

    let rig = Rig::start(&policy(&old.url(), &new.url(), "")).await;
    let (before, mut client) = (new.seen().len(), rig.client().await);
    for _ in 0..3 {
        client.post("/", &[("idempotency-key", "k1")], "body").await;
    }
    client.post("/", &[("x-stainless-retry-count", "1")], "body").await;
    until("one copy", async || new.seen().len() == before + 1).await;
    let records = rig.records().await;
    let retries = records.iter().filter(|record| record["retry"] == true).count();
    assert_eq!((records.len(), retries, new.seen().len()), (4, 3, before + 1));
}
