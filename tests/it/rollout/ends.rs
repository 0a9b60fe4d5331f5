//! Tests that end: by verdict, by time, by budget, by schedule; and A/B tests that lose an arm.

use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;
use crate::rollout::changes;
use crate::rollout::failing_for;
use crate::rollout::policy;
use crate::rollout::rig;
use crate::rollout::serve;
use crate::rollout::stands;
use crate::rollout::until_phase;

#[tokio::test]
async fn an_ab_test_ends_once_the_candidate_may_be_promoted() {
    let split = "ab: {arms: {old: 50%, new: 50%}, primary_metric: {metric: error_rate}, min_duration: 0s}";
    let (rig, _old, new) = rig(split, 1).await;
    until_phase(&rig, "ended", 20_000).await;
    let changes = changes(&stands(&rig).await);
    assert_eq!((changes[1].0.as_str(), changes[1].1.as_str()), ("ended", "verdict"), "{changes:?}");
    let before = new.seen().len();
    serve(&mut rig.client().await, 0..100).await;
    assert_eq!(new.seen().len(), before, "legacy alone answers");
    let shown = rig.admin().await.get("/api/v1/experiments/e").await.json();
    assert_eq!(shown["arms"][0]["weight"], "100%");
}

#[tokio::test]
async fn an_ab_test_may_go_on_after_its_verdict() {
    let split = "ab: {arms: {old: 50%, new: 50%}, primary_metric: {metric: error_rate}, min_duration: 0s, \
                 on_verdict: continue}";
    let (rig, _old, _new) = rig(split, 1).await;
    let mut client = rig.client().await;
    let mut users = 0;
    while !rig.admin().await.get("/api/v1/experiments/e/verdict").await.text().contains("\"promote\":true") {
        assert!(users < 20_000, "no verdict");
        serve(&mut client, users..users + 100).await;
        users += 100;
    }
    assert_eq!(stands(&rig).await["phase"], "running");
}

#[tokio::test]
async fn an_arm_that_fails_is_taken_out_of_an_ab_test_and_the_others_go_on() {
    let (old, good, bad) = (failing_for(10).await, failing_for(10).await, failing_for(70).await);
    let models = format!(
        "models: {{old: {{url: \"{}\"}}, good: {{url: \"{}\"}}, bad: {{url: \"{}\"}}}}\n",
        old.url(),
        good.url(),
        bad.url()
    );
    let text = format!(
        "{models}experiments:\n  - {{name: e, legacy: old, unit: [{{header: x-user-id}}], strategy: {{ab: {{arms: {{old: \
         40%, good: 30%, bad: 30%}}, guardrail_alpha: 0.05}}}}}}\n"
    );
    let rig = Rig::start(&text).await;
    let mut client = rig.client().await;
    let mut users = 0;
    while stands(&rig).await["taken_out"] != json!(["bad"]) {
        assert!(users < 20_000, "nobody is taken out");
        serve(&mut client, users..users + 50).await;
        users += 50;
    }
    let before = (good.seen().len(), bad.seen().len());
    serve(&mut client, 0..200).await;
    assert!(good.seen().len() > before.0, "the other candidate goes on");
    assert_eq!(bad.seen().len(), before.1);
    let weight = async |arm: &str| rig.metric("crossfade_traffic_weight_ratio", &[arm]).await;
    assert_eq!(stands(&rig).await["phase"], "running");
    let shown = rig.admin().await.get("/api/v1/experiments/e").await.json();
    let weights: Vec<_> = shown["arms"].as_array().unwrap().iter().map(|arm| &arm["weight"]).collect();
    assert_eq!(weights, ["70%", "30%", "0%"]);
    assert_eq!(weight("arm=\"bad\"").await, 0.0);
}

#[tokio::test]
async fn a_shadow_ends_with_its_budget_and_begins_again_when_somebody_resumes() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let rig = Rig::start(&policy(&old.url(), &new.url(), "shadow: {budget: {total_copies: 20}}")).await;
    let mut client = rig.client().await;
    serve(&mut client, 0..20).await;
    until("the budget is spent", async || stands(&rig).await["phase"] == "ended").await;
    let changes = changes(&stands(&rig).await);
    assert_eq!(changes[1].2, "20 copies were made, as many as the policy allows");
    let before = new.seen().len();
    assert_eq!(serve(&mut client, 0..20).await, 0);
    assert_eq!(new.seen().len(), before, "no more copies");
    let resumed = rig.admin().await.post("/api/v1/experiments/e/resume", &[], "").await;
    assert_eq!(resumed.json()["phase"], "running");
    serve(&mut client, 0..5).await;
    until("copies again", async || new.seen().len() == before + 5).await;
}

#[tokio::test]
async fn a_schedule_keeps_candidates_out_before_and_after_its_time() {
    let (old, new) = (Model::saying(Reply::text("old")).await, Model::saying(Reply::text("new")).await);
    let on = |schedule: &str| {
        let text = policy(&old.url(), &new.url(), "canary: {steps: [{weight: 100%, hold: 1h}]}");
        format!("{text}    schedule: {{{schedule}}}\n")
    };
    let rig = Rig::start(&on("start: \"2999-01-01T00:00:00Z\"")).await;
    let mut client = rig.client().await;
    let mut answer = async || client.post("/", &[("x-user-id", "user-1")], "").await.text().to_owned();
    assert_eq!(answer().await, "old");
    assert_eq!(stands(&rig).await["phase"], "scheduled");
    let reload = async |schedule: &str, phase: &str| {
        rig.write_policy(&on(schedule));
        let reloaded = rig.admin().await.post("/-/reload", &[], "").await;
        assert_eq!(reloaded.status, 200, "{}", reloaded.text());
        until(phase, async || stands(&rig).await["phase"] == phase).await;
    };
    reload("start: \"2000-01-01T00:00:00Z\"", "running").await;
    assert_eq!(answer().await, "new");
    reload("stop: \"2000-01-01T00:00:00Z\"", "ended").await;
    assert_eq!(answer().await, "old");
    assert_eq!(changes(&stands(&rig).await)[2].2, "its time is over");
}
