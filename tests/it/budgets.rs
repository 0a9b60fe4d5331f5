//! What copies may spend in a day is a hard stop, over restarts too.

use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

const ANSWER: &str =
    r#"{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":30,"completion_tokens":10}}"#;

async fn chat() -> Model {
    let answer: Value = serde_json::from_str(ANSWER).unwrap();
    Model::saying(Reply::json(&answer)).await
}

fn policy(old: &Model, new: &Model, budget: &str) -> String {
    format!(
        "models:
  old: {{url: \"{}\"}}
  new: {{url: \"{}\", protocol: openai, cost: {{per_request: 0.02}}}}
experiments:
  - {{name: e, legacy: old, candidate: new, strategy: {{shadow: {{held_back: 0%, budget: {{{budget}}}}}}}}}
",
        old.url(),
        new.url()
    )
}

/// How many copies were sent and how many were not for the budget's sake.
async fn copies(rig: &Rig) -> (f64, f64) {
    (
        rig.metric("crossfade_copies_sent_total", &[]).await,
        rig.metric("crossfade_copies_dropped_total", &["reason=\"budget\""]).await,
    )
}

#[tokio::test]
async fn neither_money_nor_tokens_of_a_day_are_passed_and_a_restart_gives_no_more() {
    // Three copies of 0.02 fit into 0.07, and two of 40 tokens into 100.
    for (budget, fit) in [("usd_per_day: 0.07", 3.0), ("tokens_per_day: 100", 2.0)] {
        let (old, new) = (chat().await, chat().await);
        let mut rig = Rig::start(&policy(&old, &new, budget)).await;
        let mut asked = 0.0;
        let mut client = rig.client().await;
        for _ in 0..8 {
            let body = json!({"messages": []}).to_string();
            assert_eq!(client.post("/v1/chat/completions", &[], &body).await.status, 200);
            asked += 1.0;
            until("the copy's end", async || {
                let (sent, dropped) = copies(&rig).await;
                let settled = rig.metric("crossfade_pairs_total", &[]).await;
                sent + dropped == asked && settled == sent
            })
            .await;
        }
        assert_eq!(copies(&rig).await, (fit, 8.0 - fit), "{budget}");
        rig.restart().await;
        let mut client = rig.client().await;
        assert_eq!(client.post("/v1/chat/completions", &[], "{}").await.status, 200);
        until("the copy's end", async || copies(&rig).await == (0.0, 1.0)).await;
        assert_eq!(new.seen().len() as f64, fit);
    }
}

#[tokio::test]
async fn copies_that_are_all_under_way_at_once_do_not_pass_it_either() {
    let (old, new) = (chat().await, chat().await);
    let rig = Rig::start(&policy(&old, &new, "usd_per_day: 0.1")).await;
    let mut client = rig.client().await;
    // From the first one on it is known what a copy costs.
    client.post("/v1/chat/completions", &[], "{}").await;
    until("the first copy", async || rig.metric("crossfade_pairs_total", &[]).await == 1.0).await;
    let mut asking = JoinSet::new();
    for _ in 0..40 {
        let mut client = rig.client().await;
        asking.spawn(async move { client.post("/v1/chat/completions", &[], "{}").await.status });
    }
    assert!(asking.join_all().await.iter().all(|status| *status == 200));
    until("all copies", async || {
        let (sent, dropped) = copies(&rig).await;
        sent + dropped == 41.0
    })
    .await;
    assert_eq!(copies(&rig).await, (5.0, 36.0));
}
