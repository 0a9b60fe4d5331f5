//! gRPC through the gateway: all four kinds of call with their trailers, their deadlines, and failures in its own terms.

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http::Version;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::rig::Asks;
use crate::rig::Authority;
use crate::rig::Client;
use crate::rig::Front;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Sending;
use crate::rig::Step;
use crate::rig::until;

const METHOD: &str = "http://models.example/inference.Service/Infer";

fn call(body: &'static [u8], more: &[(&str, &str)]) -> Request<Full<Bytes>> {
    with_body(Full::from(body), more)
}

fn with_body<B>(body: B, more: &[(&str, &str)]) -> Request<B> {
    let builder =
        Request::post(METHOD).header("content-type", "application/grpc+proto").header("te", "trailers");
    let builder = more.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body).unwrap()
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status").map(|value| value.to_str().unwrap())
}

fn passthrough(url: &str, more: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"{more}}}}}\ndefault: m\n")
}

fn experiment(old: &str, new: &str, strategy: &str) -> String {
    format!(
        "models: {{old: {{url: \"{old}\"}}, new: {{url: \"{new}\"}}}}\nexperiments:\n  - {{name: e, legacy: old, \
         candidate: new, strategy: {{{strategy}}}}}\n"
    )
}

async fn http2(rig: &Rig) -> Client {
    Client::http2(rig.gateway().data_addr()).await
}

/// What a server sends when all went well.
fn answered(message: &'static [u8]) -> Reply {
    ended(vec![Step::Data(Bytes::from_static(message))], "0")
}

fn ended(mut steps: Vec<Step>, code: &'static str) -> Reply {
    steps.push(Step::Trailers(vec![("grpc-status", code), ("x-own", "kept")]));
    Reply::steps(steps).header("content-type", "application/grpc+proto")
}

/// An answer that says nothing but how the call ended.
fn trailers_only(code: &'static str) -> Reply {
    Reply::steps(Vec::new()).header("content-type", "application/grpc").header("grpc-status", code)
}

#[tokio::test]
async fn a_unary_call_passes_with_its_trailers_to_a_model_that_speaks_nothing_but_http2() {
    let model = Model::saying(answered(b"\0\0\0\0\x02ok")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = http2(&rig).await;
    let got = client.send(call(b"\0\0\0\0\x03ask", &[("x-meta-bin", "AAEC")])).await;
    assert_eq!((got.status.as_u16(), &got.body[..]), (200, &b"\0\0\0\0\x02ok"[..]));
    assert_eq!((status(&got.trailers), got.trailers["x-own"].to_str().unwrap()), (Some("0"), "kept"));
    let seen = &model.seen()[0];
    assert_eq!((seen.version, seen.uri.to_string().as_str()), (Version::HTTP_2, METHOD));
    assert_eq!(
        (&seen.headers["te"], &seen.headers["x-meta-bin"]),
        (&"trailers".parse().unwrap(), &"AAEC".parse().unwrap())
    );
    assert!(!seen.headers.contains_key("host") && !seen.headers.contains_key("transfer-encoding"));
    assert_eq!(&seen.body[..], b"\0\0\0\0\x03ask");
    // What is not gRPC goes to the same model as ever.
    rig.client().await.get("/health").await;
    assert_eq!(model.seen()[1].version, Version::HTTP_11);
}

#[tokio::test]
async fn a_call_passes_over_tls_from_end_to_end() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = authority.vouch_for("127.0.0.1").write(dir.path(), "own");
    let ca = authority.write(dir.path().join("ca.crt"));
    let tls = Some(authority.server(Asks::Nothing, &["h2"]));
    let model = Model::behind(Front { tls, ..Front::default() }, |_| answered(b"ok")).await;
    let policy = passthrough(&model.url(), &format!(", tls: {{ca_file: '{}'}}", ca.display()));
    let listen = format!("tls: {{cert_file: '{}', key_file: '{}'}},", cert.display(), key.display());
    let rig = Rig::start_with(&policy, &listen, "").await;
    let mut client = Client::tls(rig.gateway().data_addr(), authority.client(None, &["h2"])).await.unwrap();
    let got = client.send(call(b"ask", &[])).await;
    assert_eq!((got.text(), status(&got.trailers)), ("ok", Some("0")));
    assert_eq!(model.seen()[0].version, Version::HTTP_2);
}

