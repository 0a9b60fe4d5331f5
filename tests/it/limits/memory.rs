//! A memory budget that runs short: copies go first, captured bodies second, new connections third, users never.

use std::time::Duration;

use tokio::time::timeout;

use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::until;

const BUDGET: usize = 1 << 20;

/// A shadow experiment, and one whose answers wait for whole bodies, which are held whatever the budget says.
fn policy(old: &Model, new: &Model) -> String {
    format!(
        "limits: {{memory: {BUDGET}B}}
models: {{old: {{url: \"{}\"}}, new: {{url: \"{}\"}}}}
experiments:
  - {{name: held, match: {{json: {{$.held: true}}, path: /held}}, legacy: old, candidate: new, strategy: {{shadow: {{sample: 0%}}}}}}
  - {{name: e, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}
",
        old.url(),
        new.url()
    )
}

async fn held(rig: &Rig) -> f64 {
    rig.metric("crossfade_memory_held_bytes", &[]).await
}

/// Has so much of the budget held by a request whose body does not end, for as long as its connection lives.
async fn hold(rig: &Rig, share: f64) -> Wire {
    let before = held(rig).await;
    let bytes = (BUDGET as f64 * share) as usize;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST /held HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n").await;
    client.send(&"x".repeat(bytes)).await;
    until("the bytes to be held", async || held(rig).await >= before + bytes as f64).await;
    client
}

async fn start(old: &Model, new: &Model) -> Rig {
    Rig::start_with(&policy(old, new), "", "body_cap: 4MiB").await
}

#[tokio::test]
async fn what_is_captured_counts_until_it_is_written_or_gone() {
    let gate = Gate::new();
    let old = Model::saying(Reply::text("y".repeat(10_000))).await;
    let new = Model::saying(Reply::text("new").after(&gate)).await;
    let rig = start(&old, &new).await;
    assert_eq!(rig.metric("crossfade_memory_budget_bytes", &[]).await, BUDGET as f64);
    assert_eq!(held(&rig).await, 0.0);
    assert_eq!(rig.client().await.post("/", &[], &"x".repeat(20_000)).await.status, 200);
    until("the copy", async || new.seen().len() == 1).await;
    let now = held(&rig).await;
    assert!((30_000.0..33_000.0).contains(&now), "request and answer: {now}");
    gate.open();
    until("nothing", async || held(&rig).await == 0.0).await;
    let leaving = hold(&rig, 0.2).await;
    drop(leaving);
    until("nothing again", async || held(&rig).await == 0.0).await;
}

#[tokio::test]
async fn copies_are_dropped_first() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let rig = start(&old, &new).await;
    let held = hold(&rig, 0.75).await;
    assert_eq!(rig.client().await.post("/", &[], "body").await.text(), "old");
    let dropped = ["reason=\"memory\""];
    until("the drop", async || rig.metric("crossfade_copies_dropped_total", &dropped).await == 1.0).await;
    drop(held);
    until("memory", async || self::held(&rig).await == 0.0).await;
    assert_eq!(rig.client().await.post("/", &[], "body").await.text(), "old");
    until("a copy", async || new.seen().len() == 1).await;
    let records = rig.records().await;
    assert_eq!(records[0]["dropped"][0]["reason"], "memory", "{}", records[0]);
    assert_eq!(records[0]["request"]["body"]["text"], "body", "bodies were captured still");
    assert_eq!(records[0].get("truncated"), None);
}

#[tokio::test]
async fn captured_bodies_go_second_and_the_record_says_so() {
    let old = Model::start(|seen| Reply::text(seen.body.len().to_string())).await;
    let new = Model::saying(Reply::text("new")).await;
    let rig = start(&old, &new).await;
    let held = hold(&rig, 0.9).await;
    let large = "x".repeat(50_000);
    assert_eq!(rig.client().await.post("/", &[], &large).await.text(), "50000", "the user notices nothing");
    until("the record", async || {
        rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await == 1.0
    })
    .await;
    assert!(rig.metric("crossfade_bodies_shed_total", &[]).await >= 2.0, "the request's and the answer's");
    drop(held);
    let records = rig.records().await;
    let record = records.iter().find(|record| record["experiment"] == "e").unwrap();
    assert_eq!(
        (&record["truncated"], &record["request"]["truncated"]),
        (&true.into(), &true.into()),
        "{record}"
    );
    assert_eq!(record["request"]["bytes"], 50_000);
    assert_eq!(record["request"].get("body"), None);
    assert_eq!(record["dropped"][0]["reason"], "memory");
}

#[tokio::test]
async fn a_body_that_a_fallback_may_need_is_kept_though_memory_is_short() {
    let old = Model::start(|seen| Reply::text(seen.body.len().to_string())).await;
    let new = Model::saying(Reply::status(500)).await;
    let policy = policy(&old, &new)
        .replace("strategy: {shadow: {}}", "strategy: {ab: {arms: {old: 0%, new: 100%}, fallback: legacy}}");
    let rig = Rig::start_with(&policy, "", "body_cap: 4MiB").await;
    let _held = hold(&rig, 0.9).await;
    assert_eq!(rig.client().await.post("/", &[], &"x".repeat(50_000)).await.text(), "50000");
}

#[tokio::test]
async fn new_connections_wait_third_and_users_who_are_connected_are_served() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let rig = start(&old, &new).await;
    let mut user = rig.client().await;
    let mut user2 = rig.client2().await;
    assert_eq!(user.get("/").await.text(), "old");
    until("all written", async || held(&rig).await == 0.0).await;
    let held = hold(&rig, 1.1).await;
    let addr = rig.gateway().data_addr();
    let late = tokio_util::task::AbortOnDropHandle::new(
        tokio_util::task::TaskTracker::new()
            .spawn(async move { Client::http1(addr).await.get("/").await.text().to_owned() }),
    );
    let pauses = ["reason=\"memory\""];
    until("the pause", async || rig.metric("crossfade_accept_pauses_total", &pauses).await == 1.0).await;
    for _ in 0..20 {
        assert_eq!(user.get("/").await.text(), "old");
        assert_eq!(user2.get("/").await.text(), "old");
    }
    assert!(!late.is_finished(), "there is no memory for another");
    drop(held);
    let served = timeout(Duration::from_secs(10), late).await.expect("memory is back").unwrap();
    assert_eq!(served, "old");
}
