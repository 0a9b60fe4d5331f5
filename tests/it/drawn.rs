//! Which requests judges are shown, and that what their calls take is counted alike in budgets and metrics.

use std::collections::BTreeMap;
use std::fs;

use crossfade::assign::bucket;
use crossfade::record::hashed_unit;
use crossfade::vocab::ExperimentName;
use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::read_records;
use crate::rig::until;

/// What both models' answers say, as language models say it.
fn chat(content: &str) -> Reply {
    Reply::json(&json!({"choices": [{"message": {"role": "assistant", "content": content}}]}))
}

fn policy(old: &Model, new: &Model, strategy: &str, keys: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {strategy}\n{keys}",
        old.url(),
        new.url()
    )
}

/// A judge of every kind that asks, each by its own path.
async fn judge() -> Model {
    Model::start(|seen| match seen.uri.path() {
        "/v1/chat/completions" => {
            let said = json!({"winner": "A"}).to_string();
            Reply::json(&json!({"choices": [{"message": {"role": "assistant", "content": said}}]}))
        }
        "/v1/embeddings" => {
            let asked: Value = serde_json::from_slice(&seen.body).unwrap();
            let texts = asked["input"].as_array().unwrap().len();
            let data: Vec<Value> = (0..texts).map(|at| json!({"index": at, "embedding": [1, at]})).collect();
            Reply::json(&json!({"data": data}))
        }
        _ => Reply::json(&json!({"winner": "a", "score": 0.5})),
    })
    .await
}

/// Sends requests of which no two are the same, so that no judge knows an answer from before.
async fn ask(rig: &Rig, times: usize) {
    let mut client = rig.client().await;
    for number in 0..times {
        let asked = json!({"messages": [{"role": "user", "content": number.to_string()}]});
        assert_eq!(client.post("/", &[], &asked.to_string()).await.status, 200);
    }
}

#[tokio::test]
async fn a_judge_of_pairs_says_nothing_of_requests_that_went_to_one_model_and_takes_no_budget_for_them() {
    let (old, new, judge) =
        (Model::saying(chat("bad")).await, Model::saying(chat("good")).await, judge().await);
    let url = judge.url();
    let keys = format!(
        "    judges:\n      better: {{llm: {{url: \"{url}/v1\", model: m}}, sample: 100%}}\n      \
         runs: {{http: {{url: \"{url}/judge\"}}}}\n      \
         near: {{embeddings: {{url: \"{url}/v1\", model: m}}, sample: 100%}}\n      \
         people: {{human: {{}}, sample: 100%}}\n      \
         alone: {{http: {{url: \"{url}/alone\", mode: pointwise}}}}\n      tidy: {{rules: [{{contains: good}}]}}\n"
    );
    let mut rig = Rig::start(&policy(&old, &new, "{shadow: {held_back: 50%}}", &keys)).await;
    ask(&rig, 30).await;
    let waiting = async || rig.metric("crossfade_judge_waiting", &[]).await;
    until("every request to be judged by itself", async || {
        let alone = rig.metric("crossfade_judgements_total", &["judge=\"alone\""]).await;
        let tidy = rig.metric("crossfade_judgements_total", &["judge=\"tidy\""]).await;
        alone == tidy && tidy == 30.0 + waiting().await
    })
    .await;
    let pairs = waiting().await;
    for name in ["better", "runs", "near"] {
        until("every pair to be judged", async || {
            rig.metric("crossfade_judgements_total", &[&format!("judge=\"{name}\"")]).await == pairs
        })
        .await;
    }
    rig.shut_down().await.unwrap();
    let records = read_records(&rig.records_dir());
    let books: Value =
        serde_json::from_slice(&fs::read(rig.records_dir().join("judges.json")).unwrap()).unwrap();
    let held_back = records.iter().filter(|line| line["held_back"] == true).count();
    assert!((5..26).contains(&held_back), "{held_back} of 30");
    assert_eq!(pairs, (30 - held_back) as f64);
    let judgements: Vec<&Value> = records.iter().filter(|line| line["kind"] == "judgement").collect();
    assert!(judgements.iter().all(|line| !line["answers"].as_array().unwrap().is_empty()), "{judgements:?}");
    for name in ["better", "runs", "near"] {
        assert_eq!(judgements.iter().filter(|line| line["judge"] == name).count() as f64, pairs, "{name}");
    }
    for name in ["alone", "tidy"] {
        assert_eq!(judgements.iter().filter(|line| line["judge"] == name).count(), 30, "{name}");
    }
    for (name, calls) in [("better", 2.0), ("runs", 1.0), ("near", 1.0), ("people", 1.0)] {
        assert_eq!(books[format!("e/{name}")]["calls"], json!((pairs * calls) as u64), "{name}");
    }
}