/// A policy that mixes both models' lists.
fn interleaved(old: &Model, new: &Model) -> String {
    let strategy = "interleave: {items: \"$.results[*]\", id: $.id, credit: click}";
    let policy = experiment(&old.url(), &new.url(), strategy);
    policy.replacen("legacy:", "outcomes: {click: {type: click}}, legacy:", 1)
}

/// The next piece of an answer.
async fn next(body: &mut Incoming) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn a_bidirectional_stream_is_not_held_up_in_either_direction() {
    let front = Front { answers_at_once: true, ..Front::default() };
    let model = Model::behind(front, |_| ended(vec![Step::Echo], "0")).await;
    let policies = [
        passthrough(&model.url(), ""),
        experiment(&model.url(), &model.url(), "shadow: {sample: 0%}"),
        interleaved(&model, &model),
    ];
    for policy in policies {
        let rig = Rig::start(&policy).await;
        let mut client = http2(&rig).await;
        let (say, saying) = mpsc::channel(1);
        let mut heard = client.head(with_body(Sending::Frames(saying), &[])).await.unwrap().into_body();
        for word in ["one", "two", "three"] {
            say.send(Bytes::from_static(word.as_bytes())).await.unwrap();
            assert_eq!(next(&mut heard).await, word, "each is answered before the next is said");
        }
        drop(say);
        let trailers = heard.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(status(&trailers), Some("0"));
    }
}

#[tokio::test]
async fn a_stream_of_requests_and_a_stream_of_answers_pass_piece_by_piece() {
    let gate = Gate::new();
    let (wait, last) = (Step::Wait(gate.clone()), Step::Data("last".into()));
    let front = Front { answers_at_once: true, ..Front::default() };
    let answers = Model::behind(front, move |_| {
        ended(vec![Step::Data("first".into()), wait.clone(), last.clone()], "0")
    });
    let answers = answers.await;
    let rig = Rig::start(&passthrough(&answers.url(), "")).await;
    let mut client = http2(&rig).await;
    let mut heard = client.head(call(b"ask", &[])).await.unwrap().into_body();
    assert_eq!(next(&mut heard).await, "first");
    gate.open();
    assert_eq!(next(&mut heard).await, "last");

    let requests = Model::start(|seen| ended(vec![Step::Data(seen.body.clone())], "0")).await;
    let rig = Rig::start(&passthrough(&requests.url(), "")).await;
    let mut client = http2(&rig).await;
    let (say, saying) = mpsc::channel(8);
    for word in ["one ", "two ", "three"] {
        say.send(Bytes::from_static(word.as_bytes())).await.unwrap();
    }
    drop(say);
    let got = client.send(with_body(Sending::Frames(saying), &[])).await;
    assert_eq!((got.text(), status(&got.trailers)), ("one two three", Some("0")));
}

