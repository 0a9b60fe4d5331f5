//! Experiments that go on by evidence, over real sockets: candidates taken out, promoted, ended, and everybody told.

mod canary;
mod crash;
mod ends;
mod hooks;

use serde_json::Value;

use crate::rig::Client;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;

/// A gateway between a legacy that fails for every tenth user and a candidate that fails for some in a hundred.
async fn rig(strategy: &str, failing: u64) -> (Rig, Model, Model) {
    let (old, new) = (failing_for(10).await, failing_for(failing).await);
    let rig = Rig::start(&policy(&old.url(), &new.url(), strategy)).await;
    (rig, old, new)
}

/// A model that fails for so many users in a hundred; which ones is said by the user's number alone.
pub(crate) async fn failing_for(percent: u64) -> Model {
    Model::start(move |seen| {
        let user = seen.headers["x-user-id"].to_str().unwrap();
        let number: u64 = user.rsplit_once('-').unwrap().1.parse().unwrap();
        // A fixed scatter of the numbers, so that failures do not come in rows.
        if number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32 & 0xFFFF_FFFF < percent * ((1 << 32) / 100) {
            return Reply::status(500);
        }
        Reply::text("fine")
    })
    .await
}

pub(crate) fn policy(old: &str, new: &str, strategy: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{old}\"}}\n  new: {{url: \"{new}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    unit: [{{header: x-user-id}}]\n    strategy: {{{strategy}}}\n"
    )
}

/// Sends the requests of these users, one each, and counts the failures that they see.
pub(crate) async fn serve(client: &mut Client, users: std::ops::Range<u64>) -> u64 {
    let mut failures = 0;
    for user in users {
        let answer = client.post("/", &[("x-user-id", &format!("user-{user}"))], "").await;
        failures += u64::from(answer.status.is_server_error());
    }
    failures
}

/// Where the experiment stands.
pub(crate) async fn stands(rig: &Rig) -> Value {
    rig.admin().await.get("/api/v1/experiments/e").await.json()["ramp"].clone()
}

/// Serves more and more users until the experiment is in this phase, and tells the failures and the users that it took.
async fn until_phase(rig: &Rig, phase: &str, most: u64) -> (u64, u64) {
    let mut client = rig.client().await;
    let (mut users, mut failures) = (0, 0);
    loop {
        let now = stands(rig).await;
        if now["phase"] == phase {
            return (failures, users);
        }
        assert!(users < most, "not {phase} after {users} users: {now}");
        failures += serve(&mut client, users..users + 50).await;
        users += 50;
    }
}

/// The reasons of all changes, with what moved them and where to.
fn changes(ramp: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let history = ramp["history"].as_array().unwrap();
    history
        .iter()
        .map(|change| (text(&change["phase"]), text(&change["cause"]), text(&change["reason"])))
        .collect()
}
