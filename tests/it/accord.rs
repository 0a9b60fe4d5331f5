//! Judges held against people: what they agree on is counted, puts the judge's word right, and below a floor voids it.

use crossfade::analysis::Analysis;
use crossfade::record;
use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const PAIRS: usize = 120;
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PAGE: &str = "/review/e/people";

/// Answers that are good in three of four requests from the candidate, else from legacy.
async fn model(is_candidate: bool) -> Model {
    Model::start(move |seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let number = asked["n"].as_u64().unwrap();
        let word = if number.is_multiple_of(4) == is_candidate { "bad" } else { "good" };
        Reply::json(
            &json!({"choices": [{"message": {"role": "assistant", "content": format!("{word} {number}")}}]}),
        )
    })
    .await
}

/// A judge that prefers the good answer wherever it stands.
async fn judge() -> Model {
    Model::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        let winner = if asked["answers"]["a"].as_str().unwrap().starts_with("good") { "a" } else { "b" };
        Reply::json(&json!({"winner": winner}))
    })
    .await
}

/// Sends the requests and has a person judge all but one of them, who takes to `likes`.
async fn rig(likes: &str) -> Rig {
    let (old, new, judge) = (model(false).await, model(true).await, judge().await);
    let policy = format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{shadow: {{primary_metric: {{metric: better}}}}}}\n    judges:\n      runs: {{http: \
         {{url: \"{}/judge\"}}}}\n      people: {{human: {{checks: runs}}, sample: 100%}}\n    metrics: {{better: {{judge: \
         runs}}}}\n",
        old.url(),
        new.url(),
        judge.url()
    );
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    for number in 0..PAIRS {
        assert_eq!(client.post("/", &[], &json!({"n": number}).to_string()).await.status, 200);
    }
    until("the pairs to wait", async || rig.metric("crossfade_judge_waiting", &[]).await == PAIRS as f64)
        .await;
    let mut admin = rig.admin().await;
    let mut sheet = admin.get(&format!("{PAGE}/next?reviewer=ann")).await.json();
    for _ in 0..PAIRS {
        let left = sheet["pair"]["left"]["text"].as_str().unwrap().starts_with(likes);
        let verdict = if left { "left" } else { "right" };
        let word = json!({"reviewer": "ann", "id": sheet["pair"]["id"], "verdict": verdict});
        sheet = admin.post(&format!("{PAGE}/verdict"), &JSON, &word.to_string()).await.json();
    }
    // The last verdict may still be taken back.
    until("both to be heard", async || {
        let runs = runs(&rig).await;
        runs["judgements"] == PAIRS && runs["accord"]["pairs"] == PAIRS - 1
    })
    .await;
    rig
}

async fn summary(rig: &Rig) -> Value {
    rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].take()
}

async fn runs(rig: &Rig) -> Value {
    let summary = summary(rig).await;
    let judges = summary["judges"].as_array().cloned().unwrap_or_default();
    judges.into_iter().find(|judge| judge["judge"] == "runs").unwrap_or_default()
}

#[tokio::test]
async fn a_judge_of_one_mind_with_people_decides_and_its_word_is_put_right_by_theirs() {
    let mut rig = rig("good").await;
    let runs = runs(&rig).await;
    let accord = &runs["accord"];
    assert_eq!((&accord["agreement"], &accord["kappa"]), (&json!(1.0), &json!(1.0)), "{accord}");
    assert_eq!(runs["distrust"], Value::Null);
    let found = &accord["candidates"][0];
    assert_eq!((&found["candidate"], &found["judged"]), (&json!("new"), &json!(PAIRS)));
    assert_eq!((&found["judge_rate"], &found["labelled"]), (&json!(0.75), &json!(PAIRS - 1)));
    let labels = ["judge=\"runs\"", "bound=\"estimate\""];
    assert_eq!(rig.metric("crossfade_judge_kappa", &labels).await, 1.0);
    let labels = ["judge=\"runs\"", "candidate=\"new\"", "by=\"judge\""];
    assert_eq!(rig.metric("crossfade_judge_win_ratio", &labels).await, 0.75);
    let verdict = &summary(&rig).await["verdicts"][0];
    assert_eq!(verdict["state"], "waiting", "{verdict}");
    // Live as in the report, once the last word is on record.
    rig.shut_down().await.unwrap();
    let mut report = Analysis::new();
    for line in record::read(&rig.records_dir()).unwrap() {
        report.fold(&line.unwrap());
    }
    let report = serde_json::to_value(report.summary("e").unwrap()).unwrap();
    let of_runs = report["judges"].as_array().unwrap().iter().find(|judge| judge["judge"] == "runs").unwrap();
    assert_eq!(of_runs["accord"]["pairs"], json!(PAIRS));
    assert_eq!(of_runs["accord"]["candidates"][0]["people_rate"], json!(0.75));
}

#[tokio::test]
async fn a_judge_that_people_disagree_with_decides_nothing() {
    let rig = rig("bad").await;
    let summary = summary(&rig).await;
    let verdict = &summary["verdicts"][0];
    assert_eq!(verdict["state"], "invalid", "{verdict}");
    let reason = verdict["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with(
            "the judge `runs` cannot be trusted: it agrees with people on 0 % of 119 pairs, kappa -0."
        ),
        "{reason}"
    );
    let runs = runs(&rig).await;
    assert_eq!(runs["distrust"], *reason);
    assert!(runs["accord"]["upper"].as_f64().unwrap() < 0.4, "{runs}");
}