#[tokio::test]
async fn a_call_that_the_gateway_cannot_make_fails_as_grpc_says_it() {
    let gate = Gate::new();
    let hung = Model::saying(answered(b"never").after(&gate)).await;
    let gone = Model::gone().await;
    let elsewhere = format!(
        "models: {{m: {{url: \"{gone}\"}}}}\nexperiments: [{{name: e, match: {{path: /x}}, legacy: m, candidate: m, \
         strategy: {{shadow: {{}}}}}}]\n"
    );
    let cases = [
        (passthrough(&gone, ""), "14", "the model could not be reached"),
        (passthrough(&hung.url(), ", timeout: {first_byte: 50ms}"), "4", "the model did not answer in time"),
        (elsewhere, "12", "no experiment matches this request and the policy names no default model"),
    ];
    for (policy, code, message) in cases {
        let rig = Rig::start(&policy).await;
        let got = http2(&rig).await.send(call(b"ask", &[])).await;
        let (kind, said) = (got.header("content-type"), got.header("grpc-message"));
        assert_eq!((got.status.as_u16(), status(&got.headers)), (200, Some(code)), "{policy}");
        assert_eq!((kind, said, got.body.len()), (Some("application/grpc"), Some(message), 0), "{policy}");
    }

    let rig = Rig::start(&passthrough(&hung.url(), ", max_in_flight: 1")).await;
    let mut first = http2(&rig).await;
    let before = hung.seen().len();
    let held = tokio::task::JoinSet::from_iter([async move { first.send(call(b"ask", &[])).await }]);
    until("the first call", async || hung.seen().len() > before).await;
    let got = http2(&rig).await.send(call(b"ask", &[])).await;
    assert_eq!((status(&got.headers), got.header("retry-after")), (Some("8"), None));
    // To others the same gateway speaks HTTP.
    assert_eq!(rig.client().await.get("/").await.status, 503);
    gate.open();
    assert_eq!(status(&held.join_all().await[0].trailers), Some("0"));
}

#[tokio::test]
async fn a_call_that_breaks_off_in_its_middle_ends_in_a_status_and_never_well() {
    let torn = Reply::steps(vec![Step::Data("begun".into()), Step::Break]);
    let stalled = Reply::steps(vec![Step::Data("begun".into()), Step::Wait(Gate::new())]);
    for (reply, more, code) in [(torn, "", "14"), (stalled, ", timeout: {idle: 50ms}", "4")] {
        let model = Model::saying(reply.header("content-type", "application/grpc")).await;
        let rig = Rig::start(&passthrough(&model.url(), more)).await;
        let got = http2(&rig).await.send(call(b"ask", &[])).await;
        assert_eq!((got.text(), status(&got.trailers)), ("begun", Some(code)));
    }
}

#[tokio::test]
async fn the_clients_own_deadline_bounds_the_call() {
    let gate = Gate::new();
    let hung = Model::saying(answered(b"never").after(&gate)).await;
    let rig = Rig::start(&passthrough(&hung.url(), ", timeout: {first_byte: 1h, total: 1h}")).await;
    let got = http2(&rig).await.send(call(b"ask", &[("grpc-timeout", "50m")])).await;
    assert_eq!(status(&got.headers), Some("4"));
    assert_eq!(hung.seen()[0].headers["grpc-timeout"], "50m");
}

