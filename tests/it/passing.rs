//! The proxy as a proxy: bytes, headers, connections, deadlines, whatever the strategy.

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::request;

/// A policy with nothing but a default model.
fn passthrough(url: &str, more: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"{more}}}}}\ndefault: m\n")
}

#[tokio::test]
async fn what_no_experiment_matches_goes_to_the_default_model_unchanged() {
    let model =
        Model::start(|seen| Reply::text(format!("{} {} {}", seen.method, seen.uri, seen.body.len()))).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = rig.client().await;
    let large = "x".repeat(1_000_000);
    let got = client.post("/a/b?c=d%20e", &[("content-type", "text/plain")], &large).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "POST /a/b?c=d%20e 1000000"));
    assert_eq!(got.header("crossfade-id"), None, "no experiment, no id");
    assert_eq!(model.seen()[0].body, large.as_bytes());
    assert_eq!(client.get("/").await.text(), "GET / 0");
}

#[tokio::test]
async fn without_a_default_model_the_answer_is_404_and_says_why() {
    let model = Model::saying(Reply::text("never")).await;
    let policy = format!(
        "models: {{m: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, match: {{path: /only}}, legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}\n",
        model.url()
    );
    let rig = Rig::start(&policy).await;
    let got = rig.client().await.get("/other").await;
    assert_eq!(got.status, 404);
    assert_eq!(got.json()["reason"], "no_route");
    assert_eq!(rig.metric("crossfade_gateway_answers_total", &["code=\"404\""]).await, 1.0);
}

#[tokio::test]
async fn hop_by_hop_fields_stop_at_the_gateway_both_ways_and_others_pass() {
    let reply = Reply::text("ok").header("keep-alive", "timeout=5").header("x-secret-hop", "1");
    let model = Model::saying(reply.header("connection", "x-secret-hop").header("x-kept", "yes")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let sent = [
        ("connection", "x-drop, keep-alive, content-length, authorization"),
        ("x-drop", "1"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers, deflate"),
        ("upgrade", "h2c"),
        ("authorization", "Bearer t"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("x-forwarded-for", "10.0.0.1"),
    ];
    let got = rig.client().await.post("/", &sent, "body").await;
    for name in ["connection", "keep-alive", "x-secret-hop"] {
        assert_eq!(got.header(name), None, "{name} must not reach the client");
    }
    assert_eq!(got.header("x-kept"), Some("yes"));
    let seen = &model.seen()[0];
    for name in ["connection", "x-drop", "proxy-connection", "upgrade"] {
        assert!(!seen.headers.contains_key(name), "{name} must not reach the model");
    }
    let expected = [
        ("te", "trailers"),
        ("authorization", "Bearer t"),
        ("content-length", "4"),
        ("host", "models.example"),
        ("x-forwarded-host", "models.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-for", "10.0.0.1, 127.0.0.1"),
        ("via", "1.1 crossfade"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    for (name, value) in expected {
        assert_eq!(seen.headers.get(name).map(|value| value.to_str().unwrap()), Some(value), "{name}");
    }
    assert_eq!(seen.body, "body");
}

#[tokio::test]
async fn a_model_may_be_shown_its_own_host_and_live_below_a_path() {
    let model = Model::start(|seen| Reply::text(seen.uri.to_string())).await;
    let url = format!("{}/base", model.url());
    let rig = Rig::start(&passthrough(&url, ", host: upstream")).await;
    assert_eq!(rig.client().await.get("/x?y=1").await.text(), "/base/x?y=1");
    let host = model.seen()[0].headers["host"].to_str().unwrap().to_owned();
    assert_eq!(format!("http://{host}"), model.url());
}

#[tokio::test]
async fn connections_to_a_model_are_kept_and_used_again() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = rig.client().await;
    for _ in 0..50 {
        assert_eq!(client.post("/", &[], "body").await.text(), "ok");
    }
    assert_eq!(rig.metric("crossfade_model_connections_total", &["model=\"m\""]).await, 1.0);
    assert_eq!(rig.metric("crossfade_model_in_flight_requests", &[]).await, 0.0);
    let served = ["experiment=\"_default\"", "arm=\"m\"", "role=\"answer\"", "code=\"2xx\""];
    assert_eq!(rig.metric("crossfade_requests_total", &served).await, 50.0);
}

#[tokio::test]
async fn http2_without_tls_is_served_on_the_same_port() {
    let model =
        Model::start(|seen| Reply::text(format!("{} {}", seen.headers["host"].to_str().unwrap(), seen.uri)))
            .await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Client::http2(rig.gateway().data_addr()).await;
    let mut over2 = request("POST", "http://named.example/path", &[], "hello");
    over2.headers_mut().remove("host");
    let got = client.send(over2).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, "named.example /path"));
    assert_eq!(model.seen()[0].headers["via"], "2 crossfade");
    assert_eq!(rig.client().await.get("/again").await.text(), "models.example /again");
}

#[tokio::test]
async fn an_answer_streams_piece_by_piece() {
    let gate = Gate::new();
    let steps = vec![Step::Data("first".into()), Step::Wait(gate.clone()), Step::Data("second".into())];
    let model = Model::saying(Reply::steps(steps)).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = rig.client().await;
    let mut body = client.head(request("GET", "/", &[], "")).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "first");
    gate.open();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "second");
}

