//! Canaries that climb, are held and are taken out by evidence.

use serde_json::json;

use crate::rig::until;
use crate::rollout::changes;
use crate::rollout::rig;
use crate::rollout::serve;
use crate::rollout::stands;
use crate::rollout::until_phase;

#[tokio::test]
async fn a_bad_candidate_is_rolled_back_by_itself_and_few_users_notice() {
    let steps = "canary: {steps: [{weight: 10%, hold: 1h}], guardrail_alpha: 0.05}";
    let (rig, _old, new) = rig(steps, 60).await;
    let (failures, users) = until_phase(&rig, "rolled_back", 20_000).await;
    // Legacy fails for a tenth of all users, the candidate for six tenths of a tenth: half a tenth more.
    let bound = users as f64 * (0.10 + 0.10 * 0.50);
    assert!((failures as f64) < bound + 4.0 * bound.sqrt(), "{failures} of {users}");
    let ramp = stands(&rig).await;
    assert_eq!((&ramp["weight"], &ramp["step"]), (&json!("0%"), &json!(0)));
    let changes = changes(&ramp);
    let (phase, cause, reason) = &changes[1];
    assert_eq!((phase.as_str(), cause.as_str()), ("rolled_back", "guardrail"));
    assert!(
        reason.starts_with("guardrail `error_rate` tipped after ") && reason.ends_with(" requests"),
        "{reason}"
    );
    let labels = ["experiment=\"e\"", "phase=\"rolled_back\"", "cause=\"guardrail\""];
    assert_eq!(rig.metric("crossfade_rollout_changes_total", &labels).await, 1.0);

    let asked = new.seen().len();
    serve(&mut rig.client().await, 0..200).await;
    assert_eq!(new.seen().len(), asked, "the candidate is out");
    let records = rig.records().await;
    let last = records.last().unwrap();
    assert_eq!((&last["assigned"], &last["enrolled"]), (&json!("old"), &json!(false)));
}

#[tokio::test]
async fn a_good_candidate_climbs_by_verdicts_to_everybody() {
    let steps = "canary: {steps: [{weight: 30%, until: verdict}, {weight: 60%, until: verdict}, {weight: 100%}], \
                 guardrails: [{metric: error_rate, max_ratio: 3}]}";
    let (rig, _old, new) = rig(steps, 10).await;
    let (_, users) = until_phase(&rig, "promoted", 30_000).await;
    let changes = changes(&stands(&rig).await);
    let by_verdict: Vec<_> = changes.iter().filter(|(_, cause, _)| cause == "verdict").collect();
    assert_eq!(by_verdict.len(), 2, "{changes:?}");
    assert!(by_verdict[0].2.starts_with("step 1 is done: "), "{changes:?}");
    let before = new.seen().len();
    serve(&mut rig.client().await, users..users + 100).await;
    assert_eq!(new.seen().len(), before + 100, "everybody gets the candidate");
}

#[tokio::test]
async fn whoever_resumes_after_a_roll_back_begins_with_empty_evidence() {
    let steps = "canary: {steps: [{weight: 20%, hold: 1h}], guardrail_alpha: 0.05}";
    let (rig, _old, _new) = rig(steps, 80).await;
    until_phase(&rig, "rolled_back", 20_000).await;
    let resumed = rig.admin().await.post("/api/v1/experiments/e/resume", &[], "").await.json();
    assert_eq!((&resumed["phase"], &resumed["attempt"]), (&json!("running"), &json!(2)));
    serve(&mut rig.client().await, 0..20).await;
    let verdict = async || {
        let verdicts = rig.admin().await.get("/api/v1/experiments/e/verdict").await.json();
        verdicts.to_string().contains("\"requests\":20,")
    };
    until("the new attempt's own twenty requests", verdict).await;
    assert_eq!(stands(&rig).await["phase"], "running", "what was known before does not count");
    until_phase(&rig, "rolled_back", 20_000).await;
    let records = rig.records().await;
    let mut identities: Vec<_> = records.iter().map(|record| record["identity"].to_string()).collect();
    identities.dedup();
    assert!(identities.len() >= 2, "{identities:?}");
    assert_ne!(identities[0], identities[1]);
}

#[tokio::test]
async fn what_may_only_hold_holds() {
    // Whether every request that fails is an outcome of its own is for the person who holds it.
    let steps = "canary: {steps: [{weight: 50%, hold: 1h}], guardrail_alpha: 0.05, \
                 guardrails: [{metric: error_rate, max_ratio: 1.5, on_breach: hold}]}";
    let (rig, _old, new) = rig(steps, 60).await;
    until_phase(&rig, "held", 20_000).await;
    let ramp = stands(&rig).await;
    assert_eq!((&ramp["held_by"], &ramp["weight"]), (&json!("verdict"), &json!("50%")));
    let before = new.seen().len();
    serve(&mut rig.client().await, 0..100).await;
    assert!(new.seen().len() > before, "who is in stays in");
    let promoted = rig.admin().await.post("/api/v1/experiments/e/promote", &[], "").await.json();
    assert_eq!(promoted["phase"], "promoted", "a person may go on");
}

#[tokio::test]
async fn a_step_that_takes_too_long_is_held_until_somebody_resumes() {
    let steps = "canary: {steps: [{weight: 50%, min_requests: 1000000, timeout: 50ms}]}";
    let (rig, _old, _new) = rig(steps, 10).await;
    let held = async || stands(&rig).await["phase"] == "held";
    until("the step is given up", held).await;
    assert_eq!(stands(&rig).await["held_by"], "timeout");
    let resumed = rig.admin().await.post("/api/v1/experiments/e/resume", &[], "").await.json();
    assert_eq!(resumed["phase"], "running");
    until("it is given up again", held).await;
}
