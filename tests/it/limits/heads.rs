//! Heads that are too large, too many-headed, or too slow.

use serde_json::json;

use crate::limits::limited;
use crate::limits::met;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Wire;
use crate::rig::http2;
use crate::rig::http2::Frames;
use crate::rig::until;

/// A request with a first line of so many bytes, so many fields, and one field of so many bytes.
fn request(line: usize, fields: usize, field: usize) -> String {
    let target = "x".repeat(line.saturating_sub("GET / HTTP/1.1".len()));
    let fields: String = (0..fields).map(|number| format!("x-{number}: y\r\n")).collect();
    format!("GET /{target} HTTP/1.1\r\nhost: a\r\n{fields}x-large: {}\r\n\r\n", "z".repeat(field))
}

#[tokio::test]
async fn a_head_beyond_its_limits_is_refused_in_its_own_words_and_the_next_user_is_served() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("", &model)).await;
    let cases = [
        (request(32 * 1024, 1, 1), "200", None),
        (request(32 * 1024 + 1, 1, 1), "414", Some("uri_bytes")),
        (request(65_535, 1, 1), "414", Some("uri_bytes")),
        // The model takes a hundred too, and the gateway adds a few.
        (request(1, 90, 1), "200", None),
        (request(1, 99, 1), "431", Some("header_count")),
        (request(1, 1, 65_000), "200", None),
        (request(1, 1, 66_000), "431", Some("header_bytes")),
    ];
    for (text, status, limit) in cases {
        let before = match limit {
            Some(limit) => met(&rig, limit).await,
            None => 0.0,
        };
        let mut client = Wire::connect(rig.gateway().data_addr()).await;
        client.send(&text).await;
        let answer = client.read_message().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        if let Some(limit) = limit {
            until(limit, async || met(&rig, limit).await == before + 1.0).await;
        }
        assert_eq!(rig.client().await.get("/").await.text(), "ok");
    }
}

#[tokio::test]
async fn the_limits_of_a_head_are_the_policys() {
    let model = Model::saying(Reply::text("ok")).await;
    let limits = "header_bytes: 4KiB, header_count: 20, uri_bytes: 100B";
    let rig = Rig::start(&limited(limits, &model)).await;
    let cases = [
        (request(100, 1, 1), "200"),
        (request(101, 1, 1), "414"),
        (request(1, 18, 1), "200"),
        (request(1, 19, 1), "431"),
        (request(1, 1, 4_000), "200"),
        (request(1, 1, 4_100), "431"),
    ];
    for (text, status) in cases {
        let mut client = Wire::connect(rig.gateway().data_addr()).await;
        client.send(&text).await;
        let answer = client.read_message().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

#[tokio::test]
async fn the_same_holds_for_http2_and_ends_one_stream() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("header_bytes: 4KiB, header_count: 10, uri_bytes: 100B", &model)).await;
    let many: String = (0..11).map(|number| format!("x-{number} ")).collect();
    let many: Vec<&str> = many.split_whitespace().collect();
    let large = "z".repeat(5_000);
    let target = format!("/{}", "x".repeat(100));
    let mut client = rig.client2().await;
    assert_eq!(client.get(&target).await.status, 414);
    let fields: Vec<(&str, &str)> = many.iter().map(|name| (*name, "y")).collect();
    assert_eq!(client.post("/", &fields, "").await.status, 431);
    assert_eq!(client.post("/", &[("x-large", &large)], "").await.status, 431);
    assert_eq!(client.get("/").await.text(), "ok", "the connection goes on");
    assert_eq!((met(&rig, "uri_bytes").await, met(&rig, "header_count").await), (1.0, 1.0));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_given_up_and_told_so() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("header_time: 200ms", &model)).await;
    let mut attackers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let addr = rig.gateway().data_addr();
        attackers.spawn(async move {
            let slow = Wire::connect(addr).await;
            let answer = slow.trickle("GET / HTTP/1.1\r\nhost: a\r\nx-endless: ").await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        });
    }
    until("all of them", async || rig.metric("crossfade_connections", &[]).await == 50.0).await;
    assert_eq!(rig.client().await.get("/").await.text(), "ok");
    attackers.join_all().await;
    assert_eq!(met(&rig, "header_time").await, 50.0);
    let told = rig.metric("crossfade_gateway_answers_total", &["reason=\"head_late\""]).await;
    assert_eq!(told, 50.0);
    until("their end", async || rig.metric("crossfade_connections", &[]).await == 0.0).await;
}

#[tokio::test]
async fn an_http2_head_without_end_is_cut_off() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("", &model)).await;
    let mut client = Frames::connect(rig.gateway().data_addr(), &[]).await;
    let fields = http2::request_fields("GET", "/");
    client.send(&http2::frame(http2::HEADERS, http2::END_STREAM, 1, &fields)).await;
    let more = http2::field("x-more", &"z".repeat(100));
    client.flood(&http2::frame(http2::CONTINUATION, 0, 1, &more)).await;
    assert_eq!(rig.client().await.get("/").await.text(), "ok");
    assert!(model.seen().iter().all(|seen| seen.headers.get("x-more").is_none()));
}

#[tokio::test]
async fn limits_are_read_at_start_and_a_reload_says_so() {
    let model = Model::saying(Reply::text("ok")).await;
    let rig = Rig::start(&limited("uri_bytes: 1KiB", &model)).await;
    let (mut admin, mut round) = (rig.admin().await, 0);
    // Now and then the file's watch is faster, and the order finds nothing changed.
    until("an order that finds the file changed", async || {
        round += 1;
        rig.write_policy(&format!("# {round}\n{}", limited("uri_bytes: 100B", &model)));
        let reloaded = admin.post("/-/reload", &[], "").await;
        assert_eq!(reloaded.status, 200, "{}", reloaded.text());
        reloaded.json()["needs_restart"] == json!(["limits"])
    })
    .await;
    let path = format!("/{}", "x".repeat(200));
    assert_eq!(rig.client().await.get(&path).await.status, 200, "the limit of the start holds");
}