#[tokio::test]
async fn a_request_streams_piece_by_piece_before_it_is_whole() {
    let model = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", model.local_addr().unwrap());
    let rig = Rig::start(&passthrough(&url, "")).await;
    let mut client = TcpStream::connect(rig.gateway().data_addr()).await.unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .await
        .unwrap();
    let (mut upstream, _) = model.accept().await.unwrap();
    let mut arrived = Vec::new();
    while !arrived.windows(5).any(|window| window == b"hello") {
        assert_ne!(upstream.read_buf(&mut arrived).await.unwrap(), 0);
    }
    client.write_all(b"0\r\n\r\n").await.unwrap();
    while !arrived.ends_with(b"0\r\n\r\n") {
        assert_ne!(upstream.read_buf(&mut arrived).await.unwrap(), 0);
    }
    upstream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(answer.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn several_endpoints_of_a_model_share_the_load_and_a_busy_one_gets_less() {
    let gate = Gate::new();
    let stuck = Model::saying(Reply::text("stuck").after(&gate)).await;
    let free = Model::saying(Reply::text("free")).await;
    let policy = format!("models: {{m: {{url: [\"{}\", \"{}\"]}}}}\ndefault: m\n", stuck.url(), free.url());
    let rig = Rig::start(&policy).await;
    // With two endpoints both are compared every time, so the one that holds a request gets no second.
    let mut waiting = Vec::new();
    while stuck.seen().is_empty() {
        let mut client = rig.client().await;
        waiting.push(tokio::task::JoinSet::from_iter([async move { client.get("/").await }]));
        crate::rig::until("the request to arrive", async || {
            stuck.seen().len() + free.seen().len() == waiting.len()
        })
        .await;
    }
    let mut client = rig.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.text(), "free");
    }
    assert_eq!(stuck.seen().len(), 1);
    gate.open();
}

#[tokio::test]
async fn each_deadline_ends_a_call_and_says_so() {
    let gate = Gate::new();
    let hung = Model::saying(Reply::text("never").after(&gate)).await;
    let stalling = Reply::steps(vec![Step::Data("begun".into()), Step::Wait(gate.clone())]);
    let stalled = Model::saying(stalling).await;
    let trickle = Model::saying(Reply::steps(vec![Step::Forever(Bytes::from_static(b"more"))])).await;

    let rig = Rig::start(&passthrough(&hung.url(), ", timeout: {first_byte: 50ms}")).await;
    let got = rig.client().await.get("/").await;
    assert_eq!((got.status.as_u16(), got.json()["reason"].as_str()), (504, Some("timeout")));

    let rig = Rig::start(&passthrough(&stalled.url(), ", timeout: {idle: 50ms}")).await;
    let torn = rig.client().await.try_send(request("GET", "/", &[], "")).await;
    assert!(torn.is_err(), "a body that stalls must not end cleanly");
    assert_eq!(rig.metric("crossfade_requests_total", &["code=\"timeout\""]).await, 1.0);

    let rig = Rig::start(&passthrough(&hung.url(), ", timeout: {total: 50ms}")).await;
    assert_eq!(rig.client().await.get("/").await.status, 504);

    let rig = Rig::start(&passthrough(&trickle.url(), ", timeout: {total: 50ms}")).await;
    let torn = rig.client().await.try_send(request("GET", "/", &[], "")).await;
    assert!(torn.is_err(), "an endless body ends at the total deadline, and never cleanly");

    let rig = Rig::start(&passthrough(&Model::gone().await, "")).await;
    let got = rig.client().await.get("/").await;
    assert_eq!((got.status.as_u16(), got.json()["reason"].as_str()), (502, Some("connect_error")));
}