#[tokio::test]
async fn a_unary_call_is_copied_and_a_stream_above_the_cap_is_not() {
    let old = Model::start(|seen| ended(vec![Step::Data(seen.body.clone())], "0")).await;
    let new = Model::saying(answered(b"new")).await;
    let policy = experiment(&old.url(), &new.url(), "shadow: {}");
    let rig = Rig::start_with(&policy, "", "body_cap: 1KiB").await;
    let mut client = http2(&rig).await;
    assert_eq!(client.send(call(b"ask", &[])).await.text(), "ask");
    until("the copy", async || new.seen().len() == 1).await;
    let copy = &new.seen()[0];
    assert_eq!(
        (copy.version, &copy.body[..], &copy.headers["crossfade-shadow"]),
        (Version::HTTP_2, &b"ask"[..], &"1".parse().unwrap())
    );
    assert_eq!(copy.headers["te"], "trailers");

    let (say, saying) = mpsc::channel(1);
    let heard = client.head(with_body(Sending::Frames(saying), &[]));
    let talking = async {
        for _ in 0..10 {
            say.send(Bytes::from_static(&[b'x'; 200])).await.unwrap();
        }
        drop(say);
    };
    let (heard, ()) = tokio::join!(heard, talking);
    assert_eq!(heard.unwrap().into_body().collect().await.unwrap().to_bytes().len(), 2_000);
    let dropped = ["reason=\"body_too_large\""];
    until("the drop", async || rig.metric("crossfade_copies_dropped_total", &dropped).await == 1.0).await;
    let records = rig.records().await;
    let statuses: Vec<_> = records[0]["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| (&leg["status"], &leg["grpc_status"]))
        .collect();
    assert_eq!(statuses, [(&200.into(), &0.into()), (&200.into(), &0.into())]);
    assert_eq!(new.seen().len(), 1);
}

#[tokio::test]
async fn whether_a_call_failed_is_decided_by_its_own_status() {
    let cases = [
        ("0", "2xx", 0),
        ("5", "4xx", 0),
        ("1", "4xx", 0),
        ("8", "4xx", 1),
        ("13", "5xx", 1),
        ("14", "5xx", 1),
    ];
    for (code, class, errors) in cases {
        let model = Model::saying(ended(vec![Step::Data("some".into())], code)).await;
        let rig = Rig::start(&experiment(&model.url(), &model.url(), "shadow: {sample: 0%}")).await;
        let got = http2(&rig).await.send(call(b"ask", &[])).await;
        assert_eq!(status(&got.trailers), Some(code), "what the model says passes as it is");
        let labels = ["role=\"answer\"", &format!("code=\"{class}\"")];
        assert_eq!(rig.metric("crossfade_requests_total", &labels).await, 1.0, "{code}");
        let path = "/api/v1/experiments/e";
        let legacy =
            async || rig.admin().await.get(path).await.json()["summary"]["arms"][0]["calls"][0].clone();
        until("the record", async || legacy().await["requests"] == 1).await;
        assert_eq!(legacy().await["errors"], errors, "{code} {}", legacy().await);
    }
}

#[tokio::test]
async fn legacy_steps_in_for_a_candidate_that_only_says_that_it_failed() {
    let old = Model::saying(answered(b"old")).await;
    for (code, served) in [("14", "old"), ("13", "old"), ("3", ""), ("0", "")] {
        let new = Model::saying(trailers_only(code)).await;
        let strategy = "ab: {arms: {old: 0%, new: 100%}, fallback: legacy}";
        let rig = Rig::start(&experiment(&old.url(), &new.url(), strategy)).await;
        let got = http2(&rig).await.send(call(b"ask", &[])).await;
        assert_eq!(got.text(), served, "{code}");
        let told = status(&got.headers).or(status(&got.trailers));
        assert_eq!(told, Some(if served == "old" { "0" } else { code }));
    }
}

#[tokio::test]
async fn where_lists_are_mixed_legacy_alone_answers_a_call() {
    let (old, new) = (Model::saying(answered(b"old")).await, Model::saying(answered(b"new")).await);
    let rig = Rig::start(&interleaved(&old, &new)).await;
    let got = http2(&rig).await.send(call(b"ask", &[])).await;
    assert_eq!((got.text(), status(&got.trailers)), ("old", Some("0")));
    assert_eq!((old.seen().len(), new.seen().len()), (1, 0));
    assert_eq!(rig.records().await[0]["degraded"], "no_list");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_leaves_nothing_behind() {
    let front = Front { answers_at_once: true, ..Front::default() };
    let model = Model::behind(front, |_| ended(vec![Step::Echo], "0")).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut client = http2(&rig).await;
    let (say, saying) = mpsc::channel(1);
    let mut heard = client.head(with_body(Sending::Frames(saying), &[])).await.unwrap().into_body();
    say.send("one".into()).await.unwrap();
    assert_eq!(next(&mut heard).await, "one");
    drop((heard, say, client));
    until("the end", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0).await;
    let mut client = http2(&rig).await;
    let (say, saying) = mpsc::channel(1);
    let mut heard = client.head(with_body(Sending::Frames(saying), &[])).await.unwrap().into_body();
    say.send("two".into()).await.unwrap();
    assert_eq!(next(&mut heard).await, "two");
    assert_eq!(model.connections(), 1, "the connection outlives a call that was left");
}
