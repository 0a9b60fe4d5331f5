//! A model that fails is left alone and tried again, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use crate::chaos::wicked::Way;
use crate::chaos::wicked::Wicked;
use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const OPEN: &str = "crossfade_breakers_open";
const COPIES: &str = "calls=\"copies\"";
const ANSWERS: &str = "calls=\"answers\"";

/// An experiment whose legacy says `legacy` and whose candidate stands at these URLs.
async fn rig(candidate: &str, strategy: &str) -> (Model, Rig) {
    let old = Model::saying(Reply::text("legacy")).await;
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{{candidate}}}\nexperiments:\n  - {{name: e, legacy: old, \
         candidate: new, unit: [{{header: x-user-id}}], strategy: {{{strategy}}}}}\n",
        old.url()
    );
    let rig = Rig::start(&policy).await;
    (old, rig)
}

async fn ask(client: &mut Client) -> (u16, String) {
    let got = client.post("/", &[("x-user-id", "u")], "body").await;
    (got.status.as_u16(), got.text().to_owned())
}

async fn is_open(rig: &Rig, calls: &str) -> bool {
    rig.metric(OPEN, &["model=\"new\"", calls]).await > 0.0
}

/// Sends requests, all answered by legacy, until something holds.
async fn ask_until(rig: &Rig, what: &str, holds: impl AsyncFn() -> bool) {
    let mut client = rig.client().await;
    until(what, async || {
        assert_eq!(ask(&mut client).await, (200, "legacy".to_owned()), "{what}");
        holds().await
    })
    .await;
}

async fn a_place() -> (SocketAddr, String) {
    let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    (addr, format!("url: \"http://{addr}\""))
}

#[tokio::test]
async fn a_candidate_that_is_gone_is_left_alone_and_gets_copies_again_once_it_is_back() {
    let (addr, url) = a_place().await;
    let (_old, rig) = rig(&url, "shadow: {}").await;
    ask_until(&rig, "the breaker to open", async || is_open(&rig, COPIES).await).await;
    let failed = async || rig.metric("crossfade_requests_total", &["code=\"connect_error\""]).await;
    let dropped = async || rig.metric("crossfade_copies_dropped_total", &["reason=\"breaker_open\""]).await;
    let mut client = rig.client().await;
    let (failed_before, dropped_before) = (failed().await, dropped().await);
    assert!(failed_before >= 10.0, "ten in a row");
    for _ in 0..100 {
        ask(&mut client).await;
    }
    let probes = failed().await - failed_before;
    assert_eq!(dropped().await - dropped_before, 100.0 - probes);
    assert!(probes <= 10.0, "{probes} calls of a hundred");
    let new = Model::on(TcpListener::bind(addr).await.unwrap(), |_| Reply::text("back"));
    ask_until(&rig, "the breaker to close", async || !is_open(&rig, COPIES).await).await;
    let seen = new.seen().len();
    ask_until(&rig, "every copy to be sent", async || new.seen().len() >= seen + 5).await;
    let changes = "crossfade_breaker_changes_total";
    for state in ["state=\"open\"", "state=\"closed\""] {
        assert_eq!(rig.metric(changes, &["model=\"new\"", COPIES, state]).await, 1.0);
    }
}

#[tokio::test]
async fn a_candidate_that_hangs_is_left_alone_while_its_copies_fill_the_bound() {
    let gate = Gate::new();
    let new = Model::saying(Reply::text("at last").after(&gate)).await;
    let url = format!("url: \"{}\"", new.url());
    let (_old, rig) = rig(&url, "shadow: {deadline: 1h, budget: {in_flight: 4}}").await;
    ask_until(&rig, "the breaker to open", async || is_open(&rig, COPIES).await).await;
    let sent = new.seen().len();
    assert!((4..=5).contains(&sent), "the bound held before: {sent}");
    ask_until(&rig, "a probe beside the full bound", async || new.seen().len() > sent).await;
    gate.open();
    until("an answer to close it", async || !is_open(&rig, COPIES).await).await;
}