#[tokio::test]
async fn a_model_at_its_limit_is_spared_and_the_client_told_to_come_again() {
    let gate = Gate::new();
    let model = Model::saying(Reply::text("ok").after(&gate)).await;
    let rig = Rig::start(&passthrough(&model.url(), ", max_in_flight: 1")).await;
    let mut first = rig.client().await;
    let mut held = tokio::task::JoinSet::from_iter([async move { first.get("/").await }]);
    crate::rig::until("the first request to arrive", async || model.seen().len() == 1).await;
    let mut second = rig.client().await;
    let refused = second.get("/").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("1")));
    gate.open();
    assert_eq!(held.join_next().await.unwrap().unwrap().text(), "ok");
    assert_eq!(second.get("/").await.status, 200);
}

#[tokio::test]
async fn a_truncated_answer_never_ends_cleanly_towards_the_user() {
    for framing in ["content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let model = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", model.local_addr().unwrap());
        let rig = Rig::start(&passthrough(&url, "")).await;
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n5\r\nhello\r\n");
        let mut breaking = tokio::task::JoinSet::from_iter([async move {
            let (mut stream, _) = model.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(head.as_bytes()).await.unwrap();
        }]);
        let torn = rig.client().await.try_send(request("GET", "/", &[], "")).await;
        assert!(torn.is_err(), "{framing}: ended cleanly with {torn:?}");
        breaking.join_next().await.unwrap().unwrap();
        assert_eq!(rig.metric("crossfade_requests_total", &["code=\"truncated\""]).await, 1.0, "{framing}");
    }
}

