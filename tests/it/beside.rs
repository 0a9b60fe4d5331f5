//! Other tools at the admin port over real sockets: OpenFeature's remote evaluation, Flagger's webhooks, Argo's samples.

use http::StatusCode;
use serde_json::Value;
use serde_json::json;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const FLAGS: &str = "/ofrep/v1/evaluate/flags";

/// Four experiments, told apart by a header, on two models.
async fn rig(new: Reply) -> (Rig, Model, Model) {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(new).await;
    let experiment = |name: &str, keys: &str| {
        format!(
            "  - {{name: {name}, match: {{headers: {{x-test: {name}}}}}, legacy: old, candidate: new, {keys}}}\n"
        )
    };
    let unit = "unit: [{header: x-user-id}]";
    let experiments = [
        experiment(
            "split",
            &format!("{unit}, expose_arm: true, strategy: {{ab: {{arms: {{old: 50%, new: 50%}}}}}}"),
        ),
        experiment(
            "ramp",
            &format!(
                "{unit}, expose_arm: true, strategy: {{canary: {{steps: [{{weight: 20%, approve: manual}}]}}}}"
            ),
        ),
        experiment("copied", "strategy: {shadow: {}}"),
        experiment("anew", "strategy: {ab: {arms: {old: 50%, new: 50%}}}"),
    ];
    let (old_url, new_url) = (old.url(), new.url());
    let models = format!("models: {{old: {{url: \"{old_url}\"}}, new: {{url: \"{new_url}\"}}}}\n");
    let rig = Rig::start(&format!("{models}experiments:\n{}", experiments.concat())).await;
    (rig, old, new)
}

fn context(unit: &str) -> String {
    json!({"context": {"targetingKey": unit, "plan": "free"}}).to_string()
}

async fn flag(admin: &mut Client, name: &str, unit: &str) -> Value {
    admin.post(&format!("{FLAGS}/{name}"), &[], &context(unit)).await.json()
}

