//! People as judges through a gateway: what they see tells no model, and what they say goes on record as the right arm's.

use crossfade::analysis::Analysis;
use crossfade::record;
use crossfade::record::Line;
use serde_json::Value;
use serde_json::json;

use crate::rig::Client;
use crate::rig::Got;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::request;
use crate::rig::until;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const PAGE: &str = "/review/e/people";

fn chat(content: &str) -> Reply {
    Reply::json(&json!({"model": "m-1", "choices": [{"message": {"role": "assistant", "content": content}}]}))
}

fn policy(old: &Model, new: &Model, human: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{}\"}}\n  new: {{url: \"{}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n    strategy: {{shadow: {{}}}}\n    judges: {{people: {{human: {human}, sample: 100%}}}}\n    \
         metrics: {{liked: {{judge: people}}}}\n",
        old.url(),
        new.url()
    )
}

async fn rig(old: &str, new: &str, human: &str, asked: usize) -> Rig {
    let (old, new) = (Model::saying(chat(old)).await, Model::saying(chat(new)).await);
    let rig = Rig::start(&policy(&old, &new, human)).await;
    let mut client = rig.client().await;
    for _ in 0..asked {
        let body = r#"{"model": "secret", "messages": [{"role": "user", "content": "How?"}]}"#;
        assert_eq!(client.post("/", &[], body).await.status, 200);
    }
    until("the pairs to wait", async || rig.metric("crossfade_judge_waiting", &[]).await == asked as f64)
        .await;
    rig
}

fn sheet(got: &Got) -> Value {
    assert_eq!(got.status, 200, "{}", got.text());
    serde_json::from_slice(&got.body).unwrap()
}

async fn next(admin: &mut Client, reviewer: &str) -> Value {
    sheet(&admin.get(&format!("{PAGE}/next?reviewer={reviewer}")).await)
}

async fn say(admin: &mut Client, reviewer: &str, sheet: &Value, verdict: &str) -> Got {
    let word = json!({"reviewer": reviewer, "id": sheet["pair"]["id"], "verdict": verdict});
    admin.post(&format!("{PAGE}/verdict"), &JSON, &word.to_string()).await
}

async fn judgements(rig: Rig) -> Vec<Value> {
    let mut records = rig.records().await;
    records.retain(|line| line["kind"] == "judgement");
    records
}

