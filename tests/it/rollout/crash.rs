//! A gateway that is killed goes on where it was, at whatever step that is.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Process;
use crate::rig::Reply;
use crate::rig::until;
use crate::rollout::policy;
use crate::rollout::serve;

/// Three steps of three requests each, and a person's word at the end.
const STEPS: &str = "canary: {steps: [{weight: 50%, min_requests: 3}, {weight: 60%, min_requests: 3}, {weight: 70%, \
                     min_requests: 3}, {weight: 80%, approve: manual}]}";

async fn ramp(process: &Process) -> Value {
    process.admin().await.get("/api/v1/experiments/e").await.json()["ramp"].clone()
}

/// What the disk says.
fn kept(dir: &TempDir) -> Value {
    let state = std::fs::read(dir.path().join("records/rollout.json")).unwrap_or_default();
    serde_json::from_slice::<Value>(&state).map_or(Value::Null, |state| state["experiments"][0].clone())
}

fn listening(dir: &Path, policy: &str) -> String {
    let records = dir.join("records");
    format!(
        "listen: {{data: \"127.0.0.1:0\", admin: \"127.0.0.1:0\"}}\nrecord: {{dir: {}}}\n{policy}",
        records.display()
    )
}

#[tokio::test]
async fn a_ramp_goes_on_after_a_kill_at_every_step() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let dir = TempDir::new().unwrap();
    let text = listening(dir.path(), &policy(&old.url(), &new.url(), STEPS));
    let mut process = Process::start(&dir, &text);
    let mut users = 0;
    for step in 1..=4_u64 {
        let mut client = Client::http1(process.data).await;
        while ramp(&process).await["step"] != step {
            assert!(users < 10_000, "the ramp does not step");
            serve(&mut client, users..users + 1).await;
            users += 1;
        }
        until("the step is on the disk", async || kept(&dir)["step"] == step - 1).await;
        let before = ramp(&process).await;
        process.kill();
        process = Process::start(&dir, &text);
        let after = ramp(&process).await;
        for key in ["step", "stage", "attempt", "phase", "weight"] {
            assert_eq!(after[key], before[key], "{key} at step {step}");
        }
        let length = |ramp: &Value| ramp["history"].as_array().unwrap().len();
        assert_eq!(length(&after), length(&before), "the history goes on");
    }
    let promoted = process.admin().await.post("/api/v1/experiments/e/promote", &[], "").await.json();
    assert_eq!(promoted["phase"], "promoted");
    process.kill();
    process = Process::start(&dir, &text);
    assert_eq!(ramp(&process).await["phase"], "promoted", "what was confirmed was on the disk");
    process.admin().await.post("/api/v1/experiments/e/rollback", &[], "").await;
    process.kill();
    process = Process::start(&dir, &text);
    assert_eq!(ramp(&process).await["phase"], "rolled_back");
}

#[tokio::test]
async fn kills_at_any_moment_lose_no_step_that_was_seen_on_the_disk() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let dir = TempDir::new().unwrap();
    let text = listening(dir.path(), &policy(&old.url(), &new.url(), STEPS));
    let mut users = 0;
    for served in [1, 4, 2, 7, 3, 9, 12, 20] {
        let before = kept(&dir)["step"].as_u64().unwrap_or(0);
        let process = Process::start(&dir, &text);
        let now = ramp(&process).await;
        assert!(now["step"].as_u64().unwrap() > before, "{now} after step {before} on the disk");
        assert_eq!(now["phase"], "running");
        serve(&mut Client::http1(process.data).await, users..users + served).await;
        users += served;
        process.kill();
    }
}
