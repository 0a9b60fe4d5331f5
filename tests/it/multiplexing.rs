//! HTTP/2 to models: few connections for many calls, the model's limits kept, and a call's end that is only its own.

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::rig::Client;
use crate::rig::Front;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::request;
use crate::rig::until;

fn passthrough(url: &str, more: &str) -> String {
    format!("models: {{m: {{url: \"{url}\", http_version: 2{more}}}}}\ndefault: m\n")
}

/// Sends this many requests at once, each on a connection of its own.
async fn crowd(rig: &Rig, count: usize) -> JoinSet<String> {
    let mut asked = JoinSet::new();
    for _ in 0..count {
        let mut client = rig.client().await;
        asked.spawn(async move { client.get("/").await.text().to_owned() });
    }
    asked
}

#[tokio::test]
async fn many_calls_share_a_connection_and_the_next_ones_too() {
    let gate = Gate::new();
    let model = Model::saying(Reply::text("ok").after(&gate)).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut warm = Client::http1(rig.gateway().data_addr()).await;
    let first = crowd(&rig, 1).await;
    until("the first call", async || model.seen().len() == 1).await;
    let asked = crowd(&rig, 60).await;
    until("all calls", async || model.seen().len() == 61).await;
    gate.open();
    let answers = [first.join_all().await, asked.join_all().await].concat();
    assert!(answers.iter().all(|text| text == "ok"));
    for _ in 0..20 {
        assert_eq!(warm.post("/", &[], "body").await.text(), "ok");
    }
    assert_eq!(model.connections(), 1);
    assert!(model.seen().iter().all(|seen| seen.version == http::Version::HTTP_2));
    assert_eq!(model.seen()[0].uri.to_string(), "http://models.example/", "the host stands in the target");
}

#[tokio::test]
async fn a_model_gets_no_more_calls_at_a_time_than_it_takes() {
    let gate = Gate::new();
    let front = Front { streams: Some(2), ..Front::default() };
    let reply = Reply::text("ok").after(&gate);
    let model = Model::behind(front, move |_| reply.clone()).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let asked = crowd(&rig, 20).await;
    until("as many as may", async || model.seen().len() == 8).await;
    let in_flight = async || rig.metric("crossfade_model_in_flight_requests", &[]).await;
    until("the others", async || in_flight().await == 20.0).await;
    assert_eq!((model.connections(), model.seen().len()), (4, 8), "four connections of two calls each");
    gate.open();
    assert_eq!(asked.join_all().await, vec!["ok"; 20]);
    assert_eq!((model.connections(), model.seen().len()), (4, 20));
}

#[tokio::test]
async fn a_connection_that_is_told_to_go_away_is_replaced_and_its_calls_run_to_their_end() {
    let gate = Gate::new();
    let reply = Reply::text("ok");
    let held = reply.clone().after(&gate);
    let model =
        Model::start(move |seen| if seen.uri.path() == "/held" { held.clone() } else { reply.clone() }).await;
    let rig = Rig::start(&passthrough(&model.url(), "")).await;
    let mut first = rig.client().await;
    let mut asked = JoinSet::new();
    asked.spawn(async move { first.get("/held").await.text().to_owned() });
    until("the first call", async || model.seen().len() == 1).await;
    model.go_away();
    let mut client = rig.client().await;
    until("another connection", async || {
        assert_eq!(client.post("/", &[], "body").await.text(), "ok");
        model.connections() == 2
    })
    .await;
    gate.open();
    assert_eq!(asked.join_all().await, ["ok"]);
}

#[tokio::test]
async fn a_call_that_ends_late_harms_no_other_and_a_silent_connection_is_used_no_more() {
    let gate = Gate::new();
    let model = Model::saying(Reply::text("never").after(&gate)).await;
    let rig = Rig::start(&passthrough(&model.url(), ", timeout: {first_byte: 100ms}")).await;
    let mut client = rig.client().await;
    assert_eq!(client.get("/").await.status, 504);
    assert_eq!(client.get("/").await.status, 504);
    assert_eq!(model.connections(), 2, "nothing was heard on the first");

    let hung = Reply::text("never").after(&gate);
    let model =
        Model::start(move |seen| if seen.uri.path() == "/hung" { hung.clone() } else { Reply::text("ok") })
            .await;
    let rig = Rig::start(&passthrough(&model.url(), ", timeout: {first_byte: 300ms}")).await;
    let mut client = rig.client().await;
    let mut asked = JoinSet::new();
    asked.spawn(async move { client.get("/hung").await.status });
    until("the hung call", async || model.seen().len() == 1).await;
    let mut client = rig.client().await;
    while asked.try_join_next().is_none() {
        assert_eq!(client.get("/").await.text(), "ok");
    }
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(model.connections(), 1, "it is the call that hangs");
}

