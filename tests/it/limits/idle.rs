//! Connections without a request.

use crate::limits::descriptors;
use crate::limits::limited;
use crate::limits::met;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::until;

#[tokio::test]
async fn idle_connections_are_closed_whatever_they_speak_and_wherever_they_stopped() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("idle: 200ms, header_time: 200ms", &model)).await;
    let addr = rig.gateway().data_addr();
    let before = descriptors();
    let mut silent = Wire::connect(addr).await;
    let mut served = Wire::connect(addr).await;
    served.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    served.read_message().await;
    let mut undecided = Wire::connect(addr).await;
    undecided.send("PRI * HT").await;
    let unused = Frames::connect(addr, &[]).await;
    let mut used = Frames::connect(addr, &[]).await;
    used.send(&http2::request_head(1, http2::END_STREAM, "GET", "/")).await;
    assert_eq!(used.next_of(http2::DATA, 1).await.payload, b"ok");
    silent.closed().await;
    served.closed().await;
    undecided.closed().await;
    for mut http2 in [unused, used] {
        assert_eq!(http2.next_of(http2::GOAWAY, 0).await.payload[4..8], [0; 4], "NO_ERROR");
        // It says nothing to the question whether all has arrived, and is not waited for.
        http2.closed().await;
    }
    until("their end", async || rig.metric("crossfade_connections", &[]).await == 0.0).await;
    drop((silent, served, undecided));
    // What is left belongs to connections to the model.
    until("their descriptors", async || descriptors() <= before + 6).await;
    assert_eq!(met(&rig, "idle").await, 4.0);
}

#[tokio::test]
async fn a_connection_with_a_request_is_not_idle_however_long_the_model_takes() {
    let gate = Gate::new();
    let model = Model::saying(Reply::text("ok").after(&gate)).await;
    let rig = Rig::start(&limited("idle: 50ms", &model)).await;
    let mut http1 = Wire::connect(rig.gateway().data_addr()).await;
    http1.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut http2 = Frames::connect(rig.gateway().data_addr(), &[]).await;
    http2.send(&http2::request_head(1, http2::END_STREAM, "GET", "/")).await;
    let mut idle = Wire::connect(rig.gateway().data_addr()).await;
    idle.closed().await;
    let mut idle = Wire::connect(rig.gateway().data_addr()).await;
    idle.closed().await;
    gate.open();
    assert!(http1.read_message().await.ends_with("ok"));
    assert_eq!(http2.next_of(http2::DATA, 1).await.payload, b"ok");
}

#[tokio::test]
async fn a_connection_that_rests_again_and_again_serves_every_request() {
    let model = Model::start(|seen| Reply::text(seen.uri.path())).await;
    // An idle connection gives its buffers back within a fifth of a second.
    let rig = Rig::start(&limited("", &model)).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(rig.client().await);
    }
    for round in 0..6 {
        for (number, client) in clients.iter_mut().enumerate() {
            let path = format!("/{round}/{number}");
            assert_eq!(client.get(&path).await.text(), path);
        }
        tokio::time::sleep(std::time::Duration::from_millis(40 * round)).await;
    }
    assert_eq!(met(&rig, "idle").await, 0.0);
}
