//! Comparison through a gateway: what the record tells of two answers, and which fields are said to differ truly.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::until;

fn policy(old: &Model, new: &Model, shadow: &str, keys: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{shadow: {{{shadow}}}}}\n{keys}",
        old.url(),
        new.url()
    )
}

/// What the record of one request says of the candidate's answer.
async fn compared(old: Value, new: Value, record: &str, keys: &str) -> Value {
    let (old, new) = (Model::saying(Reply::json(&old)).await, Model::saying(Reply::json(&new)).await);
    let rig = Rig::start_with(&policy(&old, &new, "", keys), "", record).await;
    rig.client().await.post("/", &[], "body").await;
    until("the copy to end", async || rig.metric("crossfade_pairs_total", &[]).await == 1.0).await;
    rig.records().await.into_iter().find(|line| line["kind"] == "pair").unwrap()["comparison"][0].take()
}

#[tokio::test]
async fn the_record_tells_scores_where_rules_measure() {
    let old = json!({
        "label": 7, "scores": [0.5, 0.25], "docs": ["a", "b", "c"], "said": "kitten", "vector": [1, 0],
        "outputs": [{"name": "out", "datatype": "FP32", "shape": [2], "data": [1, 2]}],
    });
    let new = json!({
        "label": "7", "scores": [0.5, 0.75], "docs": ["a", "c", "b"], "said": "Sitting", "vector": [1, 0],
        "outputs": [{"name": "out", "datatype": "FP32", "shape": [2], "data": [[1], [2.5]]}],
    });
    let keys = "    compare:
      class: {label: $.label}
      plain: {exact: $.label}
      scores: {numeric: '$.scores[*]', absolute: 1}
      out: {tensor: out, absolute: 0.1}
      docs: {ranked: $.docs, min_overlap: 1}
      order: {ranked: $.docs, k: 1}
      said: {text: $.said, min_similarity: 0.5, normalize: case}
      vector: {embedding: $.vector, min_cosine: 0.9}
      other: {text: $.nothing}
";
    let found = compared(old, new, "", keys).await;
    let expected = json!({
        "arm": "new", "role": "shadow",
        "fields": {
            "class": "agree", "plain": "differ", "scores": "agree", "out": "differ", "docs": "agree", "order": "agree",
            "said": "agree", "vector": "agree", "other": "missing",
        },
        "scores": {
            "scores": 0.5, "out": 0.5, "docs": 1.0, "order": found["scores"]["order"],
            "said": found["scores"]["said"], "vector": 1.0,
        },
    });
    assert_eq!(found, expected);
    let near = |field: &str, score: f64| (found["scores"][field].as_f64().unwrap() - score).abs() < 1e-9;
    assert!(near("said", 4.0 / 7.0) && near("order", 1.0), "{found}");
}

#[tokio::test]
async fn whole_answers_and_trees_are_told_by_the_paths_at_which_they_differ() {
    let old = json!({"id": 1, "items": [{"n": 1}, {"n": 2}], "tags": ["a", "b"], "gone": 0});
    let new = json!({"id": 2, "items": [{"n": 1}, {"n": 3}], "tags": ["b", "a"], "more": 0});
    let trees =
        "    compare: {all: {tree: $, ignore: /id, unordered: /tags}, items: {tree: $.items, absolute: 1}}\n";
    let cases = [
        ("", json!({"body": "differ"}), json!(["/gone", "/id", "/items/*/n", "/more", "/tags/*"])),
        (trees, json!({"all": "differ", "items": "agree"}), json!(["/gone", "/items/*/n", "/more"])),
        ("    compare: {id: {exact: $.id}}\n", json!({"id": "differ"}), Value::Null),
    ];
    for (keys, fields, paths) in cases {
        let found = compared(old.clone(), new.clone(), "", keys).await;
        assert_eq!((&found["fields"], &found["paths"]), (&fields, &paths), "{keys}");
        assert_eq!(found["paths_truncated"], Value::Null);
    }
    let same = compared(old.clone(), old.clone(), "", "").await;
    assert_eq!((&same["fields"], &same["paths"]), (&json!({"body": "agree"}), &json!([])));
}

#[tokio::test]
async fn paths_are_bounded_and_the_record_says_so() {
    let wide = |value: u32| -> Value {
        let members = (0..100).map(|n| (format!("k{n:02}"), json!(value)));
        let long = ("x".repeat(1_000), json!({"y": value}));
        [long].into_iter().chain(members).collect::<serde_json::Map<_, _>>().into()
    };
    let found = compared(wide(1), wide(2), "", "").await;
    let paths = found["paths"].as_array().unwrap();
    assert_eq!((paths.len(), &paths[0], &found["paths_truncated"]), (64, &json!("/k00"), &json!(true)));
    assert!(paths.contains(&json!("/…")), "a path that is too long ends early");
}

#[tokio::test]
async fn no_path_tells_what_redaction_hides() {
    let answer = |name: &str| {
        json!({
            "users": {name: {"age": 1}}, "mail": [{"to": {name: 1}}], "open": {name: 1}, "drop": {"me": {name: 1}},
        })
    };
    let rules = " redact: [{json: $.users, action: mask}, {json: '$.mail[*].to', action: hash}, \
                 {json: $.drop.me, action: drop}],";
    let found = compared(answer("ann"), answer("bob"), rules, "").await;
    let expected = json!(["/drop", "/mail/*/to", "/open/ann", "/open/bob", "/users"]);
    assert_eq!(found["paths"], expected);
}

/// A model that never says the same `id` twice.
async fn restless(label: &str) -> Model {
    let (asked, label) = (AtomicU64::new(0), label.to_owned());
    // Far apart, so that no id of one model is one of the other.
    let first = u64::from(label.as_bytes()[0]) << 32;
    Model::start(move |_| {
        let id = first + asked.fetch_add(1, Ordering::Relaxed);
        Reply::json(&json!({"id": id, "choices": [{"label": label, "model": "m"}]}))
    })
    .await
}

#[tokio::test]
async fn a_field_that_truly_differs_is_told_from_one_that_differs_anyway() {
    const REQUESTS: usize = 150;
    let (old, new) = (restless("cat").await, restless("dog").await);
    let rig = Rig::start(&policy(&old, &new, "control: 100%", "")).await;
    let mut client = rig.client().await;
    for _ in 0..REQUESTS {
        client.post("/", &[], "body").await;
    }
    let summary = async || rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].clone();
    until("every request to be counted", async || summary().await["paths"][0]["requests"] == REQUESTS).await;
    let found = &summary().await["paths"][0];
    assert_eq!(
        (&found["candidate"], &found["truncated"], &found["other"]),
        (&json!("new"), &json!(0), &json!(0))
    );
    let paths = found["paths"].as_array().unwrap();
    let told: Vec<_> = paths
        .iter()
        .map(|path| json!([path["path"], path["verdict"], path["raw_rate"], path["noise_rate"]]))
        .collect();
    let expected = [json!(["/choices/*/label", "differs", 1.0, 0.0]), json!(["/id", "noise", 1.0, 1.0])];
    assert_eq!(told, expected);
    assert!(paths[0]["log_e"].as_f64().unwrap() > 50.0 && paths[1]["log_e"] == 0.0);
    let records = rig.records().await;
    let pairs = records.iter().filter(|line| line["kind"] == "pair");
    let control =
        pairs.flat_map(|pair| pair["comparison"].as_array().unwrap()).find(|it| it["role"] == "control");
    assert_eq!(control.unwrap()["paths"], json!(["/id"]));
}