/// Has a model answer a request with these frames, after which it closes where it is told to; gives what its user got.
async fn answered_by(frames: &[Vec<u8>], method: &str, closes: bool) -> hyper::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(&passthrough(&format!("http://{}", listener.local_addr().unwrap()), "")).await;
    let mut client = rig.client().await;
    let asking = client.try_send(request(method, "/", &[], ""));
    let answering = async {
        let mut model = Frames::accept(&listener).await;
        model.next_of(http2::HEADERS, 1).await;
        model.send(&frames.concat()).await;
        (!closes).then_some(model)
    };
    let (got, _model) = tokio::join!(asking, answering);
    got.map(|got| got.text().to_owned())
}

#[tokio::test]
async fn a_stream_that_its_model_resets_before_the_answers_end_never_ends_cleanly() {
    let head = |fields: &[u8], flags| {
        let status = [http2::field(":status", "200"), fields.to_vec()].concat();
        http2::frame(http2::HEADERS, http2::END_HEADERS | flags, 1, &status)
    };
    let length = http2::field("content-length", "5");
    let reset = |code: u32| http2::frame(http2::RST_STREAM, 0, 1, &code.to_be_bytes());
    let go_away = http2::frame(http2::GOAWAY, 0, 0, &[0; 8]);
    let some = http2::frame(http2::DATA, 0, 1, b"hello");
    // No error, an internal one, a stream that nobody wants.
    for code in [0, 2, 8] {
        let torn = answered_by(&[head(&[], 0), some.clone(), reset(code)], "GET", false).await;
        assert!(torn.is_err(), "{code}: {torn:?}");
        let nothing = answered_by(&[head(&[], 0), reset(code)], "GET", false).await;
        assert!(nothing.is_err(), "{code}: {nothing:?}");
    }
    let torn = answered_by(&[head(&[], 0), some.clone(), go_away], "GET", true).await;
    assert!(torn.is_err(), "{torn:?}");
    // After its end nothing is torn.
    let last = http2::frame(http2::DATA, http2::END_STREAM, 1, b"hello");
    let trailers = http2::field("x", "y");
    let trailers = http2::frame(http2::HEADERS, http2::END_HEADERS | http2::END_STREAM, 1, &trailers);
    for frames in [
        vec![head(&[], 0), last.clone(), reset(0)],
        vec![head(&length, 0), some.clone(), reset(0)],
        vec![head(&[], 0), some.clone(), trailers, reset(0)],
    ] {
        assert_eq!(answered_by(&frames, "POST", false).await.unwrap(), "hello", "{frames:?}");
    }
    assert_eq!(answered_by(&[head(&length, http2::END_STREAM)], "HEAD", false).await.unwrap(), "");
}

#[tokio::test]
async fn a_length_that_is_said_twice_over_http2_is_said_once_over_http1() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(&passthrough(&format!("http://{}", listener.local_addr().unwrap()), "")).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut model = Frames::accept(&listener).await;
    model.next_of(http2::HEADERS, 1).await;
    let length = http2::field("content-length", "5");
    let head = [http2::field(":status", "200"), length.clone(), length].concat();
    let head = http2::frame(http2::HEADERS, http2::END_HEADERS, 1, &head);
    model.send(&[head, http2::frame(http2::DATA, http2::END_STREAM, 1, b"hello")].concat()).await;
    let answer = client.read_message().await;
    assert!(answer.ends_with("\r\n\r\nhello") && answer.matches("content-length").count() == 1, "{answer}");
}

#[tokio::test]
async fn interim_answers_over_http2_are_consumed_and_bounded() {
    let head = |status| http2::frame(http2::HEADERS, http2::END_HEADERS, 1, &http2::field(":status", status));
    let interim = head("103");
    let last = http2::frame(http2::DATA, http2::END_STREAM, 1, b"hello");
    let answer = [interim.repeat(32), head("200"), last];
    assert_eq!(answered_by(&answer, "GET", false).await.unwrap(), "hello");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(&passthrough(&format!("http://{}", listener.local_addr().unwrap()), "")).await;
    let mut client = rig.client().await;
    let flooding = async {
        let mut model = Frames::accept(&listener).await;
        model.next_of(http2::HEADERS, 1).await;
        model.flood(&interim).await;
    };
    let (got, ()) = tokio::join!(client.post("/", &[], ""), flooding);
    assert_eq!((got.status.as_u16(), &got.json()["reason"]), (502, &"reset".into()));
}