const TURNS: usize = 3;

/// How many turns of each conversation this judge had a word on.
fn turns_judged(records: &[Value], judge: &str) -> BTreeMap<String, usize> {
    let unit = |line: &Value| line["unit"].as_str().unwrap().to_owned();
    let pairs = records.iter().filter(|line| line["kind"] == "pair");
    let mut turns: BTreeMap<String, usize> = pairs.map(|pair| (unit(pair), 0)).collect();
    for line in records.iter().filter(|line| line["kind"] == "judgement" && line["judge"] == judge) {
        *turns.get_mut(&unit(line)).unwrap() += 1;
    }
    turns
}

#[tokio::test]
async fn a_judge_that_draws_by_the_unit_judges_all_turns_of_a_conversation_or_none() {
    let (old, new) = (Model::saying(chat("done")).await, Model::saying(chat("done")).await);
    let keys = "    unit: [{header: x-conversation-id}]\n    judges:\n      \
                whole: {rules: [{contains: done}], sample: 50%, sample_by: unit}\n      \
                people: {human: {checks: whole}, sample: 25%}\n    \
                metrics: {tidiness: {judge: whole}}\n";
    let mut rig = Rig::start(&policy(&old, &new, "{shadow: {}}", keys)).await;
    let mut client = rig.client().await;
    for turn in 0..TURNS {
        for number in 0..40 {
            let id = format!("conversation-{number}");
            let said = json!({"messages": [{"role": "user", "content": format!("{turn} {number}")}]});
            let got = client.post("/", &[("x-conversation-id", &id)], &said.to_string()).await;
            assert_eq!(got.status, 200);
        }
    }
    // By hand: the hash of each conversation, by the salt of the judge, which those who check it share.
    let name = ExperimentName::new("e").unwrap();
    let units = (0..40).map(|number| hashed_unit(&name, &format!("conversation-{number}")));
    let places: Vec<u64> = units.map(|unit| bucket("e/judge/whole", unit.as_bytes()).0).collect();
    let turns_below = |end: u64| TURNS * places.iter().filter(|place| **place < end).count();
    let (whole_turns, people_turns) = (turns_below(u64::MAX / 2), turns_below(u64::MAX / 4));
    for (judge, answers) in [("whole", 2 * whole_turns), ("people", people_turns)] {
        until("every drawn turn to be judged", async || {
            let label = format!("judge=\"{judge}\"");
            rig.metric("crossfade_judgements_total", &[&label]).await == answers as f64
        })
        .await;
    }
    // What the figures did not wait for they would not count.
    until("every word to be counted", async || {
        let shown = rig.admin().await.get("/api/v1/experiments/e").await.json();
        let judges = shown.pointer("/summary/judges").and_then(Value::as_array).cloned().unwrap_or_default();
        let whole = judges.iter().find(|judge| judge["judge"] == "whole");
        whole.is_some_and(|judge| judge["judgements"] == json!(whole_turns))
    })
    .await;
    rig.shut_down().await.unwrap();
    let records = read_records(&rig.records_dir());
    let [whole, people] = ["whole", "people"].map(|judge| turns_judged(&records, judge));
    for (turns, expected) in [(&whole, whole_turns), (&people, people_turns)] {
        assert_eq!((turns.len(), turns.values().sum()), (40, expected));
        assert!(turns.values().all(|turns| [0, TURNS].contains(turns)), "{turns:?}");
        assert!((1..40).contains(&(expected / TURNS)), "{expected}");
    }
    for (unit, turns) in &people {
        assert!(turns <= &whole[unit], "people judge {unit}, and the judge that they check does not");
    }
}
