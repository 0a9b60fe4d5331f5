//! Two vendors' models behind one route: each gets its own name, path, headers and key, and a client sees none of it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::Sending;
use crate::rig::Step;
use crate::rig::request;
use crate::rig::until;

/// A chat model that streams, and tells its usage if it is asked.
async fn chat(name: &'static str) -> Model {
    Model::start(move |seen: &Seen| {
        let Ok(asked) = serde_json::from_slice::<Value>(&seen.body) else { return Reply::status(400) };
        let tells = asked["stream_options"]["include_usage"] == json!(true);
        let usage = if tells { ",\"usage\":null" } else { "" };
        let chunk = |content: &str| {
            format!("data: {{\"id\":\"{name}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]{usage}}}\n\n")
        };
        let mut steps = vec![Step::Data(chunk("one ").into()), Step::Data(chunk("two").into())];
        if tells {
            let told = format!(
                "data: {{\"id\":\"{name}\",\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}}}\n\n"
            );
            steps.push(Step::Data(told.into()));
        }
        steps.push(Step::Data("data: [DONE]\n\n".into()));
        Reply::steps(steps).header("content-type", "text/event-stream")
    })
    .await
}

/// What a server that tells no usage streams.
fn untold(name: &str) -> String {
    let chunk = |content: &str| {
        format!(
            "data: {{\"id\":\"{name}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}}}}]}}\n\n"
        )
    };
    format!("{}{}data: [DONE]\n\n", chunk("one "), chunk("two"))
}

fn key(dir: &TempDir) -> String {
    let path = dir.path().join("key");
    std::fs::write(&path, "sk-of-the-vendor\n").unwrap();
    path.display().to_string()
}

