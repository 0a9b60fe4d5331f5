//! Judges through a gateway: what they say goes on record, counts live as it does in the report, and disturbs nobody.

use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

/// What both models' answers say, as language models say it.
fn chat(content: &str) -> Reply {
    Reply::json(&json!({"choices": [{"message": {"role": "assistant", "content": content}}]}))
}

fn policy(old: &Model, new: &Model, keys: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{shadow: {{}}}}\n{keys}",
        old.url(),
        new.url()
    )
}

async fn ask(rig: &Rig, times: usize) {
    let mut client = rig.client().await;
    for _ in 0..times {
        assert_eq!(client.post("/", &[], r#"{"messages": []}"#).await.status, 200);
    }
}

/// The judgements that are on record once the gateway has shut down.
async fn judgements(rig: Rig) -> Vec<Value> {
    let mut records = rig.records().await;
    records.retain(|line| line["kind"] == "judgement");
    records
}

async fn judged(rig: &Rig, answers: f64) {
    until("the judges to be done", async || rig.metric("crossfade_judgements_total", &[]).await >= answers)
        .await;
}

const TIDY: &str = r#"    judges:
      tidy:
        rules:
          - json_schema: {type: object, required: [title], properties: {title: {type: string}}}
          - regex: "[A-Z]"
          - contains: title
          - not_contains: sorry
          - length: {min: 5, max: 60}
          - language: en
    metrics: {tidiness: {judge: tidy}}
"#;

#[tokio::test]
async fn answers_are_judged_by_rules_and_the_record_names_those_they_break() {
    let (old, new) =
        (Model::saying(chat(r#"{"title": "Good"}"#)).await, Model::saying(chat("sorry, no")).await);
    let rig = Rig::start(&policy(&old, &new, TIDY)).await;
    ask(&rig, 1).await;
    judged(&rig, 2.0).await;
    let labels = ["experiment=\"e\"", "judge=\"tidy\"", "result=\"scored\""];
    assert_eq!(rig.metric("crossfade_judgements_total", &labels).await, 2.0);
    let found = judgements(rig).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0]["answers"],
        json!([
            {"arm": "old", "role": "answer", "score": 1.0},
            {"arm": "new", "role": "shadow", "score": 0.0,
             "broken": ["1:json_schema", "2:regex", "3:contains", "4:not_contains"]},
        ])
    );
    assert_eq!((&found[0]["mode"], &found[0]["propensity"]), (&json!("rules"), &json!(1.0)));
    assert_eq!(found[0]["version"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn a_sample_is_drawn_by_request_with_its_own_salt() {
    let (old, new) = (Model::saying(chat("A")).await, Model::saying(chat("B")).await);
    let keys = "    judges: {half: {rules: [{contains: A}], sample: 50%}}\n";
    let rig = Rig::start(&policy(&old, &new, keys)).await;
    ask(&rig, 60).await;
    until("every pair to be on record", async || {
        rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await == 60.0
    })
    .await;
    let dir = rig.records_dir();
    // What waits at the end is let go, so the judge is waited for first: no answer counts thrice.
    let mut last = -1.0;
    until("the judge to have nothing left", async || {
        let now = rig.metric("crossfade_judgements_total", &[]).await;
        let still = now > 0.0 && now == last;
        last = now;
        still
    })
    .await;
    let found = judgements(rig).await;
    assert!((10..50).contains(&found.len()), "{}", found.len());
    for line in found {
        assert_eq!(line["propensity"], json!(0.5));
        let id: crossfade::vocab::RequestId = serde_json::from_value(line["request_id"].clone()).unwrap();
        let bucket = crossfade::assign::bucket("e/judge/half", id.as_bytes());
        assert!(bucket.0 < u64::MAX / 2, "{line} in {}", dir.display());
    }
}

#[tokio::test]
async fn a_judge_never_sees_what_was_redacted() {
    let (old, new) =
        (Model::saying(chat("mail ann@example.org")).await, Model::saying(chat("mail nobody")).await);
    let keys = "    judges: {secret: {rules: [{not_contains: ann@example.org}, {contains: mail}]}}\n";
    let record = " redact: [{pattern: email, action: mask}],";
    let rig = Rig::start_with(&policy(&old, &new, keys), "", record).await;
    ask(&rig, 1).await;
    judged(&rig, 2.0).await;
    let found = judgements(rig).await;
    assert!(found[0]["answers"].as_array().unwrap().iter().all(|answer| answer["score"] == 1.0), "{found:?}");
}

#[tokio::test]
async fn a_failed_answer_is_the_worst_and_streams_are_put_together() {
    let stream = "data: {\"choices\": [{\"delta\": {\"content\": \"Hello \"}}]}\n\ndata: {\"choices\": [{\"delta\": \
                  {\"content\": \"world\"}}]}\n\ndata: [DONE]\n\n";
    let old = Model::saying(Reply::text(stream).header("content-type", "text/event-stream")).await;
    let new = Model::saying(Reply::status(500)).await;
    let keys = "    judges: {polite: {rules: [{contains: Hello world}]}}\n";
    let rig = Rig::start(&policy(&old, &new, keys)).await;
    ask(&rig, 1).await;
    judged(&rig, 2.0).await;
    let found = judgements(rig).await;
    let scores: Vec<&Value> =
        found[0]["answers"].as_array().unwrap().iter().map(|answer| &answer["score"]).collect();
    assert_eq!(scores, [&json!(1.0), &json!(0.0)]);
}
