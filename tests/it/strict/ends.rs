//! How messages and connections end: versions, pipelines, half-closed connections, answers that come early.

use std::time::Duration;

use tokio::time::timeout;

use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::until;
use crate::strict::connect;
use crate::strict::ok;
use crate::strict::start;

#[tokio::test]
async fn an_http_1_0_client_keeps_its_connection_only_if_it_asks_to() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    let mut upstream = None;
    for (fields, kept) in [("connection: keep-alive\r\n", true), ("", false)] {
        client.send(&format!("GET / HTTP/1.0\r\n{fields}\r\n")).await;
        if upstream.is_none() {
            upstream = Some(model.accept().await);
        }
        let wire = upstream.as_mut().unwrap();
        let asked = wire.read_message().await;
        assert!(asked.starts_with("GET / HTTP/1.1\r\n") && asked.contains("via: 1.0 crossfade"), "{asked}");
        wire.send(&ok("hello")).await;
        let answer = client.read_message().await;
        assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("hello"), "{answer}");
        assert_eq!(answer.contains("connection: keep-alive"), kept, "{answer}");
    }
    client.closed().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    let requests: Vec<String> =
        (0..5).map(|number| format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    client.send(&requests.concat()).await;
    let mut upstream = model.accept().await;
    for number in 0..5 {
        let asked = upstream.read_message().await;
        assert!(asked.starts_with(&format!("GET /{number} ")), "{asked}");
        upstream.send(&ok(&format!("answer {number}"))).await;
    }
    for number in 0..5 {
        assert!(client.read_message().await.ends_with(&format!("answer {number}")));
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_still_gets_its_answer() {
    let (rig, model) = start().await;
    for answer in [
        ok("hello"),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
    ] {
        let mut client = connect(&rig).await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi").await;
        client.finish().await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        upstream.send(&answer).await;
        let got = client.read_to_end().await;
        assert!(got.starts_with("HTTP/1.1 200") && got.contains("hello"), "{got}");
        drop(upstream);
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_side_may_wait_for_a_slow_model() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi").await;
    client.finish().await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    // Whoever has left has been found out by the second time that it is asked whether it listens.
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    client.read_until(|text| text == [interim, interim].concat()).await;
    upstream.send(&ok("at last")).await;
    let got = client.read_to_end().await;
    let answer = got.trim_start_matches(interim);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("at last"), "{got}");
    assert_eq!(rig.metric("crossfade_requests_total", &["code=\"cancelled\""]).await, 0.0);
}

#[tokio::test]
async fn a_client_that_left_is_noticed_before_its_answer_comes() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    drop(client);
    upstream.closed().await;
    let cancelled = ["code=\"cancelled\""];
    until("the call's end", async || rig.metric("crossfade_requests_total", &cancelled).await == 1.0).await;
    assert_eq!(rig.metric("crossfade_model_in_flight_requests", &[]).await, 0.0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (rig, model) = start().await;
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let mut client = connect(&rig).await;
        client.send(request).await;
        let mut upstream = model.accept().await;
        upstream.read_until(|text| text.contains("hello")).await;
        client.finish().await;
        // The model's connection ends in the middle of the request, which a last chunk would hide.
        let torn = upstream.read_to_end().await;
        assert!(torn.contains("hello") && !torn.ends_with("0\r\n\r\n"), "{torn}");
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_reads_only_when_it_has_sent_everything() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    let size = 12 << 20;
    client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n")).await;
    let mut upstream = model.accept().await;
    upstream.read_until(|text| text.ends_with("\r\n\r\n")).await;
    upstream.send("HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nearly").await;
    for _ in 0..12 {
        client.send(&"x".repeat(1 << 20)).await;
    }
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.ends_with("early"), "{answer}");
    upstream.closed().await;
}

#[tokio::test]
async fn the_rest_of_an_answered_request_is_not_read_for_ever() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let mut upstream = model.accept().await;
    upstream.read_until(|text| text.ends_with("\r\n\r\n")).await;
    upstream.send("HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nearly").await;
    client.read_until(|text| text.ends_with("early")).await;
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x100000));
    let endless = async { while client.send_if_open(&chunk).await {} };
    timeout(Duration::from_secs(10), endless).await.expect("somebody reads it all");
    until("the connection's end", async || rig.metric("crossfade_connections", &[]).await == 0.0).await;
}

#[tokio::test]
async fn the_rest_of_an_answered_request_is_not_waited_for_for_ever() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
    let mut upstream = model.accept().await;
    upstream.read_until(|text| text.ends_with("hello")).await;
    upstream.send("HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nearly").await;
    assert!(client.read_to_end().await.ends_with("early"));
    // The client sends no more and does not close either.
    until("the connection's end", async || rig.metric("crossfade_connections", &[]).await == 0.0).await;
}

#[tokio::test]
async fn a_stream_that_its_client_ends_after_the_answer_is_not_reset() {
    let (rig, model) = start().await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    let fields = [http2::request_fields("POST", "/"), http2::field("content-length", "5")].concat();
    let head = http2::frame(http2::HEADERS, http2::END_HEADERS, 1, &fields);
    client.send(&[head, http2::frame(http2::DATA, 0, 1, b"hello")].concat()).await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_message().await;
    assert!(asked.ends_with("hello"), "{asked}");
    upstream.send(&ok("whole")).await;
    while client.next_of(http2::DATA, 1).await.flags & http2::END_STREAM == 0 {}

    // What comes before the answer to a ping was sent before it.
    client.send(&http2::frame(http2::PING, 0, 0, &[7; 8])).await;
    loop {
        let frame = client.next().await.unwrap();
        assert_ne!(frame.kind, http2::RST_STREAM, "{frame:?}");
        if frame.kind == http2::PING {
            break;
        }
    }
    client.send(&http2::frame(http2::DATA, http2::END_STREAM, 1, b"")).await;
    client.send(&http2::request_head(3, http2::END_STREAM, "GET", "/")).await;
    upstream.read_message().await;
    upstream.send(&ok("again")).await;
    assert_eq!(client.next_of(http2::DATA, 3).await.payload, b"again");
}