#[tokio::test]
async fn a_flag_tells_the_arm_that_the_users_requests_get() {
    let (rig, _old, _new) = rig(Reply::text("new")).await;
    let (mut client, mut admin) = (rig.client().await, rig.admin().await);
    for experiment in ["split", "ramp"] {
        let mut by_new = 0;
        for user in 0..60 {
            let user = format!("user-{user}");
            let got = client.post("/", &[("x-test", experiment), ("x-user-id", &user)], "").await;
            let flag = flag(&mut admin, experiment, &user).await;
            assert_eq!(flag["value"], got.header("crossfade-arm").unwrap(), "{flag}");
            assert_eq!((&flag["variant"], &flag["reason"]), (&flag["value"], &json!("SPLIT")));
            by_new += u32::from(flag["metadata"]["part"] == "candidate");
        }
        assert!((1..60).contains(&by_new), "{by_new}");
    }
    let copied = flag(&mut admin, "copied", "user-1").await;
    assert_eq!((&copied["value"], &copied["reason"]), (&json!("old"), &json!("STATIC")));
    admin.post("/api/v1/experiments/ramp/rollback", &[], "").await;
    let out = admin.post(&format!("{FLAGS}/ramp"), &[], "{}").await.json();
    assert_eq!((&out["value"], &out["reason"]), (&json!("old"), &json!("DISABLED")));
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_told_by_the_codes_of_the_protocol() {
    let (rig, _old, _new) = rig(Reply::text("new")).await;
    let mut admin = rig.admin().await;
    let unit = context("user-1");
    for (path, body, status, code) in [
        ("/nobody", unit.as_str(), 404, "FLAG_NOT_FOUND"),
        ("/split", "", 400, "PARSE_ERROR"),
        ("/split", "{", 400, "PARSE_ERROR"),
        ("/split", "[]", 400, "PARSE_ERROR"),
        ("/split", r#"{"context": 1}"#, 400, "INVALID_CONTEXT"),
        ("/split", r#"{"context": {"targetingKey": 1}}"#, 400, "INVALID_CONTEXT"),
        ("/split", "{}", 400, "TARGETING_KEY_MISSING"),
        ("/split", r#"{"context": {"targetingKey": ""}}"#, 400, "TARGETING_KEY_MISSING"),
        ("/anew", unit.as_str(), 400, "GENERAL"),
        ("", "{", 400, "PARSE_ERROR"),
        ("", r#"{"context": 1}"#, 400, "INVALID_CONTEXT"),
    ] {
        let got = admin.post(&format!("{FLAGS}{path}"), &[], body).await;
        let said = got.json();
        assert_eq!(
            (got.status.as_u16(), &said["errorCode"]),
            (status, &json!(code)),
            "{path} {body}: {said}"
        );
        assert!(said["errorDetails"].is_string());
        assert_eq!(said["key"].as_str(), path.strip_prefix('/'));
    }
}

#[tokio::test]
async fn all_flags_come_with_a_tag_by_which_an_unchanged_answer_is_not_sent_again() {
    let (rig, _old, _new) = rig(Reply::text("new")).await;
    let mut admin = rig.admin().await;
    let first = admin.post(FLAGS, &[], &context("user-1")).await;
    let told: Vec<_> = first.json()["flags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flag| (flag["key"].clone(), flag["errorCode"].clone()))
        .collect();
    let plain = |name: &str| (json!(name), Value::Null);
    assert_eq!(told, [plain("split"), plain("ramp"), plain("copied"), (json!("anew"), json!("GENERAL"))]);
    let tag = first.header("etag").unwrap().to_owned();
    let again = admin.post(FLAGS, &[("if-none-match", &tag)], &context("user-1")).await;
    assert_eq!(
        (again.status, again.text(), again.header("etag")),
        (StatusCode::NOT_MODIFIED, "", Some(&*tag))
    );
    let weak = format!("\"other\", W/{tag}");
    assert_eq!(admin.post(FLAGS, &[("if-none-match", &weak)], &context("user-1")).await.status.as_u16(), 304);
    admin.post("/api/v1/experiments/ramp/weight", &[], r#"{"weight": "100%"}"#).await;
    let changed = admin.post(FLAGS, &[("if-none-match", &tag)], &context("user-1")).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.json()["flags"][1]["value"], "new");
    let nameless = admin.post(FLAGS, &[], "{}").await.json();
    assert_eq!(nameless["flags"][0]["errorCode"], "TARGETING_KEY_MISSING");
    assert_eq!(nameless["flags"][2]["value"], "old");
}

async fn gate(admin: &mut Client, gate: &str, metadata: &Value) -> (u16, Value) {
    let call = json!({"name": "digits", "namespace": "models", "phase": "Progressing", "checksum": "85d557f47b", "metadata": metadata});
    let got = admin
        .post(&format!("/api/v1/flagger/{gate}"), &[("content-type", "application/json")], &call.to_string())
        .await;
    (got.status.as_u16(), got.json())
}

#[tokio::test]
async fn flaggers_gates_follow_the_verdict() {
    let (rig, _old, _new) = rig(Reply::status(500)).await;
    let (mut client, mut admin) = (rig.client().await, rig.admin().await);
    let split = json!({"experiment": "split", "token": "unused"});
    for (name, expected) in [
        ("confirm-rollout", 200),
        ("rollout", 200),
        ("confirm-traffic-increase", 200),
        ("confirm-promotion", 409),
        ("rollback", 409),
    ] {
        let (status, said) = gate(&mut admin, name, &split).await;
        assert_eq!((status, &said["state"]), (expected, &json!("waiting")), "{name}: {said}");
        assert_eq!(said["open"], expected == 200);
    }
    for user in 0..400 {
        client.post("/", &[("x-test", "split"), ("x-user-id", &format!("user-{user}"))], "").await;
    }
    until("the failing candidate to be found out", async || {
        rig.admin().await.get("/api/v1/experiments/split/verdict").await.json()["state"] == "rollback"
    })
    .await;
    for (name, expected) in
        [("rollout", 409), ("confirm-traffic-increase", 409), ("confirm-promotion", 409), ("rollback", 200)]
    {
        let (status, said) = gate(&mut admin, name, &split).await;
        assert_eq!((status, &said["candidate"]), (expected, &json!("new")), "{name}: {said}");
    }
    let (missing, said) = gate(&mut admin, "rollout", &json!({})).await;
    assert_eq!(missing, 400);
    assert!(said["error"].as_str().unwrap().contains("metadata: {experiment: NAME}"), "{said}");
    assert_eq!(gate(&mut admin, "rollout", &json!({"experiment": "nobody"})).await.0, 404);
    assert_eq!(
        gate(&mut admin, "rollout", &json!({"experiment": "split", "candidate": "newer"})).await.0,
        404
    );
    let nothing = admin.post("/api/v1/flagger/rollout", &[], "").await;
    assert_eq!(nothing.status.as_u16(), 400);
}

#[tokio::test]
async fn the_token_guards_flags_and_gates_too() {
    let old = Model::saying(Reply::text("old")).await;
    let policy = format!("models: {{old: {{url: \"{}\"}}}}\ndefault: old\n", old.url());
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret\n").unwrap();
    let listen = format!(" token: {{from_file: '{}'}},", token.path().display());
    let rig = Rig::start_with(&policy, &listen, "").await;
    let mut admin = rig.admin().await;
    for path in [FLAGS, "/ofrep/v1/evaluate/flags/split", "/api/v1/flagger/rollout"] {
        assert_eq!(admin.post(path, &[], "{}").await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let flags = admin.post(FLAGS, &[("authorization", "Bearer s3cret")], "{}").await;
    assert_eq!((flags.status, flags.json()), (StatusCode::OK, json!({"flags": []})));
}