#[tokio::test]
async fn a_model_that_closes_idle_connections_costs_no_request() {
    let model = Model::saying(Reply::text("ok").header("connection", "close")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = rig.client().await;
    for _ in 0..10 {
        assert_eq!(client.post("/", &[], "body").await.text(), "ok");
    }
}

#[tokio::test]
async fn requests_find_their_experiment_by_every_part_of_the_match() {
    let model = Model::saying(Reply::text("ok")).await;
    let experiment = |name: &str, matching: &str| {
        format!(
            "  - {{name: {name}, match: {matching}, legacy: m, candidate: m, strategy: {{shadow: {{sample: 0%}}}}}}\n"
        )
    };
    let policy = [
        format!("models: {{m: {{url: \"{}\"}}}}\ndefault: m\nexperiments:\n", model.url()),
        experiment("by-path", "{path: /exact, method: POST}"),
        experiment("by-prefix", "{path: \"/below/*\"}"),
        experiment("by-host", "{host: special.example}"),
        experiment("by-header", "{headers: {x-tier: gold}}"),
        experiment("by-query", "{query: {variant: \"a b\"}}"),
        experiment("by-json", "{json: {\"$.model\": ranker}}"),
    ];
    let rig = Rig::start(&policy.concat()).await;
    let mut client = rig.client().await;
    client.post("/exact", &[], "").await;
    client.post("/below/here?x=1", &[], "").await;
    client.post("/q?variant=a+b", &[], "").await;
    client.post("/h", &[("x-tier", "gold")], "").await;
    client.post("/j", &[], r#"{"model": "ranker"}"#).await;
    let mut by_host = request("GET", "/host", &[], "");
    by_host.headers_mut().insert("host", "special.example:8080".parse().unwrap());
    client.send(by_host).await;
    for (path, body) in [("/j", r#"{"model": "other"}"#), ("/j", "no json"), ("/exact/", ""), ("/belowx", "")]
    {
        let got = client.post(path, &[], body).await;
        assert_eq!((got.status.as_u16(), got.header("crossfade-id")), (200, None), "{path} {body}");
    }
    for name in ["by-path", "by-prefix", "by-host", "by-header", "by-query", "by-json"] {
        let label = format!("experiment=\"{name}\"");
        assert_eq!(rig.metric("crossfade_assigned_total", &[&label]).await, 1.0, "{name}");
    }
    assert_eq!(model.seen().len(), 10);
}

#[tokio::test]
async fn an_answer_without_a_body_passes_as_it_is() {
    for (method, head, keeps_length) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", true),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", false),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n", false),
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", false),
        ("GET", "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false),
    ] {
        let model = WireModel::start().await;
        let rig = Rig::start(&passthrough(&model.url(), "")).await;
        let mut client = Wire::connect(rig.gateway().data_addr()).await;
        let mut upstream = None;
        for round in 0..2 {
            client.send(&format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            if upstream.is_none() {
                upstream = Some(model.accept().await);
            }
            let wire = upstream.as_mut().unwrap();
            let asked = wire.read_message().await;
            assert!(!asked.contains("chunked"), "{method} has no body: {asked}");
            wire.send(head).await;
            let answer = client.read_until(|text| text.matches("\r\n\r\n").count() == round + 1).await;
            let lengths = answer.matches("content-length").count();
            assert_eq!(lengths, if keeps_length { round + 1 } else { 0 }, "{method} {answer}");
        }
        assert_eq!(rig.metric("crossfade_model_connections_total", &[]).await, 1.0, "{method} {head}");
    }
}

#[tokio::test]
async fn cookies_that_http2_splits_reach_the_model_as_one_field() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Client::http2(rig.gateway().data_addr()).await;
    let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
    assert_eq!(client.send(request("GET", "http://a.example/", &cookies, "")).await.text(), "ok");
    let seen = &model.seen()[0];
    let cookies: Vec<_> = seen.headers.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2"]);
}

#[tokio::test]
async fn a_request_that_names_no_host_or_two_is_refused() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let cases = [
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n", 200),
    ];
    for (head, status) in cases {
        let mut client = Wire::connect(rig.gateway().data_addr()).await;
        client.send(head).await;
        let answer = client.read_message().await;
        assert_eq!(answer.split(' ').nth(1), Some(status.to_string().as_str()), "{head}{answer}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_an_answer_that_it_can_read() {
    let gate = Gate::new();
    gate.open();
    let steps = vec![Step::Data("first ".into()), Step::Wait(gate), Step::Data("second".into())];
    let model = Model::saying(Reply::steps(steps)).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let answer = client.read_until(|text| text.ends_with("second")).await;
    assert!(!answer.contains("chunked") && answer.ends_with("\r\n\r\nfirst second"), "{answer}");
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let model = Model::start(|seen| Reply::text(seen.body.len().to_string())).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n").await;
    client.read_until(|text| text == "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.send("hello").await;
    let answer = client.read_until(|text| text.ends_with("\r\n\r\n5")).await;
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_upload_ends_reaches_the_client_and_its_connection_serves_nobody_else()
 {
    let model = WireModel::start().await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
    let mut first = model.accept().await;
    first.read_until(|text| text.ends_with("hello")).await;
    first.send("HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nearly").await;
    let answer = client.read_message().await;
    assert!(answer.ends_with("early"), "{answer}");
    let mut other = Wire::connect(rig.gateway().data_addr()).await;
    other.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut second = model.accept().await;
    second.read_message().await;
    second.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine").await;
    let answer = other.read_message().await;
    assert!(answer.ends_with("mine"), "{answer}");
}

#[tokio::test]
async fn a_connection_that_the_model_closed_meanwhile_costs_no_request() {
    let model = WireModel::start().await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    for _ in 0..20 {
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello").await;
        let mut wire = model.accept().await;
        wire.read_message().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        drop(wire);
        let answer = client.read_message().await;
        assert!(answer.ends_with("ok"), "{answer}");
    }
}

#[tokio::test]
async fn a_model_may_live_at_an_address_of_ip_version_6() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else {
        // A machine without it has nothing to show.
        return;
    };
    let model = WireModel::on(listener);
    let rig = Rig::start(&passthrough(&model.url(), ", host: upstream")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut wire = model.accept().await;
    let asked = wire.read_message().await;
    assert!(asked.contains("host: [::1]:"), "{asked}");
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(client.read_message().await.ends_with("ok"));
}

#[tokio::test]
async fn a_json_match_on_a_body_above_the_cap_does_not_match_and_is_counted() {
    let model = Model::saying(Reply::text("ok")).await;
    let policy = format!(
        "models: {{m: {{url: \"{}\"}}}}\ndefault: m\nexperiments:\n  - {{name: e, match: {{json: {{$.model: ranker}}}}, \
         legacy: m, candidate: m, strategy: {{shadow: {{}}}}}}\n",
        model.url()
    );
    let rig = Rig::start_with(&policy, "", "body_cap: 1KiB").await;
    let mut client = rig.client().await;
    let long = format!(r#"{{"model": "ranker", "padding": "{}"}}"#, "x".repeat(2_000));
    let got = client.post("/", &[], &long).await;
    assert_eq!((got.text(), got.header("crossfade-id")), ("ok", None));
    assert_eq!(model.seen()[0].body, long);
    assert_eq!(rig.metric("crossfade_unmatched_bodies_total", &[]).await, 1.0);
    assert!(client.post("/", &[], r#"{"model": "ranker"}"#).await.header("crossfade-id").is_some());
}
