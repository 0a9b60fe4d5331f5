//! Requests that could be read in two ways: refused with a word for it, counted, and nothing after them is read.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::http2::DATA;
use crate::rig::http2::END_HEADERS;
use crate::rig::http2::END_STREAM;
use crate::rig::http2::Frames;
use crate::rig::http2::HEADERS;
use crate::rig::http2::field;
use crate::rig::http2::frame;
use crate::rig::http2::request_fields;
use crate::rig::http2::request_head;
use crate::rig::until;
use crate::strict::connect;
use crate::strict::passthrough;

const GOOD: &str = "GET /good HTTP/1.1\r\nhost: a\r\n\r\n";

/// What is refused: the status, the word for it, the request.
fn refused() -> Vec<(u16, &'static str, String)> {
    let post = |fields: &str| format!("POST /bad HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
    let large = "x".repeat(70_000);
    vec![
        (400, "host", "GET /bad HTTP/1.1\r\n\r\n".to_owned()),
        (400, "host", "GET http://a/bad HTTP/1.1\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost:\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: a b\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: a/b\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: user@a\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: a:b\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: a, b\r\n\r\n".to_owned()),
        (400, "host", "GET /bad HTTP/1.1\r\nhost: [::1\r\n\r\n".to_owned()),
        (400, "host", "GET http://user@a/bad HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (400, "transfer_encoding", post("content-length: 3\r\ntransfer-encoding: chunked\r\n")),
        (400, "transfer_encoding", post("transfer-encoding: chunked\r\ncontent-length: 3\r\n")),
        (400, "transfer_encoding", post("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n")),
        (400, "transfer_encoding", "POST /bad HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()),
        (501, "transfer_coding", post("transfer-encoding: gzip, chunked\r\n")),
        (501, "transfer_coding", post("transfer-encoding: gzip\r\n")),
        (501, "transfer_coding", post("transfer-encoding: xchunked\r\n")),
        (501, "transfer_coding", post("transfer-encoding: chunked, identity\r\n")),
        (400, "content_length", post("content-length: 3\r\ncontent-length: 3\r\n")),
        (400, "content_length", post("content-length: 3\r\ncontent-length: 4\r\n")),
        (400, "content_length", post("content-length: 3, 3\r\n")),
        (400, "content_length", post("content-length: +3\r\n")),
        (400, "content_length", post("content-length: -3\r\n")),
        (400, "content_length", post("content-length: three\r\n")),
        (400, "content_length", post("content-length: 18446744073709551615\r\n")),
        (400, "field", post("x: folded\r\n line\r\n")),
        (400, "field", post(" content-length: 3\r\n")),
        (400, "field", post("content-length : 3\r\n")),
        (400, "field", post("x: a\0b\r\n")),
        (400, "field", post("x: a\rb\r\n")),
        (400, "field", post("Transfer-Encoding\t: chunked\r\n")),
        (400, "line_end", post("x: lone\n")),
        (400, "line_end", "GET /bad HTTP/1.1\nhost: a\n\n".to_owned()),
        (505, "version", "GET /bad HTTP/1.2\r\nhost: a\r\n\r\n".to_owned()),
        (505, "version", "GET /bad HTTP/3.0\r\nhost: a\r\n\r\n".to_owned()),
        (400, "first_line", "GET /bad\r\n\r\n".to_owned()),
        (400, "first_line", "GET /bad HTTP/one\r\nhost: a\r\n\r\n".to_owned()),
        (501, "connect", "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".to_owned()),
        (400, "first_line", "GET bad HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (400, "first_line", "GET bad:80 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (400, "first_line", "GET * HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (400, "first_line", "GET /bad#part HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (400, "first_line", "MALFORMED /version HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
        (414, "target_too_long", format!("GET /{large} HTTP/1.1\r\nhost: a\r\n\r\n")),
        (431, "head_too_large", post(&format!("x: {large}\r\n"))),
        (431, "too_many_fields", post(&"x: y\r\n".repeat(101))),
    ]
}

async fn start() -> (Rig, Model) {
    let model = Model::start(|seen| Reply::text(seen.uri.path())).await;
    let rig = Rig::start(&passthrough(&model.url())).await;
    (rig, model)
}

/// Checks that the next message is this refusal and the last one.
async fn check(client: &mut Wire, status: u16, reason: &str, request: &str) {
    let answer = client.read_message().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(head.split(' ').nth(1), Some(status.to_string().as_str()), "{request:?}: {answer}");
    assert!(head.contains("connection: close"), "{request:?}: {answer}");
    let said: Value = serde_json::from_str(body).unwrap();
    assert_eq!(said["reason"], reason, "{request:?}: {answer}");
    assert_eq!(client.read_to_end().await, "", "{request:?}: nothing is answered after it");
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read() {
    let (rig, model) = start().await;
    for (status, reason, request) in refused() {
        let mut client = connect(&rig).await;
        client.send(&request).await;
        client.send_if_open(&format!("abc{GOOD}")).await;
        check(&mut client, status, reason, &request).await;
    }
    assert!(model.seen().is_empty(), "{:?}", model.seen());
    for (status, reason, _) in refused() {
        let labels = [format!("code=\"{status}\""), format!("reason=\"{reason}\"")];
        let counted = rig.metric("crossfade_gateway_answers_total", &[&labels[0], &labels[1]]).await;
        let expected = refused().iter().filter(|it| it.1 == reason).count();
        assert_eq!(counted, expected as f64, "{reason}");
    }
}

#[tokio::test]
async fn what_stands_before_a_refused_request_in_one_packet_is_answered_first() {
    let (rig, model) = start().await;
    for (status, reason, request) in refused() {
        let mut client = connect(&rig).await;
        let chunked =
            "POST /chunked HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        client.send(&format!("{GOOD}{chunked}{request}{GOOD}")).await;
        for expected in ["/good", "/chunked"] {
            let answer = client.read_message().await;
            assert!(answer.ends_with(expected), "{request:?}: {answer}");
        }
        check(&mut client, status, reason, &request).await;
    }
    assert_eq!(model.seen().len(), 2 * refused().len());
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_looked_at_as_a_whole() {
    let (rig, model) = start().await;
    let mut clients = JoinSet::new();
    for (status, reason, request) in refused().into_iter().filter(|(_, _, request)| request.len() < 1_000) {
        let mut client = connect(&rig).await;
        clients.spawn(async move {
            for byte in format!("{GOOD}{request}").chars() {
                client.send_if_open(&byte.to_string()).await;
                tokio::task::yield_now().await;
            }
            assert!(client.read_message().await.ends_with("/good"), "{request:?}");
            check(&mut client, status, reason, &request).await;
        });
    }
    let count = clients.len();
    clients.join_all().await;
    assert_eq!(model.seen().len(), count);
}

#[tokio::test]
async fn bytes_of_a_body_never_look_like_a_request() {
    let (rig, model) = start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\nGET /worse HTTP/1.1\nhost: a\n\n";
    let (size, hex) = (smuggled.len(), format!("{:x}", smuggled.len()));
    let requests = [
        format!("POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{smuggled}"),
        format!(
            "POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{hex};x=\"y\"\r\n{smuggled}\r\n\
             {hex}\r\n{smuggled}\r\n0\r\nx: GET /smuggled HTTP/1.1\r\n\r\n"
        ),
        "\r\nGET /3 HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
    ];
    let mut client = connect(&rig).await;
    client.send(&requests.concat()).await;
    for expected in ["/1", "/2", "/3"] {
        assert!(client.read_message().await.ends_with(expected));
    }
    let seen: Vec<_> =
        model.seen().iter().map(|seen| (seen.uri.path().to_owned(), seen.body.len())).collect();
    assert_eq!(seen, [("/1".to_owned(), size), ("/2".to_owned(), 2 * size), ("/3".to_owned(), 0)]);
}

#[tokio::test]
async fn a_chunk_that_cannot_be_read_ends_its_request_and_the_connection() {
    let (rig, model) = start().await;
    for chunk in ["5\nhello\r\n", "x\r\n", "3\r\nabcd\r\n", "-1\r\n", "0\r\nx: y\n\r\n"] {
        let mut client = connect(&rig).await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
        client.send(&format!("{chunk}0\r\n\r\n{GOOD}")).await;
        let answer = client.read_message().await;
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("body_incomplete"),
            "{chunk:?}: {answer}"
        );
        assert_eq!(client.read_to_end().await, "", "{chunk:?}");
    }
    assert!(model.seen().is_empty());
}

#[tokio::test]
async fn what_http_itself_cannot_read_is_refused_and_counted_too() {
    let (rig, model) = start().await;
    let lines = ["x@y: z", "x : y", "no colon", ": no name"];
    let fields = lines.map(|line| format!("GET / HTTP/1.1\r\nhost: a\r\n{line}\r\n\r\n"));
    let first = ["G@T /", "GET /b ad", "GET  /", "GET /\t", "GET"]
        .map(|start| format!("{start} HTTP/1.1\r\nhost: a\r\n\r\n"));
    let heads = [fields.as_slice(), &first].concat();
    for head in &heads {
        let mut client = connect(&rig).await;
        client.send(&format!("{head}{GOOD}")).await;
        let answer = client.read_to_end().await;
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("connection: close"),
            "{head:?}: {answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
    }
    assert!(model.seen().is_empty());
    let unreadable = ["code=\"400\"", "reason=\"unreadable\""];
    until("all are counted", async || {
        rig.metric("crossfade_gateway_answers_total", &unreadable).await == heads.len() as f64
    })
    .await;
}

#[tokio::test]
async fn over_http2_no_length_is_said_twice_and_no_target_is_a_star() {
    let (rig, model) = start().await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    let length = field("content-length", "0");
    let twice = [request_fields("POST", "/twice"), length.clone(), length].concat();
    let ends = END_HEADERS | END_STREAM;
    client.send(&frame(HEADERS, ends, 1, &twice)).await;
    let refusal = client.next_of(DATA, 1).await.payload;
    assert_eq!(serde_json::from_slice::<Value>(&refusal).unwrap()["reason"], "content_length");
    client.send(&request_head(3, END_STREAM, "GET", "*")).await;
    let refusal = client.next_of(DATA, 3).await.payload;
    assert_eq!(serde_json::from_slice::<Value>(&refusal).unwrap()["reason"], "first_line");
    assert!(model.seen().is_empty());
    client.send(&request_head(5, END_STREAM, "OPTIONS", "*")).await;
    assert_eq!(client.next_of(DATA, 5).await.payload, b"*");
}

#[tokio::test]
async fn over_http2_a_host_must_not_differ_from_the_authority_and_connect_is_not_served() {
    let (rig, model) = start().await;
    let stream = TcpStream::connect(rig.gateway().data_addr()).await.unwrap();
    let handshake = http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(async move { drop(connection.await) });
    for (status, method, target, host) in [
        (200, "GET", "http://a/same", Some("A")),
        (200, "GET", "http://a/alone", None),
        (400, "GET", "http://a/other", Some("b")),
        (400, "GET", "http://a/port", Some("a:8080")),
        (501, "CONNECT", "a:443", None),
    ] {
        let request = Request::builder().method(method).uri(target);
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        let answer = sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{target}");
        drop(answer.into_body().collect().await.unwrap());
    }
    assert_eq!(model.seen().len(), 2);
}
