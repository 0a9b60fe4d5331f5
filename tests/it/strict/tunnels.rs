//! Upgrades: a tunnel opens when it was asked for and granted, and goes to one model only.

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::until;
use crate::strict::connect;
use crate::strict::ok;
use crate::strict::start;

const ASK: &str = "GET /socket HTTP/1.1\r\nhost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
    sec-websocket-key: k\r\n\r\n";

const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-accept: a\r\n\r\n";

/// Opens a tunnel to the model that is asked.
async fn open(rig: &Rig, model: &WireModel) -> (Wire, Wire) {
    let mut client = connect(rig).await;
    client.send(ASK).await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_message().await;
    assert!(asked.contains("\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n"), "{asked}");
    upstream.send(GRANTED).await;
    let granted = client.read_message().await;
    assert!(granted.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{granted}");
    for line in ["connection: upgrade\r\n", "upgrade: websocket\r\n", "sec-websocket-accept: a\r\n"] {
        assert!(granted.contains(line), "{granted}");
    }
    (client, upstream)
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_counts_while_it_is_open() {
    let (rig, model) = start().await;
    let (mut client, mut upstream) = open(&rig, &model).await;
    // No line of it is HTTP's, and none of it is looked at.
    for text in ["GET / HTTP/1.1\n\n", "\0\r\x01", "HTTP/1.1 200 OK\r\n\r\n"] {
        client.send(text).await;
        upstream.read_until(|read| read.ends_with(text)).await;
        upstream.send(text).await;
        client.read_until(|read| read.ends_with(text)).await;
    }
    assert_eq!(rig.metric("crossfade_model_in_flight_requests", &[]).await, 1.0);
    assert_eq!(rig.metric("crossfade_connections", &[]).await, 1.0);
    drop(upstream);
    client.closed().await;
    drop(client);
    until("the tunnel's end", async || {
        let gauges = ["crossfade_model_in_flight_requests", "crossfade_connections"];
        rig.metric(gauges[0], &[]).await + rig.metric(gauges[1], &[]).await == 0.0
    })
    .await;
    assert_eq!(rig.metric("crossfade_requests_total", &["code=\"1xx\""]).await, 1.0);
}

#[tokio::test]
async fn bytes_that_come_with_the_heads_are_the_tunnels() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(&format!("{ASK}early\n")).await;
    let mut upstream = model.accept().await;
    upstream.read_until(|text| text.ends_with("\r\n\r\n")).await;
    upstream.send(&format!("{GRANTED}welcome\n")).await;
    client.read_until(|text| text.ends_with("\r\n\r\nwelcome\n")).await;
    upstream.read_until(|text| text.ends_with("\r\n\r\nearly\n")).await;
}

#[tokio::test]
async fn each_side_of_a_tunnel_may_end_before_the_other() {
    let (rig, model) = start().await;
    let (mut client, mut upstream) = open(&rig, &model).await;
    client.send("last words").await;
    client.finish().await;
    assert_eq!(upstream.read_to_end().await, "last words");
    upstream.send("answer").await;
    upstream.finish().await;
    assert_eq!(client.read_to_end().await, "answer");
}

#[tokio::test]
async fn a_tunnel_that_nobody_uses_ends() {
    let model = WireModel::start().await;
    let policy =
        format!("models: {{m: {{url: \"{}\", timeout: {{idle: 200ms}}}}}}\ndefault: m\n", model.url());
    let rig = Rig::start(&policy).await;
    let (mut client, mut upstream) = open(&rig, &model).await;
    client.closed().await;
    upstream.closed().await;
    until("the call's end", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0)
        .await;
}

#[tokio::test]
async fn a_tunnel_lasts_to_the_end_of_the_drain_and_no_longer() {
    let model = WireModel::start().await;
    let policy = format!("models: {{m: {{url: \"{}\"}}}}\ndefault: m\n", model.url());
    let mut rig = Rig::start_with(&policy, " drain: 300ms,", "").await;
    let (mut client, mut upstream) = open(&rig, &model).await;
    let shut = rig.shut_down();
    client.send("still here").await;
    upstream.read_until(|text| text.ends_with("still here")).await;
    client.closed().await;
    upstream.closed().await;
    shut.await.unwrap();
}

#[tokio::test]
async fn a_tunnel_that_was_not_asked_for_is_the_models_failure() {
    let (rig, model) = start().await;
    let plain = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    for (request, answer) in [
        (plain, GRANTED.to_owned()),
        (ASK, GRANTED.replace("websocket\r\n", "other\r\n")),
        (ASK, GRANTED.replace("websocket\r\n", "websocket, other\r\n")),
        (ASK, GRANTED.replace("upgrade: websocket\r\n", "")),
    ] {
        let mut client = connect(&rig).await;
        client.send(request).await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        upstream.send(&answer).await;
        let got = client.read_message().await;
        assert!(got.starts_with("HTTP/1.1 502"), "{request}{answer}{got}");
        upstream.closed().await;
    }
}

#[tokio::test]
async fn a_tunnel_that_is_refused_closes_the_connection_after_the_answer() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    // What follows was sent in the hope of a tunnel and is nobody's request.
    client.send(&format!("{ASK}GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    upstream.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("no"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    // The model's connection is free for others.
    let mut other = connect(&rig).await;
    other.send("GET /next HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(upstream.read_message().await.starts_with("GET /next "));
    upstream.send(&ok("next")).await;
    assert!(other.read_message().await.ends_with("next"));
}

#[tokio::test]
async fn a_wish_that_is_not_a_tunnels_is_overlooked() {
    let (rig, model) = start().await;
    let h2c = ASK.replace("WebSocket", "h2c\r\nhttp2-settings: AAMAAABkAAQAAP__");
    let unnamed = ASK.replace(", Upgrade", "");
    let older = ASK.replace("HTTP/1.1", "HTTP/1.0");
    let with_body = ASK.replace("sec-websocket-key: k\r\n\r\n", "content-length: 5\r\n\r\nhello");
    for (request, kept) in [(h2c, true), (unnamed, false), (older, true), (with_body, false)] {
        let mut client = connect(&rig).await;
        client.send(&request).await;
        let mut upstream = model.accept().await;
        let asked = upstream.read_message().await.to_lowercase();
        assert!(!asked.contains("\r\nupgrade:") && !asked.contains("http2-settings"), "{request}{asked}");
        upstream.send(&ok("plain")).await;
        let answer = client.read_message().await;
        assert!(answer.ends_with("plain"), "{request}{answer}");
        assert_eq!(answer.contains("connection: close"), !kept, "{request}{answer}");
        upstream.send_if_open("end of the round").await;
        upstream.closed().await;
    }
}

fn experiment(old: &str, new: &str, strategy: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{old}\"}}\n  new: {{url: \"{new}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{{strategy}}}\n"
    )
}

#[tokio::test]
async fn a_tunnel_goes_to_the_answering_arm_and_is_never_copied() {
    let (legacy, candidate) = (WireModel::start().await, WireModel::start().await);
    for (strategy, arm) in [
        ("shadow: {sample: 100%, control: 100%}", &legacy),
        ("ab: {arms: {old: 0%, new: 100%}, pair: 100%}", &candidate),
    ] {
        let rig = Rig::start(&experiment(&legacy.url(), &candidate.url(), strategy)).await;
        let (mut client, mut upstream) = open(&rig, arm).await;
        client.send("hello").await;
        upstream.read_until(|text| text.ends_with("hello")).await;
        let sent = rig.metric("crossfade_copies_sent_total", &[]).await;
        let dropped = rig.metric("crossfade_copies_dropped_total", &["reason=\"upgrade\""]).await;
        assert_eq!((sent, dropped > 0.0), (0.0, true), "{strategy}");
        drop((client, upstream));
        let records = rig.records().await;
        assert_eq!(records.len(), 1, "{strategy}");
        assert_eq!(records[0]["dropped"][0]["reason"], "upgrade", "{}", records[0]);
    }
}

#[tokio::test]
async fn a_tunnel_is_never_asked_for_twice() {
    let candidate = WireModel::start().await;
    let legacy = Model::saying(Reply::text("legacy")).await;
    let strategy = "ab: {arms: {old: 0%, new: 100%}, fallback: legacy}";
    let rig = Rig::start(&experiment(&legacy.url(), &candidate.url(), strategy)).await;
    let mut client = connect(&rig).await;
    client.send(ASK).await;
    let mut upstream = candidate.accept().await;
    upstream.read_message().await;
    upstream.send("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops").await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.ends_with("oops"), "{answer}");
    assert!(legacy.seen().is_empty());
}

#[tokio::test]
async fn a_tunnel_is_never_mixed() {
    let legacy = WireModel::start().await;
    let candidate = Model::saying(Reply::text("never")).await;
    let strategy = "interleave: {items: \"$.results[*]\", id: $.id, depth: 5, deadline: 1s, credit: click}";
    let outcome = "    outcomes: {click: {type: click, window: 1h, absent: none}}\n";
    let policy = experiment(&legacy.url(), &candidate.url(), strategy) + outcome;
    let rig = Rig::start(&policy).await;
    let (mut client, mut upstream) = open(&rig, &legacy).await;
    upstream.send("only me").await;
    client.read_until(|text| text.ends_with("only me")).await;
    assert!(candidate.seen().is_empty());
    drop((client, upstream));
    let records = rig.records().await;
    assert_eq!(
        (&records[0]["served"], &records[0]["degraded"]),
        (&"old".into(), &"no_list".into()),
        "{}",
        records[0]
    );
}
