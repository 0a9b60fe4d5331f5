//! Interleaving when something is wrong: whose fault it is on record, and what the user gets.

use serde_json::Value;
use serde_json::json;

use crate::rig::Client;
use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

async fn rig(old: &Model, new: &Model) -> Rig {
    let interleave =
        "interleave: {items: \"$.results[*]\", id: $.doc, depth: 4, deadline: 200ms, credit: click}";
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    unit: [{{header: x-user}}]\n    outcomes: {{click: {{type: click, window: 1h, absent: none}}}}\n    \
         strategy: {{{interleave}}}\n",
        old.url(),
        new.url()
    );
    Rig::start(&policy).await
}

fn list() -> Reply {
    Reply::json(&json!({"results": [{"doc": "x"}]}))
}

fn stream(gate: &Gate) -> Reply {
    let steps =
        vec![Step::Data("data: 1\n\n".into()), Step::Wait(gate.clone()), Step::Data("data: 2\n\n".into())];
    Reply::steps(steps).header("content-type", "text/event-stream")
}

fn stalled(gate: &Gate) -> Reply {
    let steps = vec![Step::Data("{".into()), Step::Wait(gate.clone())];
    Reply::steps(steps).header("content-type", "application/json")
}

/// How the legs of the first record ended, and whether it says that the client left.
async fn ends(rig: Rig) -> (String, String, Value) {
    let record = rig.records().await.remove(0);
    let legs = record["observations"].as_array().unwrap();
    let fate = |arm: &str| {
        let leg = legs.iter().find(|leg| leg["arm"] == arm);
        leg.unwrap_or_else(|| panic!("no leg of {arm} in {record}"))["fate"].as_str().unwrap().to_owned()
    };
    (fate("old"), fate("new"), record["cancelled"].clone())
}

/// A user who stays is served, and the legs of legacy and candidate end so.
async fn check_ends(name: &str, legacy: Reply, candidate: Reply, fates: (&str, &str)) {
    let (old, new) = (Model::saying(legacy).await, Model::saying(candidate).await);
    let rig = rig(&old, &new).await;
    assert_eq!(rig.client().await.post("/", &[("x-user", "u")], "{}").await.status, 200, "{name}");
    let expected = (fates.0.to_owned(), fates.1.to_owned(), Value::Null);
    assert_eq!(ends(rig).await, expected, "{name}");
}

#[tokio::test]
async fn an_arm_that_misses_the_deadline_timed_out_and_no_client_left() {
    let never = Gate::new();
    let cases = [
        ("before its head", list(), list().after(&never), ("complete", "timeout")),
        ("in its body", list(), stalled(&never), ("complete", "timeout")),
        ("legacy before its head", list().after(&never), list(), ("timeout", "complete")),
    ];
    for (name, legacy, candidate, fates) in cases {
        check_ends(name, legacy, candidate, fates).await;
    }
}

#[tokio::test]
async fn an_arm_that_is_not_read_to_its_end_was_left_by_the_gateway_and_not_by_the_client() {
    let (open, never) = (Gate::new(), Gate::new());
    open.open();
    let cases = [
        ("legacy streams", stream(&open), list().after(&never), ("complete", "cancelled")),
        ("the candidate streams", list(), stream(&never), ("complete", "cancelled")),
    ];
    for (name, legacy, candidate, fates) in cases {
        check_ends(name, legacy, candidate, fates).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_unmixed_stream_is_on_record() {
    let never = Gate::new();
    let (old, new) = (Model::saying(list().after(&never)).await, Model::saying(stream(&never)).await);
    let rig = rig(&old, &new).await;
    let mut client: Client = rig.client().await;
    let answer = client.head(request("POST", "/", &[("x-user", "u")], "{}")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    drop((answer, client));
    let left = ["arm=\"new\"", "code=\"cancelled\""];
    until("the leaving", async || rig.metric("crossfade_requests_total", &left).await == 1.0).await;
    let expected = ("timeout".to_owned(), "cancelled".to_owned(), Value::Bool(true));
    assert_eq!(ends(rig).await, expected);
}

#[tokio::test]
async fn an_answer_that_is_served_unmixed_keeps_the_fields_that_describe_it() {
    let part = list().header("etag", "\"v1\"").header("content-range", "bytes 0-20/100");
    let part = Reply { status: http::StatusCode::PARTIAL_CONTENT, ..part };
    let (old, new) = (Model::saying(part).await, Model::saying(Reply::status(500)).await);
    let got = rig(&old, &new).await.client().await.post("/", &[("x-user", "u")], "{}").await;
    assert_eq!(
        (got.status.as_u16(), got.header("etag"), got.header("content-range")),
        (206, Some("\"v1\""), Some("bytes 0-20/100"))
    );

    let mixed = list().header("etag", "\"v1\"").header("digest", "sha-256=x");
    let (old, new) = (Model::saying(mixed.clone()).await, Model::saying(mixed).await);
    let got = rig(&old, &new).await.client().await.post("/", &[("x-user", "u")], "{}").await;
    assert_eq!((got.status.as_u16(), got.header("etag"), got.header("digest")), (200, None, None));
}

#[tokio::test]
async fn an_answer_without_a_body_stays_without_one() {
    for (method, status, length) in [("HEAD", 200, Some("123")), ("POST", 304, None), ("POST", 204, None)] {
        let reply = Reply { steps: Vec::new(), ..Reply::status(status) };
        let reply = match length {
            Some(length) => reply.header("content-length", length),
            None => reply,
        };
        let (old, new) = (Model::saying(reply.clone()).await, Model::saying(reply).await);
        let rig = rig(&old, &new).await;
        let got = rig.client().await.send(request(method, "/", &[("x-user", "u")], "")).await;
        assert_eq!(
            (got.status.as_u16(), got.header("content-length")),
            (status, length),
            "{method} {status}"
        );
    }
}
