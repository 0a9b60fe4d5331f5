//! Uploads that come too slowly, and answers that are not taken.

use std::time::Duration;

use crate::limits::limited;
use crate::limits::met;
use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::Wire;
use crate::rig::WireModel;
use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::request;
use crate::rig::until;

const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n";

#[tokio::test]
async fn a_stalled_upload_is_the_clients_408_and_not_the_models_failure() {
    let model = Model::saying(Reply::text("ok")).await;
    let default = limited("body_grace: 100ms", &model);
    let experiment = format!(
        "limits: {{body_grace: 100ms}}\nmodels: {{m: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, legacy: m, \
         candidate: m, strategy: {{shadow: {{}}}}}}\n",
        model.url()
    );
    for policy in [default, experiment] {
        let rig = Rig::start(&policy).await;
        for text in [HEAD.to_owned(), format!("{HEAD}some of it")] {
            let mut client = Wire::connect(rig.gateway().data_addr()).await;
            client.send(&text).await;
            let answer = client.read_message().await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!(answer.contains("body_late"), "{answer}");
            client.closed().await;
        }
        assert_eq!(met(&rig, "body_rate").await, 2.0);
        let of_code = async |code: &str| {
            rig.metric("crossfade_requests_total", &["role=\"answer\"", &format!("code=\"{code}\"")]).await
        };
        assert_eq!((of_code("cancelled").await, of_code("timeout").await), (2.0, 0.0));
        until("no call", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0).await;
    }
}

#[tokio::test]
async fn a_trickling_upload_is_cut_off_though_its_beginning_was_fast() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("body_grace: 200ms, body_rate: 10KiB", &model)).await;
    let client = Wire::connect(rig.gateway().data_addr()).await;
    let answer = client.trickle(&format!("{HEAD}{}", "x".repeat(50_000))).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_keeps_the_model_waiting_to_its_deadline_is_answered_408_on_the_default_route_too() {
    let model = WireModel::start().await;
    let text =
        format!("models: {{m: {{url: \"{}\", timeout: {{first_byte: 100ms}}}}}}\ndefault: m\n", model.url());
    let rig = Rig::start(&text).await;
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send(&format!("{HEAD}some of it")).await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut client = Wire::connect(rig.gateway().data_addr()).await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nall").await;
    let answer = client.read_message().await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "who said all waits for the model: {answer}");
}

#[tokio::test]
async fn a_model_that_takes_the_body_slowly_is_not_its_clients_fault() {
    let model = WireModel::start().await;
    let text = format!(
        "limits: {{body_grace: 50ms}}\nmodels: {{m: {{url: \"{}\", timeout: {{first_byte: 500ms}}}}}}\ndefault: m\n",
        model.url()
    );
    let rig = Rig::start(&text).await;
    // More than all buffers on the way hold.
    let large = "x".repeat(64 << 20);
    let got = rig.client().await.try_send(request("POST", "/", &[], &large)).await.unwrap();
    assert_eq!(got.status, 504);
    assert_eq!(met(&rig, "body_rate").await, 0.0);
}

#[tokio::test]
async fn a_stalled_http2_upload_ends_its_stream_and_no_other() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("body_grace: 100ms", &model)).await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    client.send(&http2::request_head(1, 0, "POST", "/slow")).await;
    client.send(&http2::frame(http2::DATA, 0, 1, b"some of it")).await;
    client.next_of(http2::HEADERS, 1).await;
    let told = client.next_of(http2::DATA, 1).await;
    assert!(String::from_utf8_lossy(&told.payload).contains("body_late"), "{told:?}");
    client.send(&http2::request_head(3, http2::END_STREAM, "GET", "/next")).await;
    assert_eq!(client.next_of(http2::DATA, 3).await.payload, b"ok");
    assert_eq!(model.seen().len(), 1, "the slow one never came to the model whole");
}

#[tokio::test]
async fn streams_whose_windows_stay_shut_are_reset_and_give_the_models_places_back() {
    let never = Gate::new();
    let endless = Model::start(move |seen| match seen.uri.path() {
        "/endless" => Reply::steps(vec![Step::Data("begun".into()), Step::Wait(never.clone())]),
        _ => Reply::text("ok"),
    })
    .await;
    let rig = Rig::start(&limited("write_stall: 1s", &endless)).await;
    let shut = http2::setting(4, 0);
    let mut client = Frames::connect(rig.gateway().data_addr(), &shut).await;
    for stream in (1..100).step_by(2) {
        client.send(&http2::request_head(stream, http2::END_STREAM, "GET", "/endless")).await;
    }
    let in_flight = async || rig.metric("crossfade_model_in_flight_requests", &[]).await;
    until("all of them", async || in_flight().await == 50.0).await;
    assert_eq!(rig.client().await.get("/").await.text(), "ok", "another user is served");
    for stream in (1..100).step_by(2) {
        client.next_of(http2::RST_STREAM, stream).await;
    }
    until("their end", async || in_flight().await == 0.0).await;
    assert_eq!(met(&rig, "write_stall").await, 50.0);
    // The connection lives, and a stream with room gets its answer.
    client.send(&http2::frame(http2::SETTINGS, 0, 0, &http2::setting(4, 65_535))).await;
    client.send(&http2::request_head(101, http2::END_STREAM, "GET", "/")).await;
    assert_eq!(client.next_of(http2::DATA, 101).await.payload, b"ok");
}

#[tokio::test]
async fn a_client_that_takes_a_long_answer_in_small_steps_keeps_it() {
    let gate = Gate::new();
    let model = Model::saying(Reply::steps(vec![
        Step::Data("begun, ".into()),
        Step::Wait(gate.clone()),
        Step::Data("ended".into()),
    ]))
    .await;
    let rig =
        Rig::start(&limited("write_stall: 50ms, idle: 50ms, body_grace: 50ms, header_time: 50ms", &model))
            .await;
    let mut http2 = rig.client2().await;
    let mut http1 = rig.client().await;
    let asked = |client| Client::head(client, request("GET", "/", &[], ""));
    let (one, two) = tokio::join!(asked(&mut http1), asked(&mut http2));
    // Every limit has passed several times when the model goes on; none of them is the client's.
    tokio::time::sleep(Duration::from_millis(400)).await;
    gate.open();
    for answer in [one, two] {
        let body = http_body_util::BodyExt::collect(answer.unwrap().into_body()).await.unwrap().to_bytes();
        assert_eq!(body, "begun, ended");
    }
}
