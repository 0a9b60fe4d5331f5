//! Webhooks: told of every change, signed, told again after a failure, and waited for by nobody.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use serde_json::Value;
use serde_json::json;
use sha2::Sha256;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::until;
use crate::rollout::policy;

const KEY: &str = "a key of more than sixteen bytes";

#[tokio::test]
async fn every_change_is_told_and_signed_and_told_again_after_a_failure() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let told = Arc::new(AtomicUsize::new(0));
    let receiver = {
        let told = Arc::clone(&told);
        Model::start(move |_| match told.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::status(503),
            _ => Reply::text(""),
        })
        .await
    };
    let key_file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key_file.path(), KEY).unwrap();
    let hook = format!(
        "webhooks: {{ops: {{url: \"{}/hook\", secret: {{from_file: {}}}}}}}\n",
        receiver.url(),
        key_file.path().display()
    );
    let steps = "canary: {steps: [{weight: 5%, hold: 1h}]}";
    let rig = Rig::start(&(hook + &policy(&old.url(), &new.url(), steps))).await;
    let order = r#"{"reason": "a drill"}"#;
    rig.admin().await.post("/api/v1/experiments/e/rollback", &[], order).await;
    let sent = ["hook=\"ops\"", "result=\"sent\""];
    until("both changes are told", async || {
        rig.metric("crossfade_webhook_deliveries_total", &sent).await == 2.0
    })
    .await;
    let seen = receiver.seen();
    assert_eq!(seen.len(), 3, "two changes, the first of them twice");
    assert_eq!(seen[0].uri.path(), "/hook");
    assert_eq!((id(&seen[0]), &seen[0].body), (id(&seen[1]), &seen[1].body));
    assert_ne!(id(&seen[1]), id(&seen[2]));
    seen.iter().for_each(check_signature);
    let body: Value = serde_json::from_slice(&seen[2].body).unwrap();
    assert_eq!(body["type"], "crossfade.experiment.changed");
    let data = &body["data"];
    let said = ["experiment", "strategy", "phase", "weight", "cause", "reason"].map(|key| &data[key]);
    let expected = ["e", "canary", "rolled_back", "0%", "person", "ordered: a drill"].map(|text| json!(text));
    assert_eq!(said, expected.each_ref());
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nothing() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("webhooks: {{mute: {{url: \"http://{}\"}}}}\n", mute.local_addr().unwrap());
    let steps = "canary: {steps: [{weight: 5%, hold: 1h}]}";
    let rig = Rig::start(&(hook + &policy(&old.url(), &new.url(), steps))).await;
    let mut admin = rig.admin().await;
    // More than fit in the queue: the rest is dropped, and counted.
    for number in 1..=100 {
        let order = format!(r#"{{"weight": "{}.{:02}%"}}"#, 10 + number / 100, number % 100);
        assert_eq!(admin.post("/api/v1/experiments/e/weight", &[], &order).await.status, 200);
    }
    let dropped = rig.metric("crossfade_webhook_deliveries_total", &["result=\"dropped\""]).await;
    assert!((30.0..=37.0).contains(&dropped), "{dropped} of 101 with 64 places");
}

fn id(seen: &Seen) -> &str {
    seen.headers["webhook-id"].to_str().unwrap()
}

fn check_signature(seen: &Seen) {
    let signed = format!("{}.{}.", id(seen), seen.headers["webhook-timestamp"].to_str().unwrap());
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    mac.update(&seen.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(seen.headers["webhook-signature"].to_str().unwrap(), expected);
}
