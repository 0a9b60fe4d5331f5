//! Kept connections that turn out closed: what is sent a second time, and what never is. The model counts what it got.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::request;
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

/// Stands between the gateway and a model, and cuts their connections when a test says so.
struct Wires {
    url: String,
    cut: Arc<Notify>,
    _listening: AbortOnDropHandle<()>,
}

impl Wires {
    async fn before(model: &Model) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (url, to) = (listener.local_addr().unwrap(), model.url().replace("http://", ""));
        let cut = Arc::new(Notify::new());
        let cuts = Arc::clone(&cut);
        let listening = TaskTracker::new().spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (mut one, _) = listener.accept().await.unwrap();
                let mut other = TcpStream::connect(&to).await.unwrap();
                let cuts = Arc::clone(&cuts);
                open.spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut one, &mut other) => {}
                        () = cuts.notified() => {}
                    }
                });
            }
        });
        Self { url: format!("http://{url}"), cut, _listening: AbortOnDropHandle::new(listening) }
    }
}

/// A model that answers at once, but never what is sent to `/held` for the first time.
async fn forgetful() -> Model {
    let (never, held) = (Gate::new(), std::sync::atomic::AtomicBool::new(false));
    Model::start(move |seen| {
        let first = seen.uri.path() == "/held" && !held.swap(true, std::sync::atomic::Ordering::Relaxed);
        if first { Reply::text("never").after(&never) } else { Reply::text("ok") }
    })
    .await
}

#[tokio::test]
async fn over_http2_too_a_connection_that_breaks_costs_an_idempotent_request_nothing_and_no_other_is_repeated()
 {
    for (method, count, status) in [("GET", 2, 200), ("PUT", 2, 200), ("POST", 1, 502), ("PATCH", 1, 502)] {
        let model = forgetful().await;
        let wires = Wires::before(&model).await;
        let policy = passthrough(&wires.url).replace("}}", ", http_version: 2}}");
        let rig = Rig::start(&policy).await;
        let mut client = rig.client().await;
        assert_eq!(client.get("/").await.text(), "ok");
        let mut asking = JoinSet::new();
        asking.spawn(async move { client.send(request(method, "/held", &[], "")).await.status.as_u16() });
        until("the request to be taken", async || model.seen().len() == 2).await;
        wires.cut.notify_waiters();
        assert_eq!(asking.join_all().await, [status], "{method}");
        assert_eq!(model.seen().len(), 1 + count, "{method}");
    }
}

#[tokio::test]
async fn over_http2_too_a_copy_is_never_sent_again() {
    let (old, new) = (Model::saying(Reply::text("old")).await, forgetful().await);
    let wires = Wires::before(&new).await;
    let policy = experiment(&old.url(), &wires.url).replacen("}}\nexp", ", http_version: 2}}\nexp", 1);
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    let ended = async |code: &str| {
        rig.metric("crossfade_requests_total", &["arm=\"new\"", &format!("code=\"{code}\"")]).await
    };
    client.get("/").await;
    until("the first copy", async || ended("2xx").await == 1.0).await;
    client.get("/held").await;
    until("the second copy to be taken", async || new.seen().len() == 2).await;
    wires.cut.notify_waiters();
    until("its end", async || ended("reset").await == 1.0).await;
    assert_eq!(new.seen().len(), 2);
}
