//! A strict record: whoever has a whole answer is in the log by then, and a log that takes nothing keeps nobody waiting.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use serde_json::Value;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Step;
use crate::rig::read_records;
use crate::rig::until;

async fn rig(strategy: &str, record: &str, old: &Model, new: &Model) -> Rig {
    let policy = format!(
        "models: {{old: {{url: \"{}\"}}, new: {{url: \"{}\"}}}}\nexperiments:\n  - {{name: e, legacy: old, candidate: new, \
         unit: [{{header: x-user-id}}], \
         strategy: {strategy}}}\n",
        old.url(),
        new.url()
    );
    Rig::start_with(&policy, "", record).await
}

/// What the log says of a request.
fn said(rig: &Rig, id: &str) -> Vec<Value> {
    read_records(&rig.records_dir()).into_iter().filter(|line| line["request_id"] == id).collect()
}

#[tokio::test]
async fn an_answer_is_on_record_when_its_last_byte_arrives_whatever_its_form() {
    let replies = [
        Reply::text("of a known length"),
        Reply::steps(["of", "no", "known", "length"].map(|piece| Step::Data(piece.into())).to_vec()),
        Reply::status(204),
        Reply::status(503),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let (old, new) = (Model::saying(reply).await, Model::saying(Reply::text("new")).await);
        for strategy in ["{shadow: {}}", "{canary: {steps: [{weight: 1%, hold: 1h}]}}"] {
            let rig = rig(strategy, "strict: {patience: 60s},", &old, &new).await;
            for _ in 0..5 {
                let got = rig.client().await.post("/", &[("x-user-id", "u")], "asked").await;
                let lines = said(&rig, got.header("crossfade-id").unwrap());
                let case = format!("reply {number} under {strategy}: {lines:?}");
                let answered = lines.iter().find(|line| line["kind"] == "answered");
                let answered = answered.unwrap_or_else(|| panic!("{case}"));
                assert_eq!(answered["request"]["body"]["text"], "asked", "{case}");
                let legacy = &answered["observations"][0];
                assert_eq!(legacy["status"], got.status.as_u16(), "{case}");
                assert_eq!(legacy["bytes"], got.body.len(), "{case}");
            }
            let lines = rig.records().await;
            let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
            assert_eq!((of("answered"), of("pair"), of("gap")), (5, 5, 0), "{strategy}");
        }
    }
}

/// The log's other readers run on the writer's thread: one that is held holds the writer as a slow disk does.
#[tokio::test]
async fn a_log_that_takes_nothing_keeps_nobody_from_the_answer_and_is_counted() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let rig = rig("{shadow: {}}", "strict: {patience: 50ms},", &old, &new).await;
    assert_eq!(rig.client().await.post("/", &[], "1").await.text(), "old");
    let unconfirmed = "crossfade_record_unconfirmed_total";
    assert_eq!(rig.metric(unconfirmed, &[]).await, 0.0);
    let (holds, held) = sync_channel(0);
    let (release, released) = sync_channel::<()>(0);
    let gateway = Arc::new(rig);
    let holding = std::thread::spawn({
        let gateway = Arc::clone(&gateway);
        move || {
            let _analysis = gateway.gateway().analysis().lock().unwrap();
            holds.send(()).unwrap();
            released.recv().unwrap();
        }
    });
    held.recv().unwrap();
    until("answers that the log does not have", async || {
        assert_eq!(gateway.client().await.post("/", &[], "2").await.text(), "old");
        gateway.metric(unconfirmed, &[]).await > 0.0
    })
    .await;
    release.send(()).unwrap();
    holding.join().unwrap();
    assert_eq!(gateway.client().await.post("/", &[], "3").await.text(), "old");
}
