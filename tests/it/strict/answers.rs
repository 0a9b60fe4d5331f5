//! Answers that cannot be trusted: the model's failure, and nobody's answer, however they are cut.

use crate::rig::Client;
use crate::rig::Wire;
use crate::rig::request;
use crate::rig::until;
use crate::strict::connect;
use crate::strict::ok;
use crate::strict::start;

const ASK: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn an_answer_that_can_be_read_in_two_ways_is_the_models_failure() {
    let (rig, model) = start().await;
    let flood = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(33);
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\ncontent-length: 5\n\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nx: y\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nx: y\r\n z\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello".to_owned(),
        "hello\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n".to_owned(),
        format!("{flood}{}", ok("hello")),
    ];
    for answer in &answers {
        let mut client = connect(&rig).await;
        client.send(ASK).await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        upstream.send_if_open(answer).await;
        let got = client.read_message().await;
        assert!(got.starts_with("HTTP/1.1 502") && got.contains("\"reset\""), "{answer:?}: {got}");
        upstream.closed().await;
        // The client's own connection is none the worse.
        client.send(ASK).await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        upstream.send(&ok("hello")).await;
        assert!(client.read_message().await.ends_with("hello"), "{answer:?}");
        upstream.send_if_open("end of the round").await;
        upstream.closed().await;
    }
    let counted = rig.metric("crossfade_requests_total", &["code=\"reset\""]).await;
    assert_eq!(counted, answers.len() as f64);
}

#[tokio::test]
async fn an_answer_that_comes_in_pieces_is_looked_at_as_a_whole() {
    let (rig, model) = start().await;
    let good = "HTTP/1.1 103 Early\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\n\r\n";
    let bad = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok";
    for (answer, status) in [(good, 200), (bad, 502)] {
        let mut client = connect(&rig).await;
        client.send(ASK).await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        for byte in answer.chars() {
            upstream.send_if_open(&byte.to_string()).await;
            tokio::task::yield_now().await;
        }
        let got = client.read_until(|text| text.ends_with("0\r\n\r\n") || text.ends_with('}')).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{answer:?}: {got}");
        upstream.send_if_open("end of the round").await;
        upstream.closed().await;
    }
}

#[tokio::test]
async fn interim_answers_are_consumed() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(ASK).await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    for interim in ["100 Continue", "102 Processing", "103 Early Hints\r\nlink: x"] {
        upstream.send(&format!("HTTP/1.1 {interim}\r\n\r\n")).await;
    }
    upstream.send(&ok("hello")).await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
}

/// Has one client served, over a connection that is kept, with these bytes after its answer.
async fn serve_with_surplus(client: &mut Wire, upstream: &mut Wire, surplus: &str) {
    client.send(ASK).await;
    upstream.read_message().await;
    upstream.send(&format!("{}{surplus}", ok("mine"))).await;
    assert!(client.read_message().await.ends_with("mine"));
}

#[tokio::test]
async fn surplus_bytes_end_the_models_connection_and_are_nobodys_answer() {
    let (rig, model) = start().await;
    let stolen = ok("stolen");
    for surplus in ["x", "\r\n", stolen.as_str()] {
        for in_the_same_packet in [true, false] {
            let mut client = connect(&rig).await;
            client.send(ASK).await;
            let mut upstream = model.accept().await;
            upstream.read_message().await;
            upstream.send(&ok("first")).await;
            assert!(client.read_message().await.ends_with("first"));
            if in_the_same_packet {
                serve_with_surplus(&mut client, &mut upstream, surplus).await;
            } else {
                serve_with_surplus(&mut client, &mut upstream, "").await;
                upstream.send(surplus).await;
            }
            upstream.closed().await;
            let mut other = connect(&rig).await;
            other.send(ASK).await;
            let mut upstream = model.accept().await;
            upstream.read_message().await;
            upstream.send(&ok("theirs")).await;
            let answer = other.read_message().await;
            assert!(answer.ends_with("theirs"), "{surplus:?}: {answer}");
            upstream.send("end of the round").await;
            upstream.closed().await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_ends_cleanly() {
    let (rig, model) = start().await;
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nbad\n",
    ] {
        for http2 in [false, true] {
            let addr = rig.gateway().data_addr();
            let mut client = if http2 { Client::http2(addr).await } else { Client::http1(addr).await };
            let asking = client.try_send(request("GET", "http://a.example/", &[], ""));
            let answering = async {
                let mut upstream = model.accept().await;
                upstream.read_message().await;
                upstream.send(answer).await;
            };
            let (torn, ()) = tokio::join!(asking, answering);
            assert!(torn.is_err(), "{answer:?} over HTTP/2 {http2}: ended cleanly with {torn:?}");
        }
    }
    let truncated = async || rig.metric("crossfade_requests_total", &["code=\"truncated\""]).await;
    until("ten truncated answers", async || truncated().await == 10.0).await;
}

#[tokio::test]
async fn a_client_that_takes_the_end_of_its_connection_for_the_answers_is_not_deceived() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let head = client.read_until(|text| text.ends_with("hello")).await;
    assert!(head.starts_with("HTTP/1.0 200 OK") && !head.contains("content-length"), "{head}");
    drop(upstream);
    client.reset().await;
}

#[tokio::test]
async fn an_answer_without_content_says_no_length_of_it() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    for method in ["GET", "HEAD"] {
        client.send(&ASK.replace("GET", method)).await;
        let mut upstream = model.accept().await;
        upstream.read_message().await;
        upstream.send("HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\n").await;
        let answer = client.read_message().await;
        assert!(
            answer.starts_with("HTTP/1.1 204") && !answer.contains("content-length"),
            "{method}: {answer}"
        );
        upstream.send_if_open("end of the round").await;
        upstream.closed().await;
    }
}

#[tokio::test]
async fn an_answer_of_an_http_1_0_model_ends_with_its_connection() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(ASK).await;
    let mut upstream = model.accept().await;
    upstream.read_message().await;
    upstream.send("HTTP/1.0 200 OK\r\n\r\nhello\r\n\nworld").await;
    drop(upstream);
    let answer = client.read_until(|text| text.ends_with("0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("hello\r\n\nworld"), "{answer}");
}
