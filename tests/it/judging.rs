//! Judges through a gateway: what they say goes on record, counts live as it does in the report, and disturbs nobody.

use crossfade::analysis::Analysis;
use crossfade::assign::bucket;
use crossfade::record;
use crossfade::vocab::RequestId;
use serde_json::Value;
use serde_json::json;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
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
        let id: RequestId = serde_json::from_value(line["request_id"].clone()).unwrap();
        assert!(bucket("e/judge/half", id.as_bytes()).0 < u64::MAX / 2, "{line}");
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

/// What a language model that judges replies.
fn verdict(content: &Value) -> Reply {
    Reply::json(&json!({
        "model": "judge-1",
        "choices": [{"message": {"role": "assistant", "content": content.to_string()}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }))
}

/// What the judge was asked, as one text.
fn question(seen: &Seen) -> String {
    let asked: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(asked["temperature"], 0);
    asked["messages"][1]["content"].as_str().unwrap().to_owned()
}

/// A judge that prefers the answer that holds `good`, wherever it stands.
async fn fair() -> Model {
    Model::start(|seen| {
        let asked = question(seen);
        let (a, b) = (asked.find("answer A").unwrap(), asked.find("answer B").unwrap());
        let winner = match asked.find("good") {
            Some(at) if a < at && at < b => "A",
            Some(_) => "B",
            None => "tie",
        };
        verdict(&json!({"explanation": "because", "winner": winner}))
    })
    .await
}

fn helpful(judge: &Model, keys: &str) -> String {
    format!(
        "    judges: {{helpful: {{llm: {{url: \"{}/v1\", model: judge-model{keys}}}, sample: 100%}}}}\n    \
         metrics: {{better: {{judge: helpful}}}}\n",
        judge.url()
    )
}

#[tokio::test]
async fn a_language_model_prefers_an_answer_in_both_orders_and_is_told_no_model() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = fair().await;
    let keys = ", cost: {per_million_input_tokens: 10}, rubric: Be kind";
    let rig = Rig::start(&policy(&old, &new, &helpful(&judge, keys))).await;
    let asked = r#"{"model": "gpt-secret", "messages": [{"role": "user", "content": "How?"}]}"#;
    rig.client().await.post("/", &[], asked).await;
    judged(&rig, 1.0).await;
    assert_eq!(rig.metric("crossfade_judgements_total", &["result=\"win\""]).await, 1.0);
    assert_eq!(rig.metric("crossfade_tokens_total", &["role=\"judge\"", "kind=\"input\""]).await, 200.0);
    let cost = rig.metric("crossfade_cost_total", &["role=\"judge\"", "arm=\"helpful\""]).await;
    assert!((cost - 0.002).abs() < 1e-9, "{cost}");
    until("the consistency to be known", async || {
        rig.metric("crossfade_judge_consistency_ratio", &["judge=\"helpful\""]).await == 1.0
    })
    .await;
    for seen in judge.seen() {
        assert_eq!(seen.uri.path(), "/v1/chat/completions");
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        assert!(text.contains("user: How?") && text.contains("Be kind"), "{text}");
        assert!(
            !text.contains("gpt-secret") && !text.contains("\\nold") && !text.contains("legacy"),
            "{text}"
        );
    }
    let found = judgements(rig).await;
    let answer = &found[0]["answers"][0];
    assert_eq!(
        (&answer["arm"], &answer["against_legacy"], &answer["consistent"]),
        (&json!("new"), &json!("win"), &json!(true))
    );
    assert_eq!((&found[0]["calls"], &found[0]["model"]), (&json!(2), &json!("judge-1")));
    assert_eq!(answer["raw"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_judge_that_likes_what_comes_first_prefers_nobody() {
    let (old, new) = (Model::saying(chat("one")).await, Model::saying(chat("two")).await);
    let judge = Model::saying(verdict(&json!({"winner": "A"}))).await;
    let rig = Rig::start(&policy(&old, &new, &helpful(&judge, ""))).await;
    ask(&rig, 1).await;
    judged(&rig, 1.0).await;
    let found = judgements(rig).await;
    let answer = &found[0]["answers"][0];
    assert_eq!((&answer["against_legacy"], &answer["consistent"]), (&json!("tie"), &json!(false)));
}

#[tokio::test]
async fn what_is_no_verdict_is_missing_and_never_a_loss() {
    let (old, new) = (Model::saying(chat("one")).await, Model::saying(chat("two")).await);
    let cases = [
        (Reply::status(401), "refused", 1),
        (verdict(&json!("A is better")), "unparsable", 1),
        (verdict(&json!({"winner": "C"})), "unparsable", 1),
        (Reply::status(503), "refused", 3),
        (Reply::reset(), "unreachable", 3),
    ];
    for (reply, missing, calls) in cases {
        let judge = Model::saying(reply).await;
        let rig = Rig::start(&policy(&old, &new, &helpful(&judge, ""))).await;
        ask(&rig, 1).await;
        judged(&rig, 1.0).await;
        assert_eq!(rig.metric("crossfade_judgements_total", &["result=\"missing\""]).await, 1.0);
        let found = judgements(rig).await;
        assert_eq!(
            (&found[0]["answers"][0]["missing"], &found[0]["calls"]),
            (&json!(missing), &json!(calls))
        );
    }
}

#[tokio::test]
async fn the_same_question_is_asked_once() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = fair().await;
    let keys = helpful(&judge, "").replace("sample: 100%", "sample: 100%, budget: {in_flight: 1}");
    let rig = Rig::start(&policy(&old, &new, &keys)).await;
    ask(&rig, 4).await;
    judged(&rig, 4.0).await;
    assert_eq!(judge.seen().len(), 2);
    let found = judgements(rig).await;
    assert_eq!(found.iter().filter(|line| line["cached"] == true).count(), 3);
}

#[tokio::test]
async fn a_budget_of_calls_is_kept_and_survives_a_restart() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = fair().await;
    let keys =
        helpful(&judge, "").replace("sample: 100%", "sample: 100%, budget: {in_flight: 1, calls_per_day: 2}");
    let mut rig = Rig::start(&policy(&old, &new, &keys)).await;
    let drop = ["judge=\"helpful\"", "reason=\"budget\""];
    let mut client = rig.client().await;
    for number in 0..3 {
        client.post("/", &[], &format!(r#"{{"messages": [], "n": {number}}}"#)).await;
    }
    until("the budget to be used up", async || rig.metric("crossfade_judge_drops_total", &drop).await == 2.0)
        .await;
    rig.restart().await;
    ask(&rig, 1).await;
    until("the budget to be known again", async || {
        rig.metric("crossfade_judge_drops_total", &drop).await == 1.0
    })
    .await;
    assert_eq!(judge.seen().len(), 2);
}

#[tokio::test]
async fn templates_ask_what_answers_rest_on() {
    let (old, new) = (Model::saying(chat("old")).await, Model::saying(chat("new")).await);
    let half = json!([{"holds": true}, {"holds": false}]);
    let cases = [
        ("pointwise", json!({"score": 0.25}), 0.25),
        ("answer_relevance", json!({"score": 1}), 1.0),
        ("faithfulness", json!({"claims": half}), 0.5),
        ("context_precision", json!({"passages": half}), 1.0),
        ("context_recall", json!({"statements": half}), 0.5),
        ("instruction_following", json!({"instructions": half}), 0.5),
    ];
    for (template, reply, score) in cases {
        let judge = Model::saying(verdict(&reply)).await;
        let keys = format!(", template: {template}, context: $.passages, reference: $.reference");
        let rig = Rig::start(&policy(&old, &new, &helpful(&judge, &keys))).await;
        let asked = r#"{"messages": [], "passages": ["PASSAGE"], "reference": "REFERENCE"}"#;
        rig.client().await.post("/", &[], asked).await;
        judged(&rig, 2.0).await;
        assert!(
            question(&judge.seen()[0]).contains("PASSAGE")
                && question(&judge.seen()[0]).contains("REFERENCE")
        );
        let found = judgements(rig).await;
        assert_eq!(found[0]["answers"][0]["score"], json!(score), "{template}");
    }
}

#[tokio::test]
async fn a_service_is_shown_two_answers_by_lot_and_no_model() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = Model::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!(seen.uri.path(), "/judge");
        let winner = if asked["answers"]["a"] == "good" { "a" } else { "b" };
        Reply::json(&json!({"winner": winner, "explanation": "it ran", "label": "passes"}))
    })
    .await;
    let keys = format!(
        "    judges: {{runs: {{http: {{url: \"{}/judge\"}}}}}}\n    metrics: {{works: {{judge: runs}}}}\n",
        judge.url()
    );
    let rig = Rig::start(&policy(&old, &new, &keys)).await;
    let mut client = rig.client().await;
    for number in 0..20 {
        client.post("/", &[], &format!(r#"{{"model": "gpt-secret", "n": {number}}}"#)).await;
    }
    judged(&rig, 20.0).await;
    let asked: Vec<Value> =
        judge.seen().iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect();
    let first = asked.iter().filter(|asked| asked["answers"]["a"] == "good").count();
    assert!((1..20).contains(&first), "{first} of 20 first");
    assert!(asked.iter().all(|asked| !asked.to_string().contains("gpt-secret")));
    let found = judgements(rig).await;
    for line in found {
        let answer = &line["answers"][0];
        assert_eq!(
            (&answer["against_legacy"], &answer["label"], &answer["explanation"]),
            (&json!("win"), &json!("passes"), &json!("it ran"))
        );
    }
}

#[tokio::test]
async fn a_hung_judge_delays_nobody_and_is_left_at_the_end() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let gate = Gate::new();
    let judge = Model::saying(verdict(&json!({"winner": "tie"})).after(&gate)).await;
    let rig = Rig::start(&policy(&old, &new, &helpful(&judge, ""))).await;
    ask(&rig, 10).await;
    until("the judge to be asked", async || judge.seen().len() == 4).await;
    let records = rig.records().await;
    assert_eq!(records.iter().filter(|line| line["kind"] == "pair").count(), 10);
    assert!(records.iter().all(|line| line["kind"] != "judgement"));
}

#[tokio::test]
async fn judges_count_live_as_in_the_report_and_decide() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = fair().await;
    let keys = format!(
        "    judges:\n      helpful: {{llm: {{url: \"{}/v1\", model: m}}, sample: 100%}}\n      tidy: {{rules: \
         [{{contains: bad}}]}}\n    metrics:\n      tidiness: {{judge: tidy}}\n      better: {{judge: helpful}}\n",
        judge.url()
    );
    let policy = policy(&old, &new, &keys).replace(
        "shadow: {}",
        "shadow: {primary_metric: {metric: better}, guardrails: [{metric: tidiness}]}",
    );
    let mut rig = Rig::start(&policy).await;
    ask(&rig, 40).await;
    judged(&rig, 120.0).await;
    let summary = async || {
        let mut found = rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].take();
        found["lost"].take();
        found
    };
    until("every judgement to be folded", async || {
        summary().await["judges"]
            .as_array()
            .is_some_and(|judges| judges.len() == 2 && judges.iter().all(|judge| judge["judgements"] == 40))
    })
    .await;
    let live = summary().await;
    let better = live["effects"].as_array().unwrap().iter().find(|it| it["figure"] == "better").unwrap();
    assert_eq!((&better["scale"], &better["estimate"]), (&json!("preference"), &json!(1.0)));
    assert_eq!(live["verdicts"][0]["state"], "rollback", "{}", live["verdicts"]);
    let helpful = live["judges"].as_array().unwrap().iter().find(|it| it["judge"] == "helpful").unwrap();
    assert_eq!((&helpful["wins"], &helpful["consistency"]), (&json!(40), &json!(1.0)));
    // Once that is settled, the model is asked no more.
    let decided = ["judge=\"helpful\"", "reason=\"decided\""];
    let mut asked = 40;
    until("the judge to stop", async || {
        ask(&rig, 1).await;
        asked += 1;
        rig.metric("crossfade_judge_drops_total", &decided).await > 0.0
    })
    .await;
    until("every request to be judged or let go", async || {
        let dropped = rig.metric("crossfade_judge_drops_total", &decided).await as u64;
        let found = summary().await;
        let judged =
            |name| found["judges"].as_array().unwrap().iter().find(|it| it["judge"] == name).unwrap();
        found["requests"] == asked
            && judged("tidy")["judgements"] == asked
            && judged("helpful")["judgements"].as_u64().unwrap() + dropped == asked
    })
    .await;
    let live = summary().await;
    rig.shut_down().await.unwrap();
    let mut report = Analysis::new();
    for line in record::read(&rig.records_dir()).unwrap() {
        report.fold(&line.unwrap());
    }
    let mut report = serde_json::to_value(report.summary("e").unwrap()).unwrap();
    report["lost"].take();
    assert_eq!(report, live);
}