#[tokio::test]
async fn a_candidate_that_hangs_is_left_alone_though_too_few_copies_come_to_fill_the_bound() {
    let gate = Gate::new();
    let new = Model::saying(Reply::text("at last").after(&gate)).await;
    let (_old, rig) = rig(&format!("url: \"{}\"", new.url()), "shadow: {deadline: 1h}").await;
    let mut client = rig.client().await;
    // Traffic of a request in 400 ms: the fourth finds that the first has waited for more than a second.
    let mut pace = tokio::time::interval(Duration::from_millis(400));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = 0;
    while !is_open(&rig, COPIES).await {
        pace.tick().await;
        assert_eq!(ask(&mut client).await, (200, "legacy".to_owned()));
        asked += 1;
        assert!(asked <= 5, "it hangs for {asked} requests");
    }
    let left_alone = ["reason=\"breaker_open\""];
    let dropped = async || rig.metric("crossfade_copies_dropped_total", &left_alone).await;
    ask_until(&rig, "a copy to be dropped", async || dropped().await > 0.0).await;
    assert_eq!(rig.metric("crossfade_copies_dropped_total", &["reason=\"in_flight\""]).await, 0.0);
    gate.open();
    until("an answer to close it", async || !is_open(&rig, COPIES).await).await;
    let (seen, before) = (new.seen().len(), dropped().await);
    ask_until(&rig, "every copy to be sent", async || new.seen().len() >= seen + 5).await;
    assert_eq!(dropped().await, before);
}

#[tokio::test]
async fn a_candidate_that_comes_back_gets_copies_though_its_hung_ones_hold_the_bound() {
    let never = Gate::new();
    let hung = never.clone();
    let new = Model::start(move |seen| match seen.headers.get("x-hangs") {
        Some(_) => Reply::text("never").after(&hung),
        None => Reply::text("well"),
    })
    .await;
    let url = format!("url: \"{}\"", new.url());
    let (_old, rig) = rig(&url, "shadow: {deadline: 1h, budget: {in_flight: 4}}").await;
    let mut client = rig.client().await;
    until("the breaker to open", async || {
        client.post("/", &[("x-hangs", "1")], "body").await;
        is_open(&rig, COPIES).await
    })
    .await;
    ask_until(&rig, "the breaker to close", async || !is_open(&rig, COPIES).await).await;
    assert!(!never.is_open());
}

#[tokio::test]
async fn a_candidate_that_floods_is_left_alone() {
    let new = Wicked::start(Way::Huge).await;
    let (_old, rig) = rig(&format!("url: \"{}\"", new.url), "shadow: {}").await;
    ask_until(&rig, "the breaker to open", async || is_open(&rig, COPIES).await).await;
}

#[tokio::test]
async fn a_candidate_that_says_500_or_fails_now_and_then_is_not_left_alone() {
    let count = AtomicUsize::new(0);
    let new = Model::start(move |_| match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Reply::status(500),
        _ => Reply::reset(),
    })
    .await;
    let (_old, rig) = rig(&format!("url: \"{}\"", new.url()), "shadow: {}").await;
    let mut client = rig.client().await;
    for asked in 1..=60 {
        ask(&mut client).await;
        until("the copy", async || new.seen().len() == asked).await;
    }
    assert_eq!(rig.metric("crossfade_breaker_changes_total", &[]).await, 0.0);
    assert_eq!(rig.metric("crossfade_copies_dropped_total", &[]).await, 0.0);
}

#[tokio::test]
async fn a_url_that_is_dead_is_left_alone_and_the_models_other_url_gets_the_copies() {
    let (new, gone) = (Model::saying(Reply::text("alive")).await, Model::gone().await);
    let (_old, rig) = rig(&format!("url: [\"{gone}\", \"{}\"]", new.url()), "shadow: {}").await;
    ask_until(&rig, "one breaker to open", async || is_open(&rig, COPIES).await).await;
    let seen = new.seen().len();
    ask_until(&rig, "copies to the other", async || new.seen().len() > seen + 20).await;
    assert_eq!(rig.metric("crossfade_copies_dropped_total", &[]).await, 0.0);
    assert_eq!(rig.metric(OPEN, &["model=\"new\"", COPIES]).await, 1.0);
}

