//! Which fields pass, in heads and in trailers, over HTTP/1 and from HTTP/2.

use http_body_util::BodyExt;

use crate::rig::Client;
use crate::rig::request;
use crate::strict::connect;
use crate::strict::ok;
use crate::strict::start;

#[tokio::test]
async fn nominating_a_field_takes_off_nothing_that_is_meant_for_the_other_end() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    let kept = [
        "host: a",
        "authorization: Bearer t",
        "content-length: 5",
        "content-type: text/plain",
        "cookie: c=d",
        "content-encoding: identity",
        "cache-control: no-store",
        "x-kept: yes",
    ];
    let nominated = "connection: host, authorization, content-length, content-type, content-encoding, cookie, \
         cache-control, transfer-encoding, via, x-forwarded-for, X-Dropped\r\nconnection: x-dropped-too, ,close";
    let dropped = "x-dropped: 1\r\nx-dropped-too: 1\r\nkeep-alive: 5\r\nproxy-connection: close";
    client
        .send(&format!("POST / HTTP/1.1\r\n{}\r\n{nominated}\r\n{dropped}\r\n\r\nhello", kept.join("\r\n")))
        .await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_message().await;
    for line in kept {
        assert!(asked.contains(&format!("{line}\r\n")), "{line}: {asked}");
    }
    assert!(asked.contains("\r\nvia: ") && asked.contains("\r\nx-forwarded-for: "), "{asked}");
    for name in ["x-dropped", "x-dropped-too", "keep-alive", "proxy-connection", "connection"] {
        assert!(!asked.contains(&format!("\r\n{name}:")), "{name}: {asked}");
    }
    let kept = ["content-type: text/plain", "set-cookie: a=b", "set-cookie: c=d", "cache-control: no-store"];
    let nominated = "connection: content-type, set-cookie, cache-control, content-length, x-dropped";
    let fields = format!("{}\r\n{nominated}\r\nx-dropped: 1\r\nproxy-connection: x", kept.join("\r\n"));
    upstream.send(&format!("HTTP/1.1 200 OK\r\n{fields}\r\ncontent-length: 2\r\n\r\nok")).await;
    let answer = client.read_message().await;
    for line in kept {
        assert!(answer.contains(&format!("{line}\r\n")), "{line}: {answer}");
    }
    assert!(!answer.contains("x-dropped") && !answer.contains("proxy-connection"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn the_authority_of_the_target_goes_before_the_host_field() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    client.send("GET http://real.example:81/x?y HTTP/1.1\r\nhost: other.example\r\n\r\n").await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_message().await;
    assert!(asked.starts_with("GET /x?y HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("\r\nhost: real.example:81\r\n") && !asked.contains("other.example"), "{asked}");
    upstream.send(&ok("ok")).await;
    assert!(client.read_message().await.ends_with("ok"));
}

#[tokio::test]
async fn trailers_pass_both_ways_without_fields_that_belong_into_a_head() {
    let (rig, model) = start().await;
    let mut client = connect(&rig).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nte: trailers, gzip\r\ntrailer: x-sum, host\r\ntransfer-encoding: chunked";
    client.send(&format!("{head}\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\n")).await;
    let mut upstream = model.accept().await;
    let asked = upstream.read_until(|text| text.contains("\r\n0\r\n") && text.ends_with("\r\n\r\n")).await;
    assert!(
        asked.contains("\r\nte: trailers\r\n") && asked.contains("\r\ntrailer: x-sum, host\r\n"),
        "{asked}"
    );
    assert!(asked.ends_with("\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n"), "{asked}");
    let head = "HTTP/1.1 200 OK\r\ntrailer: x-status, content-length\r\ntransfer-encoding: chunked\r\n\r\n";
    upstream.send(&format!("{head}2\r\nok\r\n0\r\nx-status: 0\r\ncontent-length: 9\r\n\r\n")).await;
    let answer = client.read_until(|text| text.contains("\r\n0\r\n") && text.ends_with("\r\n\r\n")).await;
    assert!(answer.contains("\r\ntrailer: x-status, content-length\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n2\r\nok\r\n0\r\nx-status: 0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn trailers_of_an_http1_answer_reach_an_http2_client() {
    let (rig, model) = start().await;
    let mut client = Client::http2(rig.gateway().data_addr()).await;
    let asking = client.head(request("POST", "http://a.example/", &[("te", "trailers")], "hello"));
    let answering = async {
        let mut upstream = model.accept().await;
        assert!(upstream.read_message().await.contains("\r\nte: trailers\r\n"));
        upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
        upstream.send("0\r\ngrpc-status: 0\r\nconnection: close\r\ncontent-length: 9\r\n\r\n").await;
        upstream
    };
    let (answer, _upstream) = tokio::join!(asking, answering);
    let collected = answer.unwrap().into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap();
    assert_eq!(collected.to_bytes(), "ok");
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["grpc-status"], "0");
}