#[tokio::test]
async fn a_judge_that_the_policy_changes_is_another_and_what_waited_is_let_go() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let gate = Gate::new();
    let hung = Model::saying(verdict(&json!({"winner": "tie"})).after(&gate)).await;
    let judge = fair().await;
    let rig = Rig::start(&policy(&old, &new, &helpful(&hung, ""))).await;
    ask(&rig, 6).await;
    until("the judge to be asked, and the rest to wait", async || {
        let pairs = rig.metric("crossfade_records_written_total", &["kind=\"pair\""]).await;
        hung.seen().len() == 4 && pairs == 6.0
    })
    .await;
    rig.write_policy(&policy(&old, &new, &helpful(&judge, "")));
    assert_eq!(rig.admin().await.post("/-/reload", &[], "").await.status, 200);
    let replaced = ["judge=\"helpful\"", "reason=\"replaced\""];
    until("what waited to be let go", async || {
        rig.metric("crossfade_judge_drops_total", &replaced).await == 6.0
    })
    .await;
    ask(&rig, 1).await;
    judged(&rig, 1.0).await;
    let found = judgements(rig).await;
    assert_eq!((found.len(), &found[0]["answers"][0]["against_legacy"]), (1, &json!("win")));
}

#[tokio::test]
async fn scores_are_compared_in_pairs_and_a_split_hears_the_judge_too() {
    let (old, new) = (Model::saying(chat("old")).await, Model::saying(chat("new")).await);
    let judge = Model::start(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap();
        assert!(asked["answers"]["b"].is_null());
        Reply::json(&json!({"score": if asked["answers"]["a"] == "new" { 0.75 } else { 0.25 }}))
    })
    .await;
    let keys = format!(
        "    judges: {{runs: {{http: {{url: \"{}\", mode: pointwise}}}}, tidy: {{rules: [{{contains: new}}]}}}}\n    \
         metrics: {{works: {{judge: runs}}, tidiness: {{judge: tidy}}}}\n",
        judge.url()
    );
    let shadow = policy(&old, &new, &keys);
    let split = shadow.replace("shadow: {}", "ab: {arms: {old: 50%, new: 50%}}");
    for (policy, answers, scale) in [(shadow, 80.0, "difference"), (split, 40.0, "difference")] {
        let rig = Rig::start(&policy).await;
        let mut client = rig.client().await;
        for number in 0..20 {
            client.post("/", &[], &format!(r#"{{"n": {number}}}"#)).await;
        }
        judged(&rig, answers).await;
        let summary = async || rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].clone();
        until("both judges to be folded", async || {
            let judges = summary().await["judges"].clone();
            judges.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|it| it["judgements"] == 20))
        })
        .await;
        let found = summary().await;
        let of = |list: &str, key: &str, name: &str| {
            found[list].as_array().unwrap().iter().find(|it| it[key] == name).unwrap().clone()
        };
        assert_eq!(of("effects", "figure", "works")["scale"], scale);
        let works = of("metrics", "metric", "works");
        for call in works["calls"].as_array().unwrap() {
            let expected = if call["arm"] == "new" { 0.75 } else { 0.25 };
            assert_eq!(call["value"], json!(expected), "{works}");
        }
        let tidy = of("effects", "figure", "tidiness");
        assert!(tidy["events"].as_u64().unwrap() > 0, "{tidy}");
    }
}

#[tokio::test]
async fn a_judge_gets_its_key_and_nobody_else_sees_it() {
    let (old, new) = (Model::saying(chat("bad")).await, Model::saying(chat("good")).await);
    let judge = fair().await;
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "sk-very-secret\n").unwrap();
    let key = format!(", key: {{from_file: \"{}\"}}", file.display());
    let rig = Rig::start(&policy(&old, &new, &helpful(&judge, &key))).await;
    ask(&rig, 1).await;
    judged(&rig, 1.0).await;
    for seen in judge.seen() {
        assert_eq!(seen.headers["authorization"], "Bearer sk-very-secret");
    }
    let shown = rig.admin().await.get("/api/v1/experiments/e").await.text().to_owned();
    let records = rig.records().await;
    assert!(
        !shown.contains("sk-very-secret") && records.iter().all(|it| !it.to_string().contains("sk-very"))
    );
}
