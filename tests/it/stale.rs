//! Kept connections that turn out closed: what is sent a second time, and what never is. The model counts what it got.

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::until;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

fn passthrough(url: &str) -> String {
    format!("models: {{m: {{url: \"{url}\"}}}}\ndefault: m\n")
}

fn experiment(old: &str, new: &str) -> String {
    format!(
        "models: {{m: {{url: \"{old}\"}}, new: {{url: \"{new}\"}}}}\nexperiments:\n  - {{name: e, legacy: m, candidate: new, \
         strategy: {{shadow: {{}}}}}}\n"
    )
}

fn head(method: &str, body: &str) -> String {
    format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Takes one request on a new connection and keeps the connection.
async fn answer_one(model: &WireModel) -> Wire {
    let mut wire = model.accept().await;
    wire.read_message().await;
    wire.send(OK).await;
    wire
}

/// Lets a kept connection take a request and close without an answer; says how often the model got the request, and
/// what the user got.
async fn on_a_stale_connection(policy: &str, model: &WireModel, method: &str, body: &str) -> (usize, String) {
    let rig = Rig::start(policy).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(&head("POST", "")).await;
    let mut kept = answer_one(model).await;
    client.read_message().await;
    client.send(&head(method, body)).await;
    let asked = kept.read_message().await;
    assert!(asked.starts_with(method) && asked.ends_with(body), "{asked}");
    drop(kept);
    let answered = client.read_until(|text| text.contains("\r\n\r\n"));
    let again = async {
        let mut wire = model.accept().await;
        assert_eq!(wire.read_message().await, asked, "the same bytes");
        wire.send(OK).await;
        wire
    };
    let (mut count, mut answer) = (1, String::new());
    tokio::pin!(answered, again);
    while answer.is_empty() {
        tokio::select! {
            text = answered.as_mut() => answer = text,
            _wire = again.as_mut(), if count == 1 => count = 2,
        }
    }
    (count, answer.split(' ').nth(1).unwrap().to_owned())
}

#[tokio::test]
async fn an_idempotent_request_is_sent_once_more_and_any_other_never() {
    let cases = [
        ("GET", 2, "200"),
        ("HEAD", 2, "200"),
        ("OPTIONS", 2, "200"),
        ("PUT", 2, "200"),
        ("DELETE", 2, "200"),
        ("TRACE", 2, "200"),
        ("POST", 1, "502"),
        ("PATCH", 1, "502"),
    ];
    for (method, count, status) in cases {
        let model = WireModel::start().await;
        let got = on_a_stale_connection(&passthrough(&model.url()), &model, method, "").await;
        assert_eq!(got, (count, status.to_owned()), "{method}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_kept_is_not_sent_again_and_one_in_hand_is() {
    let model = WireModel::start().await;
    let got = on_a_stale_connection(&passthrough(&model.url()), &model, "PUT", "body").await;
    assert_eq!(got, (1, "502".to_owned()));
    let json = "    match: {json: {$.a: 1}}\n";
    let model = WireModel::start().await;
    let candidate = Model::saying(Reply::text("new")).await;
    // Reading the body first is what has it in hand.
    let policy = format!(
        "models: {{m: {{url: \"{}\"}}, new: {{url: \"{}\"}}}}\ndefault: m\nexperiments:\n  - name: e\n{json}    legacy: m\n    \
         candidate: new\n    strategy: {{shadow: {{sample: 0%}}}}\n",
        model.url(),
        candidate.url()
    );
    for (method, count, status) in [("PUT", 2, "200"), ("POST", 1, "502")] {
        let got = on_a_stale_connection(&policy, &model, method, r#"{"a": 1}"#).await;
        assert_eq!(got, (count, status.to_owned()), "{method}");
    }
}

#[tokio::test]
async fn a_request_on_a_new_connection_is_not_repeated_nor_is_one_sent_a_third_time() {
    let model = WireModel::start().await;
    let rig = Rig::start(&passthrough(&model.url())).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(&head("GET", "")).await;
    let mut first = model.accept().await;
    first.read_message().await;
    drop(first);
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");

    client.send(&head("GET", "")).await;
    let mut kept = answer_one(&model).await;
    client.read_message().await;
    client.send(&head("GET", "")).await;
    kept.read_message().await;
    drop(kept);
    let mut second = model.accept().await;
    second.read_message().await;
    drop(second);
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert_eq!(rig.metric("crossfade_model_connections_total", &[]).await, 3.0);
}

#[tokio::test]
async fn a_copy_is_never_sent_again() {
    let old = Model::saying(Reply::text("old")).await;
    let new = WireModel::start().await;
    let rig = Rig::start(&experiment(&old.url(), &new.url())).await;
    let mut client = rig.client().await;
    client.get("/").await;
    let mut kept = answer_one(&new).await;
    let ended = async |code: &str| {
        let labels = ["arm=\"new\"", &format!("code=\"{code}\"")];
        rig.metric("crossfade_requests_total", &labels).await
    };
    until("the first copy", async || ended("2xx").await == 1.0).await;
    client.get("/").await;
    kept.read_message().await;
    drop(kept);
    until("its end", async || ended("reset").await == 1.0).await;
    assert_eq!(rig.metric("crossfade_model_connections_total", &["model=\"new\""]).await, 1.0);
}