#[tokio::test]
async fn verdicts_of_people_go_on_record_as_the_arms_that_they_saw() {
    let rig = rig("fine", "better", "{reasons: [wrong]}", 8).await;
    let mut admin = rig.admin().await;
    let mut seen = next(&mut admin, "ann").await;
    for judged in 0..8 {
        assert_eq!((&seen["judged"], &seen["waiting"]), (&json!(judged), &json!(8 - judged)));
        let text = seen.to_string();
        for word in ["secret", "m-1", "\"old\"", "\"new\"", "request_id"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
        assert_eq!(seen["pair"]["request"]["text"], "user: How?");
        let side = if seen["pair"]["left"]["text"] == "better" { "left" } else { "right" };
        seen = sheet(&say(&mut admin, "ann", &seen, side).await);
    }
    assert_eq!((&seen["pair"], &seen["waiting"]), (&Value::Null, &json!(0)));
    let found = judgements(rig).await;
    assert_eq!(found.len(), 8);
    for line in &found {
        assert_eq!((&line["mode"], &line["reviewer"]), (&json!("human"), &json!("ann")));
        let answer = &line["answers"][0];
        assert_eq!((&answer["arm"], &answer["against_legacy"]), (&json!("new"), &json!("win")));
        assert!(["old", "new"].contains(&line["left"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_verdict_is_taken_back_until_the_next_is_given() {
    let rig = rig("fine", "better", "{}", 3).await;
    let mut admin = rig.admin().await;
    let first = next(&mut admin, "ann").await;
    let second = sheet(&say(&mut admin, "ann", &first, "left").await);
    let undo = r#"{"reviewer": "ann"}"#;
    let again = sheet(&admin.post(&format!("{PAGE}/undo"), &JSON, undo).await);
    assert_eq!(again["pair"], first["pair"]);
    assert_eq!((&again["judged"], &again["undo"]), (&json!(0), &json!(false)));
    let second_again = sheet(&say(&mut admin, "ann", &again, "tie").await);
    assert_eq!(second_again["pair"], second["pair"]);
    assert_eq!(say(&mut admin, "ann", &again, "left").await.status, 409);
    sheet(&say(&mut admin, "ann", &second_again, "skip").await);
    let found = judgements(rig).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["answers"][0]["against_legacy"], "tie");
}

#[tokio::test]
async fn each_pair_is_judged_by_as_many_people_as_are_asked_for() {
    let rig = rig("fine", "better", "{each: 2, reviewers: [ann, ben, cid]}", 1).await;
    let mut admin = rig.admin().await;
    let (ann, ben) = (next(&mut admin, "ann").await, next(&mut admin, "ben").await);
    assert_eq!(ann["pair"]["id"], ben["pair"]["id"]);
    assert_eq!(next(&mut admin, "cid").await["pair"], Value::Null);
    assert_eq!(admin.get(&format!("{PAGE}/next?reviewer=dan")).await.status, 403);
    sheet(&say(&mut admin, "ann", &ann, "left").await);
    sheet(&say(&mut admin, "ben", &ben, "tie").await);
    let reviewers: Vec<Value> = judgements(rig).await.iter().map(|line| line["reviewer"].clone()).collect();
    assert_eq!(reviewers, ["ann", "ben"]);
}

#[tokio::test]
async fn hostile_answers_are_spelled_out_and_pages_run_no_script_of_theirs() {
    let rig = rig("<script>alert(1)</script>", "a\u{202e}b\u{0}c", "{}", 1).await;
    let mut admin = rig.admin().await;
    let seen = next(&mut admin, "ann").await;
    let texts = [&seen["pair"]["left"]["text"], &seen["pair"]["right"]["text"]];
    assert!(texts.iter().any(|text| **text == "<script>alert(1)</script>"), "{texts:?}");
    assert!(texts.iter().any(|text| **text == "a[U+202E]b[U+0000]c"), "{texts:?}");
    for path in ["/review", PAGE] {
        let page = admin.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.text().contains("alert("));
    }
}

#[tokio::test]
async fn wrong_words_are_refused_with_the_reason() {
    let rig = rig("fine", "better", "{}", 1).await;
    let mut admin = rig.admin().await;
    let cases = [
        ("e/people/next", 400),
        ("e/people/next?reviewer=", 400),
        ("e/nobody/next?reviewer=ann", 404),
        ("no/people/next?reviewer=ann", 404),
    ];
    for (path, status) in cases {
        assert_eq!(admin.get(&format!("/review/{path}")).await.status, status, "{path}");
    }
    let verdict = format!("{PAGE}/verdict");
    let word = r#"{"reviewer": "ann", "id": "x", "verdict": "left"}"#;
    assert_eq!(admin.post(&verdict, &[], word).await.status, 400);
    assert_eq!(admin.post(&verdict, &JSON, word).await.status, 410);
    assert_eq!(admin.post(&verdict, &JSON, &word.replace("left", "best")).await.status, 400);
    let reason = r#"{"reviewer": "ann", "id": "x", "verdict": "left", "reasons": ["odd"]}"#;
    assert_eq!(admin.post(&verdict, &JSON, reason).await.status, 400);
    let other_site = [("content-type", "application/json"), ("origin", "https://evil.example")];
    assert_eq!(admin.post(&verdict, &other_site, word).await.status, 403);
}

#[tokio::test]
async fn a_token_opens_the_review_and_its_cookie_opens_nothing_else() {
    let (old, new) = (Model::saying(chat("a")).await, Model::saying(chat("b")).await);
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "s3cret").unwrap();
    let listen = format!(" token: {{from_file: \"{}\"}},", file.display());
    let rig = Rig::start_with(&policy(&old, &new, "{}"), &listen, "").await;
    let mut admin = rig.admin().await;
    let page = admin.get("/review").await;
    assert!(page.status == 401 && page.text().contains("type=\"password\""), "{}", page.text());
    assert_eq!(admin.get(&format!("{PAGE}/next?reviewer=ann")).await.status, 401);
    assert_eq!(admin.post("/review/login", &[], "token=wrong").await.status, 401);
    let got = admin.send(request("POST", "/review/login", &[], "token=s3cret")).await;
    assert_eq!(got.status, 303);
    let cookie = got.headers["set-cookie"].to_str().unwrap();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/review"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("s3cret"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with = |path: &str, cookie: &str| request("GET", path, &[("cookie", cookie)], "");
    assert_eq!(admin.send(with("/review", &cookie)).await.status, 200);
    assert_eq!(admin.send(with(&format!("{PAGE}/next?reviewer=ann"), &cookie)).await.status, 200);
    assert_eq!(admin.send(with("/metrics", &cookie)).await.status, 401);
    let forged = cookie.replacen("=1", "=2", 1);
    assert_eq!(admin.send(with("/review", &forged)).await.status, 401);
}

/// What is known of the experiment through the gateway, once all of so many requests that people judged are folded.
async fn summary(rig: &Rig, judgements: u64) -> Value {
    let known = async || {
        let mut found = rig.admin().await.get("/api/v1/experiments/e").await.json()["summary"].take();
        found["lost"].take();
        found
    };
    until("the judgements to be folded", async || known().await["judges"][0]["judgements"] == judgements)
        .await;
    known().await
}

fn reported(analysis: &Analysis) -> Value {
    let mut found = serde_json::to_value(analysis.summary("e").unwrap()).unwrap();
    found["lost"].take();
    found
}

/// The side on which the better answer of `rig` stands.
fn better(sheet: &Value) -> &'static str {
    if sheet["pair"]["left"]["text"] == "better" { "left" } else { "right" }
}

fn worse(sheet: &Value) -> &'static str {
    if better(sheet) == "left" { "right" } else { "left" }
}

#[tokio::test]
async fn of_three_peoples_verdicts_the_majority_counts_live_as_in_the_report_and_they_are_told_how_far_they_agree()
 {
    let mut rig = rig("fine", "better", "{each: 3}", 4).await;
    let mut admin = rig.admin().await;
    // By pair: how many of the three prefer the candidate, the first of them.
    let wins = [3, 2, 1, 0];
    for (place, reviewer) in ["ann", "ben", "cid"].into_iter().enumerate() {
        let mut seen = next(&mut admin, reviewer).await;
        for wins in wins {
            let said = if place < wins { better(&seen) } else { worse(&seen) };
            seen = sheet(&say(&mut admin, reviewer, &seen, said).await);
        }
        assert_eq!(seen["pair"], Value::Null);
    }
    // All but the last verdict of each are on record; the fourth pair's settle with the stop.
    let live = summary(&rig, 3).await;
    let judge = &live["judges"][0];
    assert_eq!((&judge["wins"], &judge["losses"], &judge["ties"]), (&json!(2), &json!(1), &json!(0)));
    let people = &judge["people"];
    assert_eq!((&people["pairs"], &people["kappa"]), (&json!(3), &Value::Null));
    // Of nine twos five are the same; alpha by hand, of six words for the candidate and three against: 1 - (9 - 1) * 4 / (2 * 6 * 3).
    assert_eq!(people["agreement"], json!(5.0 / 9.0));
    let alpha = people["alpha"].as_f64().unwrap();
    assert!((alpha - (1.0 - 8.0 * 4.0 / 36.0)).abs() < 1e-12, "{alpha}");
    assert_eq!(people["reviewers"].as_array().unwrap().len(), 3);
    let page = admin.get("/review").await.text().to_owned();
    assert!(page.contains("On 3 pairs that several judged they agree in 56 %"), "{page}");
    for word in ["old", "new", "win"] {
        assert!(!page.contains(&format!(">{word}<")), "{page}");
    }
    rig.shut_down().await.unwrap();
    let mut report = Analysis::new();
    for line in record::read(&rig.records_dir()).unwrap() {
        report.fold(&line.unwrap());
    }
    let reported = reported(&report);
    let judge = &reported["judges"][0];
    assert_eq!((&judge["judgements"], &judge["losses"]), (&json!(4), &json!(2)));
    let better = reported["effects"].as_array().unwrap().iter().find(|it| it["figure"] == "liked").unwrap();
    assert_eq!((&better["scale"], &better["estimate"]), (&json!("preference"), &json!(0.5)));
}

#[tokio::test]
async fn a_verdict_counts_long_after_its_request_waits_for_nothing_more() {
    let mut rig = rig("fine", "better", "{each: 2}", 3).await;
    let mut admin = rig.admin().await;
    for reviewer in ["ann", "ben"] {
        let mut seen = next(&mut admin, reviewer).await;
        for _ in 0..3 {
            let side = better(&seen);
            seen = sheet(&say(&mut admin, reviewer, &seen, side).await);
        }
    }
    rig.shut_down().await.unwrap();
    let (mut at_once, mut late) = (Analysis::new(), Analysis::new());
    for line in record::read(&rig.records_dir()).unwrap() {
        let line = line.unwrap();
        at_once.fold(&line);
        if let Line::Judgement(judgement) = &line {
            late.forget(&judgement.experiment, judgement.request_id);
        }
        late.fold(&line);
    }
    let found = reported(&late);
    assert_eq!(found, reported(&at_once));
    let judge = &found["judges"][0];
    assert_eq!((&judge["judgements"], &judge["wins"]), (&json!(3), &json!(3)));
    let liked = found["effects"].as_array().unwrap().iter().find(|it| it["figure"] == "liked").unwrap();
    assert_eq!(liked["estimate"], json!(1.0));
    assert_eq!((&judge["people"]["agreement"], &judge["people"]["pairs"]), (&json!(1.0), &json!(3)));
}

#[tokio::test]
async fn people_are_asked_no_more_once_the_verdict_is_reached() {
    let (old, new) = (Model::saying(chat("fine")).await, Model::saying(chat("worse")).await);
    let policy = policy(&old, &new, "{}")
        .replace("shadow: {}", "shadow: {guardrails: [{metric: tidiness}]}")
        .replace("    judges: {", "    judges: {tidy: {rules: [{contains: fine}]}, ")
        .replace("metrics: {", "metrics: {tidiness: {judge: tidy}, ");
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    let dropped = ["judge=\"people\"", "reason=\"decided\""];
    let mut asked = 0.0;
    until("the verdict", async || {
        let body = r#"{"messages": [{"role": "user", "content": "How?"}]}"#;
        assert_eq!(client.post("/", &[], body).await.status, 200);
        asked += 1.0;
        rig.metric("crossfade_judge_drops_total", &dropped).await > 0.0
    })
    .await;
    until("everything that waited to be let go", async || {
        rig.metric("crossfade_judge_waiting", &[]).await == 0.0
            && rig.metric("crossfade_judge_drops_total", &dropped).await == asked
    })
    .await;
    let mut admin = rig.admin().await;
    let seen = next(&mut admin, "ann").await;
    assert_eq!((&seen["decided"], &seen["pair"]), (&json!(true), &Value::Null));
    assert!(admin.get("/review").await.text().contains("The experiment has its verdict."));
}

#[tokio::test]
async fn no_more_pairs_come_before_people_than_their_budget_has() {
    let (old, new) = (Model::saying(chat("fine")).await, Model::saying(chat("better")).await);
    let policy = policy(&old, &new, "{}").replace("sample: 100%", "sample: 100%, budget: {calls_per_day: 2}");
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    for _ in 0..5 {
        assert_eq!(client.post("/", &[], "{}").await.status, 200);
    }
    until("three pairs to be let go", async || {
        rig.metric("crossfade_judge_drops_total", &["judge=\"people\"", "reason=\"budget\""]).await == 3.0
    })
    .await;
    assert_eq!(rig.metric("crossfade_judge_waiting", &[]).await, 2.0);
}

#[tokio::test]
async fn a_request_that_one_model_alone_got_is_no_pair() {
    let (old, new) = (Model::saying(chat("fine")).await, Model::saying(chat("better")).await);
    let policy = policy(&old, &new, "{}").replace("shadow: {}", "shadow: {held_back: 50%}");
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    for _ in 0..40 {
        assert_eq!(client.post("/", &[], "{}").await.status, 200);
    }
    let copied = rig.metric("crossfade_copies_sent_total", &[]).await;
    assert!((1.0..40.0).contains(&copied), "{copied}");
    until("the pairs to wait", async || rig.metric("crossfade_judge_waiting", &[]).await == copied).await;
    assert_eq!(judgements(rig).await, Vec::<Value>::new());
}