fn policy(old: &Model, new: &Model, key: &str, strategy: &str, more: &str) -> String {
    format!(
        "models:
  old: {{url: \"{}\", protocol: openai, cost: {{per_million_output_tokens: 10}}}}
  new:
    url: {}
    protocol: openai
    cost: {{per_million_output_tokens: 5}}
    rewrite:
      model: vendor/new-2
      path: /openai/chat
      headers: {{x-team: search}}
      secrets: {{x-account: {{from_file: {key}}}}}
      api_key: {{from_file: {key}}}
      include_usage: true
experiments:
  - {{name: chat, legacy: old, candidate: new, strategy: {strategy}{more}}}
",
        old.url(),
        new.url()
    )
}

fn body(seen: &Seen) -> Value {
    serde_json::from_slice(&seen.body).unwrap()
}

const ASKED: &str = r#"{"model":"big","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("authorization", "Bearer of-a-user"),
    ("idempotency-key", "mine"),
];

#[tokio::test]
async fn each_arm_gets_its_vendors_name_path_headers_and_key_and_the_record_the_clients_request() {
    let (old, new) = (chat("old").await, chat("new").await);
    let dir = TempDir::new().unwrap();
    let rig = Rig::start(&policy(&old, &new, &key(&dir), "{shadow: {}}", "")).await;
    let got = rig.client().await.post("/v1/chat/completions?trace=1", &HEADERS, ASKED).await;
    assert_eq!(got.text(), untold("old"), "legacy is asked as the client asked");
    until("the copy", async || !new.seen().is_empty()).await;
    let (asked, copied) = (old.seen().pop().unwrap(), new.seen().pop().unwrap());
    assert_eq!((&asked.body[..], asked.uri.path()), (ASKED.as_bytes(), "/v1/chat/completions"));
    assert_eq!(asked.headers["authorization"], "Bearer of-a-user");
    assert_eq!(copied.uri, "/openai/chat?trace=1");
    let named = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(named(&copied.headers, "authorization"), "Bearer sk-of-the-vendor");
    assert_eq!(named(&copied.headers, "x-team"), "search");
    assert_eq!(named(&copied.headers, "x-account"), "sk-of-the-vendor");
    let own = named(&copied.headers, "idempotency-key");
    assert!(own.ends_with("-shadow"), "a copy is no repetition of the user's request: {own}");
    let mut expected: Value = serde_json::from_str(ASKED).unwrap();
    expected["model"] = json!("vendor/new-2");
    expected["stream_options"] = json!({"include_usage": true});
    assert_eq!(body(&copied), expected);
    let records = rig.records().await;
    let pair = records.iter().find(|line| line["kind"] == "pair").unwrap();
    assert_eq!(pair["request"]["path"], "/v1/chat/completions");
    assert_eq!(pair["request"]["body"]["model"], "big");
    assert_eq!(pair["observations"][1]["tokens"]["output_tokens"], 2);
    assert_eq!(pair["observations"][1]["cost"]["amount"], "0.00001");
    assert!(
        !records.iter().any(|line| line.to_string().contains("sk-of-the-vendor")),
        "keys are never written"
    );
}

#[tokio::test]
async fn usage_that_the_gateway_asked_for_reaches_the_record_and_not_the_client() {
    let (old, new) = (chat("old").await, chat("new").await);
    let dir = TempDir::new().unwrap();
    let only_new = "{ab: {arms: {old: 0%, new: 100%}}}";
    let rig = Rig::start(&policy(&old, &new, &key(&dir), only_new, "")).await;
    for mut client in [rig.client().await, rig.client2().await] {
        let got = client.post("/v1/chat/completions", &HEADERS, ASKED).await;
        assert_eq!(
            (got.text(), got.header("content-type")),
            (untold("new").as_str(), Some("text/event-stream"))
        );
        // Who asks gets it.
        let asks = r#"{"stream":true,"stream_options":{"include_usage":true},"model":"big"}"#;
        let got = client.post("/v1/chat/completions", &HEADERS, asks).await;
        assert!(got.text().contains("\"usage\":{\"prompt_tokens\":7"), "{}", got.text());
        // A body that comes in pieces is changed as it passes, and so is its length.
        let (first, rest) = ASKED.split_at(12);
        let (pieces, sending) = mpsc::channel(1);
        let asking = client
            .send(request("POST", "/v1/chat/completions", &HEADERS, "").map(|_| Sending::Frames(sending)));
        let sends = async {
            for piece in [first, rest] {
                pieces.send(Bytes::copy_from_slice(piece.as_bytes())).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(pieces);
        };
        assert_eq!(tokio::join!(asking, sends).0.text(), untold("new"));
        // What is no JSON is nobody's business.
        let got = client.post("/v1/audio", &[("content-type", "text/plain")], "model=big").await;
        assert_eq!(got.status, 400);
    }
    let records = rig.records().await;
    let pairs: Vec<&Value> = records.iter().filter(|line| line["kind"] == "pair").collect();
    assert_eq!(pairs.len(), 8);
    for pair in pairs.iter().filter(|pair| pair["observations"][0]["status"] == 200) {
        assert_eq!(pair["observations"][0]["tokens"]["output_tokens"], 2, "{pair}");
    }
}

#[tokio::test]
async fn a_changed_key_is_taken_up_by_a_reload_of_the_same_policy() {
    let (old, new) = (chat("old").await, chat("new").await);
    let dir = TempDir::new().unwrap();
    let rig = Rig::start(&policy(&old, &new, &key(&dir), "{shadow: {}}", "")).await;
    std::fs::write(dir.path().join("key"), "sk-another").unwrap();
    let reloaded = rig.admin().await.post("/-/reload", &[], "").await;
    assert_eq!(reloaded.status, 200, "{}", reloaded.text());
    rig.client().await.post("/v1/chat/completions", &HEADERS, ASKED).await;
    until("the copy", async || !new.seen().is_empty()).await;
    assert_eq!(new.seen()[0].headers["authorization"], "Bearer sk-another");
}

#[tokio::test]
async fn copies_use_no_tools_where_the_policy_says_so() {
    let (old, new) = (chat("old").await, chat("new").await);
    let dir = TempDir::new().unwrap();
    let rig =
        Rig::start(&policy(&old, &new, &key(&dir), "{shadow: {control: 100%}}", ", suppress_tools: true"))
            .await;
    let asked = r#"{"model":"big","tools":[{"type":"web_search"}],"tool_choice":"required"}"#;
    rig.client().await.post("/v1/chat/completions", &HEADERS, asked).await;
    until("the copies", async || old.seen().len() == 2 && new.seen().len() == 1).await;
    let choices =
        |model: &Model| model.seen().iter().map(|seen| body(seen)["tool_choice"].clone()).collect::<Vec<_>>();
    let mut of_legacy = choices(&old);
    of_legacy.sort_by_key(Value::to_string);
    assert_eq!(of_legacy, [json!("none"), json!("required")]);
    assert_eq!(choices(&new), [json!("none")]);
}

#[tokio::test]
async fn a_model_that_takes_what_no_experiment_matches_is_rewritten_too_and_kserve_by_its_path() {
    let model = Model::saying(Reply::text("{}")).await;
    let policy = format!(
        "models: {{m: {{url: \"{}\", protocol: kserve-v2, rewrite: {{model: digits-2}}}}}}\ndefault: m\n",
        model.url()
    );
    let rig = Rig::start(&policy).await;
    let mut client: Client = rig.client().await;
    for (path, expected) in [
        ("/v2/models/digits/infer", "/v2/models/digits-2/infer"),
        ("/v2/models/digits/versions/1/infer?a=b", "/v2/models/digits-2/versions/1/infer?a=b"),
        ("/v2/models/digits", "/v2/models/digits-2"),
        ("/v2/health/ready", "/v2/health/ready"),
    ] {
        client.post(path, &[], "{\"model\":1}").await;
        let seen = model.seen().pop().unwrap();
        assert_eq!((seen.uri.to_string().as_str(), &seen.body[..]), (expected, &b"{\"model\":1}"[..]));
    }
}
