//! Clients that ask before they send: told to go on when the model wants the body, and not otherwise.

use crate::strict::connect;
use crate::strict::does_not;
use crate::strict::ok;
use crate::strict::start;

const ASKING: &str = "POST / HTTP/1.1\r\nhost: a\r\nExpect: 100-Continue\r\ncontent-length: 5\r\n\r\n";

#[tokio::test]
async fn a_client_is_told_to_go_on_when_the_model_is_willing() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(ASKING).await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_until(|text| text.ends_with("\r\n\r\n")).await;
    assert!(asked.contains("\r\nexpect: 100-Continue\r\n"), "{asked}");
    does_not("the model has not said so", client.read_until(|text| !text.is_empty())).await;
    upstream.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    client.read_until(|text| text == "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("hello").await;
    upstream.read_until(|text| text.ends_with("\r\n\r\nhello")).await;
    upstream.send(&ok("thanks")).await;
    let answer = client.read_until(|text| text.ends_with("thanks")).await;
    assert_eq!(answer.matches("HTTP/1.1 100").count(), 1, "{answer}");
}

#[tokio::test]
async fn a_model_that_never_says_so_gets_the_body_after_a_while() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(ASKING).await;
    let mut upstream = model.accept().await;
    client.read_until(|text| text == "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("hello").await;
    upstream.read_until(|text| text.ends_with("\r\n\r\nhello")).await;
    upstream.send(&ok("thanks")).await;
    client.read_until(|text| text.ends_with("thanks")).await;
}

#[tokio::test]
async fn a_model_that_refuses_at_once_makes_nobody_send_a_body() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(ASKING).await;
    let mut upstream = model.accept().await;
    upstream.read_until(|text| text.ends_with("\r\n\r\n")).await;
    upstream.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno").await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.ends_with("no"), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
    upstream.closed().await;
}

#[tokio::test]
async fn a_client_is_not_told_to_go_on_when_nobody_can_take_its_body() {
    let (rig, model) = start().await;
    drop(model);
    let mut client = connect(&rig).await;
    client.send(ASKING).await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 502") && !answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn an_unknown_expectation_is_417() {
    let (rig, _model) = start().await;
    for expectation in ["200-ok", "100-continue, more", "100-continue\r\nexpect: more"] {
        let mut client = connect(&rig).await;
        client.send(&ASKING.replace("100-Continue", expectation)).await;
        let answer = client.read_message().await;
        assert!(answer.starts_with("HTTP/1.1 417") && answer.contains("\"expectation\""), "{answer}");
        client.closed().await;
    }
}

#[tokio::test]
async fn the_expectation_of_an_http_1_0_client_is_overlooked() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send(&format!("{}hello", ASKING.replace("HTTP/1.1", "HTTP/1.0"))).await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_message().await;
    assert!(asked.ends_with("hello") && !asked.contains("xpect"), "{asked}");
    upstream.send(&ok("thanks")).await;
    assert!(client.read_message().await.ends_with("thanks"));
}
