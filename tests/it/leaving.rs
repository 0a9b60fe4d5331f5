//! Clients that leave at every possible moment, and what must add up nevertheless.

use tokio::task::JoinSet;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::Wire;
use crate::rig::read_records;
use crate::rig::request;
use crate::rig::until;

/// Answers that fail, end early and come in pieces, one after the other.
async fn moody() -> Model {
    Model::start(|seen| match seen.body.len() % 5 {
        0 => Reply::status(500),
        1 => Reply::reset(),
        2 => Reply::steps(vec![Step::Data("begun".into()), Step::Break]),
        3 => Reply::text("x".repeat(2_000_000)),
        _ => Reply::text("ok"),
    })
    .await
}

async fn rig(strategy: &str) -> (Rig, [Model; 2]) {
    let models = [moody().await, moody().await];
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{{strategy}}}\n",
        models[0].url(),
        models[1].url()
    );
    let listen = "drain: 5s,";
    (Rig::start_with(&policy, listen, "body_cap: 1KiB").await, models)
}

/// Sends this much of a request and of the wish for its answer, then leaves.
async fn leave_http1(rig: &Rig, number: usize) {
    let size = number % 1_500;
    let text = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{}", "b".repeat(size));
    let sent = number * 37 % (text.len() + 1);
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(&text[..sent.max(1)]).await;
    for _ in 0..number % 7 {
        tokio::task::yield_now().await;
    }
    if number.is_multiple_of(3) {
        client.send(&text[sent.max(1)..]).await;
        for _ in 0..number % 11 {
            tokio::task::yield_now().await;
        }
    }
}

async fn leave_http2(rig: &Rig) {
    let mut client = Client::http2(rig.gateway().data_addr()).await;
    for number in 0..60 {
        let body = "b".repeat(number * 30);
        let asked = client.head(request("POST", "http://a.example/", &[], &body));
        let patience = std::time::Duration::from_micros(number as u64 * 50);
        // Dropping the call resets its stream and leaves the connection.
        if let Ok(Ok(answer)) = tokio::time::timeout(patience, asked).await
            && number % 2 == 0
        {
            let _ = http_body_util::BodyExt::collect(answer.into_body()).await;
        }
    }
}

async fn everything_adds_up(strategy: &str, copies_per_request: f64) {
    let (mut rig, _models) = rig(strategy).await;
    for number in 1..300 {
        leave_http1(&rig, number * 7).await;
    }
    leave_http2(&rig).await;
    until("every call's end", async || {
        let busy =
            ["crossfade_model_in_flight_requests", "crossfade_copies_in_flight", "crossfade_connections"];
        let mut sum = 0.0;
        for name in busy {
            sum += rig.metric(name, &[]).await;
        }
        sum == 0.0
    })
    .await;
    let assigned = rig.metric("crossfade_assigned_total", &[]).await;
    assert!(assigned > 100.0, "{assigned}");
    let copies = rig.metric("crossfade_copies_sent_total", &[]).await
        + rig.metric("crossfade_copies_dropped_total", &[]).await;
    let written = async || {
        rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await
            + rig.metric("crossfade_records_lost_total", &[]).await
    };
    until("every record", async || written().await == assigned).await;
    assert_eq!(copies, copies_per_request * assigned, "{strategy}: copies sent and dropped");
    assert_eq!(rig.metric("crossfade_copies_in_flight_bytes", &[]).await, 0.0);
    // A gateway that was left so often still serves.
    assert_eq!(rig.client().await.post("/", &[], "four").await.text(), "ok");
    let dir = rig.records_dir();
    rig.shut_down().await.unwrap();
    assert_eq!(read_records(&dir).len() as f64, assigned + 1.0);
}

#[tokio::test]
async fn whenever_clients_leave_a_shadowed_request_every_request_and_copy_is_accounted_for() {
    everything_adds_up("shadow: {control: 100%}", 2.0).await;
}

#[tokio::test]
async fn whenever_clients_leave_a_request_with_a_fallback_every_request_and_copy_is_accounted_for() {
    everything_adds_up("ab: {arms: {old: 50%, new: 50%}, pair: 100%, fallback: legacy}", 1.0).await;
}

#[tokio::test]
async fn stopped_under_load_the_log_holds_every_answered_request_once() {
    for drain in ["5s", "0ms", "3ms", "20ms"] {
        let model = Model::saying(Reply::text("ok")).await;
        let policy = format!(
            "models: {{m: {{url: \"{0}\"}}}}\nexperiments:\n  - {{name: e, legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}\n",
            model.url()
        );
        let mut rig = Rig::start_with(&policy, &format!("drain: {drain},"), "").await;
        let mut load = JoinSet::new();
        for _ in 0..8 {
            let mut client = rig.client().await;
            load.spawn(async move {
                let mut ids = Vec::new();
                while let Ok(got) = client.try_send(request("POST", "/", &[], "body")).await {
                    ids.push(got.header("crossfade-id").unwrap().to_owned());
                }
                ids
            });
        }
        until("some load", async || rig.metric("crossfade_assigned_total", &[]).await > 50.0).await;
        let dir = rig.records_dir();
        rig.shut_down().await.unwrap();
        let answered: Vec<String> = load.join_all().await.concat();
        let records = read_records(&dir);
        let mut ids: Vec<&str> =
            records.iter().map(|record| record["request_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{drain}: a request twice");
        for id in &answered {
            assert!(
                ids.binary_search(&id.as_str()).is_ok(),
                "{drain}: {id} was answered and is not on record"
            );
        }
        for record in &records {
            let copies = record["observations"].as_array().unwrap().iter();
            let copies = copies.filter(|leg| leg["role"] == "shadow").count();
            let dropped = record["dropped"].as_array().map_or(0, Vec::len);
            assert_eq!(copies + dropped, 1, "{drain}: {record}");
        }
    }
}
