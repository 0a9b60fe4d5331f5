//! Floods of small HTTP/2 frames: each is cut off, others are served meanwhile, and nothing is left behind.

use tokio::task::JoinSet;

use crate::limits::descriptors;
use crate::limits::limited;
use crate::limits::met;
use crate::limits::resident_bytes;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::request;
use crate::rig::until;

const ATTACKERS: usize = 20;

/// Floods the gateway over many connections, with a user beside them, and checks that all is as before afterwards.
async fn flood(name: &str, settings: &[u8], first: &[u8], again: impl Fn(u32) -> Vec<u8>) {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("", &model)).await;
    let mut user = rig.client().await;
    assert_eq!(user.get("/").await.text(), "ok");
    let (descriptors_before, memory_before) = (descriptors(), resident_bytes());
    let mut attackers = JoinSet::new();
    // Streams count up, so that what is sent again and again is not the same.
    let again: Vec<u8> = (0..2_000).flat_map(|number| again(2 * number + 3)).collect();
    for _ in 0..ATTACKERS {
        let mut attacker = Frames::connect(rig.gateway().data_addr(), settings).await;
        attacker.send(first).await;
        let again = again.clone();
        attackers.spawn(async move { attacker.flood(&again).await });
    }
    while let Ok(served) =
        tokio::time::timeout(std::time::Duration::from_millis(1), attackers.join_next()).await
    {
        if served.transpose().unwrap().is_none() {
            break;
        }
    }
    while !attackers.is_empty() {
        assert_eq!(user.get("/").await.text(), "ok", "{name}: the user beside them is served");
        let _ = attackers.try_join_next().transpose().unwrap();
    }
    until("their end", async || rig.metric("crossfade_connections", &[]).await == 1.0).await;
    until("no call", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0).await;
    until("their descriptors", async || descriptors() <= descriptors_before + 300).await;
    let grown = resident_bytes().saturating_sub(memory_before);
    assert!(grown < 64 << 20, "{name}: {grown} bytes more than before");
    assert_eq!(user.get("/").await.text(), "ok");
}

#[tokio::test]
async fn a_flood_of_pings_is_cut_off() {
    flood("ping", &[], &[], |_| http2::frame(http2::PING, 0, 0, &[7; 8])).await;
}

#[tokio::test]
async fn a_flood_of_settings_is_cut_off() {
    flood("settings", &[], &[], |number| http2::frame(http2::SETTINGS, 0, 0, &http2::setting(1, number)))
        .await;
}

#[tokio::test]
async fn a_flood_of_priorities_and_of_unknown_frames_is_cut_off() {
    flood("priority", &[], &[], |number| http2::frame(http2::PRIORITY, 0, number, &[0, 0, 0, 0, 9])).await;
    flood("unknown", &[], &[], |_| http2::frame(0xee, 0, 0, b"what is this?")).await;
}

#[tokio::test]
async fn a_flood_of_window_updates_is_cut_off() {
    let first = http2::request_head(1, 0, "POST", "/");
    flood("window", &[], &first, |_| http2::frame(http2::WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())).await;
}

#[tokio::test]
async fn a_flood_of_data_without_data_is_cut_off() {
    let first = http2::request_head(1, 0, "POST", "/");
    flood("empty data", &[], &first, |_| http2::frame(http2::DATA, 0, 1, &[])).await;
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_are_cut_off() {
    let first = http2::request_head(1, http2::END_STREAM, "GET", "/");
    let reset = |stream| {
        let open = http2::request_head(stream, http2::END_STREAM, "GET", "/reset");
        [open, http2::frame(http2::RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    flood("rapid reset", &[], &first, reset).await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_many_refusals_end_the_connection() {
    let never = crate::rig::Gate::new();
    let model = Model::saying(Reply::text("ok").after(&never)).await;
    let rig = Rig::start(&limited("streams: 3", &model)).await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    for stream in [1, 3, 5, 7] {
        client.send(&http2::request_head(stream, http2::END_STREAM, "GET", "/")).await;
    }
    let refused = client.next_of(http2::RST_STREAM, 7).await;
    assert_eq!(refused.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
    until("the three", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 3.0).await;
    let more: Vec<u8> = (4..5_000)
        .flat_map(|number| http2::request_head(2 * number + 1, http2::END_STREAM, "GET", "/"))
        .collect();
    client.flood(&more).await;
    until("no call", async || rig.metric("crossfade_model_in_flight_requests", &[]).await == 0.0).await;
    assert_eq!(model.seen().len(), 3);
}

#[tokio::test]
async fn what_a_busy_client_sends_beside_its_requests_is_no_flood() {
    let model = Model::saying(Reply::text("x".repeat(100_000))).await;
    let rig = Rig::start(&limited("control_frames: 100", &model)).await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    let room = |stream: u32, bytes: usize| {
        http2::frame(http2::WINDOW_UPDATE, 0, stream, &(bytes as u32).to_be_bytes())
    };
    for stream in (1..400).step_by(2) {
        client.send(&http2::request_head(stream, http2::END_STREAM, "GET", "/")).await;
        let mut read = 0;
        while read < 100_000 {
            let frame = client.next_of(http2::DATA, stream).await;
            read += frame.payload.len();
            if !frame.payload.is_empty() {
                // Some clients give room back for every frame, and measure the way by a ping.
                let size = frame.payload.len();
                let back = [room(0, size), room(stream, size), http2::frame(http2::PING, 0, 0, &[1; 8])];
                client.send(&back.concat()).await;
            }
        }
    }
    assert_eq!(met(&rig, "control_frames").await, 0.0);
    // And one that gives its requests up now and then.
    let mut leaving = rig.client2().await;
    for _ in 0..50 {
        drop(leaving.head(request("GET", "/", &[], "")).await.unwrap());
    }
    assert_eq!(leaving.get("/").await.status, 200);
}