#[tokio::test]
async fn users_of_a_candidate_that_fails_are_answered_by_legacy_at_once_and_count_against_it() {
    let (addr, url) = a_place().await;
    let canary = "canary: {steps: [{weight: 100%}], fallback: legacy}";
    let (_old, rig) = rig(&format!("{url}, breaker: {{failures: 3, pause: 300ms}}"), canary).await;
    let unasked = ["arm=\"new\"", "code=\"breaker_open\""];
    let unasked = async || rig.metric("crossfade_requests_total", &unasked).await;
    ask_until(&rig, "calls that are not tried", async || unasked().await >= 5.0).await;
    assert!(is_open(&rig, ANSWERS).await);
    let new = Model::on(TcpListener::bind(addr).await.unwrap(), |_| Reply::text("candidate"));
    let mut client = rig.client().await;
    until("the candidate to answer", async || ask(&mut client).await.1 == "candidate").await;
    assert_eq!(ask(&mut client).await.1, "candidate", "as all the others");
    assert!(!is_open(&rig, ANSWERS).await && new.seen().len() >= 2);
    let records = rig.records().await;
    let fate = |record: &Value| record["observations"][0]["fate"].as_str().unwrap().to_owned();
    let left_alone = records.iter().filter(|record| fate(record) == "breaker_open");
    let left_alone: Vec<_> = left_alone.collect();
    assert!(left_alone.len() >= 5);
    for record in left_alone {
        assert_eq!((&record["assigned"], &record["served"]), (&"new".into(), &"old".into()));
        assert_eq!((&record["fallback"], &record["enrolled"]), (&true.into(), &true.into()));
    }
}

#[tokio::test]
async fn without_a_fallback_users_of_a_model_that_is_left_alone_are_told_to_try_again() {
    let (_addr, url) = a_place().await;
    let breaker = "breaker: {failures: 3, pause: 1h}";
    let (_old, rig) = rig(&format!("{url}, {breaker}"), "canary: {steps: [{weight: 100%}]}").await;
    let mut client = rig.client().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask(&mut client).await.0);
    }
    assert_eq!(statuses, [502, 502, 502, 503]);
    let got = client.post("/", &[("x-user-id", "u")], "body").await;
    assert_eq!((got.header("retry-after"), &got.json()["reason"]), (Some("1"), &"breaker_open".into()));
}

#[tokio::test]
async fn without_a_breaker_every_call_of_a_user_is_tried() {
    let (_addr, url) = a_place().await;
    let (_old, rig) = rig(&url, "canary: {steps: [{weight: 100%}]}").await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        assert_eq!(ask(&mut client).await.0, 502);
    }
    assert_eq!(rig.metric("crossfade_requests_total", &["code=\"connect_error\""]).await, 20.0);
}

#[tokio::test]
async fn a_model_that_a_reload_changes_begins_anew() {
    let (_addr, url) = a_place().await;
    let (old, rig) = rig(&url, "shadow: {}").await;
    ask_until(&rig, "the breaker to open", async || is_open(&rig, COPIES).await).await;
    rig.write_policy(&format!("models: {{old: {{url: \"{}\"}}}}\ndefault: old\n", old.url()));
    let reload = Arc::clone(rig.gateway().reload());
    tokio::task::spawn_blocking(move || reload.now().unwrap()).await.unwrap();
    ask_until(&rig, "the gauge to forget it", async || !is_open(&rig, COPIES).await).await;
}

#[tokio::test]
async fn a_call_that_never_reached_its_model_costs_nothing_and_tells_nothing_of_its_speed() {
    let new = Wicked::start(Way::BlackHole).await;
    let candidate = format!("url: \"{}\", timeout: {{connect: 50ms}}, cost: {{per_request: 1}}", new.url);
    let (_old, rig) = rig(&candidate, "shadow: {budget: {in_flight: 4}}").await;
    let failed = ["arm=\"new\"", "code=\"connect_error\""];
    ask_until(&rig, "a call that ends", async || rig.metric("crossfade_requests_total", &failed).await > 0.0)
        .await;
    assert!(rig.metric("crossfade_model_in_flight_requests", &["model=\"new\""]).await <= 4.0);
    assert_eq!(rig.metric("crossfade_model_connections_total", &["model=\"new\""]).await, 0.0);
    assert_eq!(rig.metric("crossfade_request_duration_seconds_count", &["arm=\"new\""]).await, 0.0);
    let records = rig.records().await;
    let legs = records.iter().flat_map(|record| record["observations"].as_array().unwrap());
    let failed: Vec<_> = legs.filter(|leg| leg["arm"] == "new").collect();
    assert!(!failed.is_empty() && failed.iter().all(|leg| leg.get("cost").is_none()), "{failed:?}");
}
