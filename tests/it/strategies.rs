//! Canary, A/B and interleaving over real sockets: who answers, what is copied, what falls back, what is on record.

use serde_json::Value;
use serde_json::json;

use crate::rig::Gate;
use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;
use crate::rig::Seen;
use crate::rig::until;

/// Two models that say their name, and a policy with one experiment on every path.
async fn rig(strategy: &str, more: &str) -> (Rig, Model, Model) {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), strategy, more)).await;
    (rig, old, new)
}

fn policy(old: &str, new: &str, strategy: &str, more: &str) -> String {
    format!(
        "models:\n  old: {{url: \"{old}\"}}\n  new: {{url: \"{new}\"}}\nexperiments:\n  - name: e\n    legacy: old\n    \
         candidate: new\n{more}    strategy: {{{strategy}}}\n"
    )
}

const USER: &str = "    unit: [{header: x-user-id}]\n";

#[tokio::test]
async fn a_canary_serves_its_share_of_users_and_a_user_keeps_the_arm() {
    let (rig, _old, _new) = rig("canary: {steps: [{weight: 30%, approve: manual}]}", USER).await;
    let mut client = rig.client().await;
    let mut answered_by_new = 0;
    for user in 0..300 {
        let user = format!("user-{user}");
        let first = client.post("/", &[("x-user-id", &user)], "").await;
        let again = client.post("/", &[("x-user-id", &user)], "").await;
        assert_eq!(first.text(), again.text(), "{user}");
        answered_by_new += usize::from(first.text() == "new");
    }
    // Drawn by hash of fixed names, so always the same number; 90 expected, 8 is one standard deviation.
    assert!((60..=120).contains(&answered_by_new), "{answered_by_new} of 300");
    let without_unit = client.post("/", &[], "").await;
    assert_eq!(without_unit.text(), "old");
    let records = rig.records().await;
    let last = records.last().unwrap();
    assert_eq!((&last["unit_missing"], &last["enrolled"]), (&json!(true), &json!(false)));
    assert_eq!(records.len(), 601);
    let by_new = records.iter().find(|record| record["assigned"] == "new").unwrap();
    assert_eq!((&by_new["propensity"], &by_new["stage"]), (&json!(0.3), &json!(1)));
}

#[tokio::test]
async fn a_ramp_steps_by_count_and_goes_on_where_it_was_after_a_restart() {
    let steps = "canary: {steps: [{weight: 50%, min_requests: 5}, {weight: 60%, approve: manual}]}";
    let (mut rig, _old, _new) = rig(steps, USER).await;
    let mut client = rig.client().await;
    let mut user = 0;
    while rig.metric("crossfade_ramp_step", &[]).await < 2.0 {
        user += 1;
        assert!(user < 2_000, "the ramp does not step");
        client.post("/", &[("x-user-id", &format!("user-{user}"))], "").await;
    }
    assert_eq!(rig.metric("crossfade_traffic_weight_ratio", &["arm=\"new\""]).await, 0.6);
    rig.restart().await;
    let status = rig.admin().await.get("/api/v1/experiments/e").await.json();
    assert_eq!(
        (&status["ramp"]["step"], &status["ramp"]["phase"]),
        (&json!(2), &json!("running")),
        "{status}"
    );
    let promoted = rig.admin().await.post("/api/v1/experiments/e/promote", &[], "").await;
    assert_eq!(promoted.status, 200, "{}", promoted.text());
    let status = rig.admin().await.get("/api/v1/experiments/e").await.json();
    assert_eq!(status["ramp"]["phase"], "promoted");
    let rolled_back = rig.admin().await.post("/api/v1/experiments/e/rollback", &[], "").await;
    assert_eq!(rolled_back.status, 200, "{}", rolled_back.text());
    let mut client = rig.client().await;
    for user in 0..50 {
        assert_eq!(client.post("/", &[("x-user-id", &format!("user-{user}"))], "").await.text(), "old");
    }
}

#[tokio::test]
async fn a_failing_candidate_falls_back_to_legacy_and_the_record_says_so() {
    let failing = [("erroring", Reply::status(500), "complete"), ("resetting", Reply::reset(), "reset")];
    for (name, reply, fate) in failing {
        let old = Model::start(|seen| Reply::text(format!("old {}", seen.body.len()))).await;
        let new = Model::saying(reply).await;
        let strategy = "ab: {arms: {old: 0%, new: 100%}, fallback: legacy}";
        let rig = Rig::start(&policy(&old.url(), &new.url(), strategy, "")).await;
        let got = rig.client().await.post("/", &[], "whole body").await;
        assert_eq!((got.status.as_u16(), got.text()), (200, "old 10"), "{name}");
        let record = rig.records().await.remove(0);
        let legs = record["observations"].as_array().unwrap();
        let shape: Vec<_> =
            legs.iter().map(|leg| (leg["arm"].as_str().unwrap(), leg["role"].as_str().unwrap())).collect();
        assert_eq!(shape, [("new", "answer"), ("old", "fallback")], "{name}");
        assert_eq!(legs[0]["fate"], fate, "{name}");
        assert_eq!((&record["assigned"], &record["served"]), (&json!("new"), &json!("old")), "{name}");
        assert_eq!(record["fallback"], true, "{name}");
    }
}

#[tokio::test]
async fn without_a_fallback_the_user_sees_what_the_assigned_arm_said() {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::status(500)).await;
    let strategy = "ab: {arms: {old: 0%, new: 100%}}";
    let rig = Rig::start(&policy(&old.url(), &new.url(), strategy, "")).await;
    let got = rig.client().await.post("/", &[], "").await;
    assert_eq!((got.status.as_u16(), got.text()), (500, "status 500"));
    assert!(old.seen().is_empty());
}

#[tokio::test]
async fn an_ab_test_splits_over_several_arms_and_leaves_the_rest_to_legacy() {
    let mut models = Vec::new();
    for name in ["a", "b", "c"] {
        models.push(Model::saying(Reply::text(name)).await);
    }
    let policy = format!(
        "models: {{a: {{url: \"{}\"}}, b: {{url: \"{}\"}}, c: {{url: \"{}\"}}}}\nexperiments:\n  - name: abc\n    legacy: a\n    \
         expose_arm: true\n    strategy: {{ab: {{traffic: 50%, arms: {{a: 50%, b: 25%, c: 25%}}}}}}\n",
        models[0].url(),
        models[1].url(),
        models[2].url()
    );
    let rig = Rig::start(&policy).await;
    let mut client = rig.client().await;
    for _ in 0..800 {
        let got = client.post("/", &[], "").await;
        assert_eq!(got.header("crossfade-arm"), Some(got.text()));
    }
    let records = rig.records().await;
    let count = |arm: &str, enrolled: bool| {
        records
            .iter()
            .filter(|record| record["assigned"] == arm && (record["enrolled"] == true) == enrolled)
            .count()
    };
    // Six standard deviations around 400, 200, 100, 100 of 800.
    assert!((315..=485).contains(&count("a", false)), "{}", count("a", false));
    assert!((126..=274).contains(&count("a", true)), "{}", count("a", true));
    assert!((44..=156).contains(&count("b", true)), "{}", count("b", true));
    assert!((44..=156).contains(&count("c", true)), "{}", count("c", true));
    assert_eq!(count("b", false) + count("c", false), 0);
}

#[tokio::test]
async fn a_share_of_requests_is_paired_with_the_arm_that_did_not_answer() {
    let (rig, old, new) = rig("ab: {arms: {old: 50%, new: 50%}, pair: 100%}", "").await;
    let mut client = rig.client().await;
    for _ in 0..20 {
        client.post("/", &[], "body").await;
    }
    until("both arms to have seen every request", async || old.seen().len() == 20 && new.seen().len() == 20)
        .await;
    until("the copies' end", async || rig.metric("crossfade_copies_in_flight", &[]).await == 0.0).await;
    for record in rig.records().await {
        let legs = record["observations"].as_array().unwrap();
        assert_eq!(legs.len(), 2);
        let pair = legs.iter().find(|leg| leg["role"] == "pair").unwrap();
        assert_ne!(pair["arm"], record["assigned"]);
    }
}

#[tokio::test]
async fn a_header_forces_an_arm_only_where_the_policy_allows_it() {
    let strategy = "ab: {arms: {old: 100%, new: 0%}}";
    let (rig, _old, _new) = rig(strategy, "    force_header: x-force\n").await;
    let mut client = rig.client().await;
    assert_eq!(client.post("/", &[("x-force", "new")], "").await.text(), "new");
    assert_eq!(client.post("/", &[("x-force", "nobody")], "").await.text(), "old");
    let records = rig.records().await;
    assert_eq!((&records[0]["forced"], &records[0]["enrolled"]), (&json!(true), &json!(false)));
    assert_eq!((&records[1]["forced"], &records[1]["enrolled"]), (&Value::Null, &json!(true)));
    let (rig, _old, _new) = self::rig(strategy, "").await;
    assert_eq!(rig.client().await.post("/", &[("x-force", "new")], "").await.text(), "old");
}

#[tokio::test]
async fn a_retry_keeps_its_arm() {
    let (rig, _old, _new) = rig("ab: {arms: {old: 50%, new: 50%}}", "").await;
    let mut client = rig.client().await;
    for key in 0..20 {
        let key = format!("key-{key}");
        let first = client.post("/", &[("idempotency-key", &key)], "").await;
        let again = client.post("/", &[("idempotency-key", &key)], "").await;
        assert_eq!(first.text(), again.text());
    }
    assert_eq!(rig.metric("crossfade_marked_requests_total", &["mark=\"retry\""]).await, 20.0);
    let retries = rig.records().await.iter().filter(|record| record["retry"] == true).count();
    assert_eq!(retries, 20);
}

const INTERLEAVE: &str = "interleave: {method: team_draft, items: \"$.results[*]\", id: $.doc, depth: 4, deadline: 300ms, credit: click}";
const CLICKS: &str =
    "    unit: [{json: $.user}]\n    outcomes: {click: {type: click, window: 1h, absent: none}}\n";

fn ranked(
    model: &'static str,
    ids: &'static [&'static str],
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |_| {
        let results: Vec<Value> = ids.iter().map(|id| json!({"doc": id, "by": model})).collect();
        Reply::json(&json!({"model": model, "results": results, "total": 10.50}))
    }
}

async fn rank(rig: &Rig) -> crate::rig::Got {
    let headers = [("content-type", "application/json"), ("accept-encoding", "gzip")];
    rig.client().await.post("/rank", &headers, r#"{"user": "u1"}"#).await
}

#[tokio::test]
async fn two_lists_become_one_in_legacys_document_and_clicks_credit_a_model() {
    let old = Model::start(ranked("old", &["a", "b", "c", "d"])).await;
    let new = Model::start(ranked("new", &["d", "a", "e", "f"])).await;
    let rig = Rig::start(&policy(&old.url(), &new.url(), INTERLEAVE, CLICKS)).await;
    let got = rank(&rig).await;
    let answer = got.json();
    assert_eq!((&answer["model"], &answer["total"]), (&json!("old"), &json!(10.50)), "the rest is legacy's");
    let shown: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|item| item["doc"].as_str().unwrap()).collect();
    assert_eq!(shown.len(), 4);
    assert!(shown[..2].contains(&"a") && shown[..2].contains(&"d"), "each model's best is on top: {shown:?}");
    for item in answer["results"].as_array().unwrap() {
        let both = ["a", "d"].contains(&item["doc"].as_str().unwrap());
        assert!(!both || item["by"] == "old", "what both returned is shown as legacy has it: {item}");
    }
    assert_eq!(old.seen()[0].headers["accept-encoding"], "identity");
    let id = got.header("crossfade-id").unwrap();
    let click = json!({"request_id": id, "outcome": "click", "value": {"item": shown[0]}}).to_string();
    let mut admin = rig.admin().await;
    let joined = admin.post("/feedback", &[], &click).await;
    assert_eq!(
        (joined.status.as_u16(), &joined.json()["result"]),
        (200, &json!("joined")),
        "{}",
        joined.text()
    );
    assert_eq!(admin.post("/feedback", &[], &click).await.json()["result"], "duplicate");
    assert_eq!(rig.metric("crossfade_interleaving_wins", &[]).await, 1.0);
    let records = rig.records().await;
    let pair = records.iter().find(|record| record["kind"] == "pair").unwrap();
    assert_eq!(pair["shown"]["items"].as_array().unwrap().len(), 4);
    let outcome = records.iter().find(|record| record["kind"] == "outcome").unwrap();
    assert_eq!(outcome["request_id"], id);
    let shares = outcome["credit"]["shares"].as_array().unwrap();
    let credit: f64 = shares.iter().map(|share| share.as_f64().unwrap()).sum();
    assert_eq!(credit, 1.0, "one click, one credit");
}

#[tokio::test]
async fn when_one_side_fails_is_late_or_has_no_list_the_other_is_served_and_marked() {
    let never = Gate::new();
    let list = || Reply::json(&json!({"results": [{"doc": "x"}], "model": "good"}));
    let cases = [
        ("candidate fails", list(), Reply::status(500), "failed"),
        ("candidate resets", list(), Reply::reset(), "failed"),
        ("candidate is late", list(), list().after(&never), "deadline"),
        ("candidate has no list", list(), Reply::json(&json!({"other": 1})), "no_list"),
        ("candidate says no JSON", list(), Reply::text("hello"), "no_list"),
        ("legacy fails", Reply::status(500), list(), "failed"),
        ("legacy is late", list().after(&never), list(), "deadline"),
    ];
    for (name, legacy, candidate, mark) in cases {
        let old = Model::saying(legacy).await;
        let new = Model::saying(candidate).await;
        let rig = Rig::start(&policy(&old.url(), &new.url(), INTERLEAVE, CLICKS)).await;
        let got = rank(&rig).await;
        assert_eq!((got.status.as_u16(), &got.json()["model"]), (200, &json!("good")), "{name}");
        let records = rig.records().await;
        assert_eq!(records[0]["degraded"], mark, "{name}: {}", records[0]);
        assert_eq!(records[0]["shown"], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_streamed_or_oversized_list_passes_through_unmixed() {
    let huge: Vec<Value> = (0..40_000).map(|id| json!({"doc": id.to_string()})).collect();
    let huge = json!({"results": huge, "model": "huge"});
    let events = Reply::text("data: {}\n\n").header("content-type", "text/event-stream");
    for (name, legacy, expected) in
        [("oversized", Reply::json(&huge), huge.to_string()), ("streamed", events, "data: {}\n\n".to_owned())]
    {
        let old = Model::saying(legacy).await;
        let new = Model::start(ranked("new", &["a"])).await;
        let rig = Rig::start(&policy(&old.url(), &new.url(), INTERLEAVE, CLICKS)).await;
        assert_eq!(rank(&rig).await.text(), expected, "{name}");
        assert_eq!(rig.records().await[0]["degraded"], "too_large", "{name}");
    }
}

#[tokio::test]
async fn three_lists_are_multileaved() {
    let mut models = Vec::new();
    for (name, ids) in [("a", &["1", "2", "3"]), ("b", &["4", "5", "6"]), ("c", &["7", "8", "9"])] {
        models.push(Model::start(ranked(name, ids)).await);
    }
    let policy = format!(
        "models: {{a: {{url: \"{}\"}}, b: {{url: \"{}\"}}, c: {{url: \"{}\"}}}}\nexperiments:\n  - name: abc\n    legacy: a\n    \
         candidates: [b, c]\n{CLICKS}    strategy: {{{}}}\n",
        models[0].url(),
        models[1].url(),
        models[2].url(),
        INTERLEAVE.replace("depth: 4", "depth: 6"),
    );
    let rig = Rig::start(&policy).await;
    let answer = rank(&rig).await.json();
    let by: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|item| item["by"].as_str().unwrap()).collect();
    for round in by.chunks(3) {
        let mut round = round.to_vec();
        round.sort_unstable();
        assert_eq!(round, ["a", "b", "c"], "each model has one item in each round");
    }
}

#[tokio::test]
async fn a_request_whose_body_breaks_off_is_nobodys_fault() {
    let (rig, old, new) = rig("ab: {arms: {old: 50%, new: 50%}}", "    unit: [{json: $.user}]\n").await;
    let mut stream = tokio::net::TcpStream::connect(rig.gateway().data_addr()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(
        &mut stream,
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf",
    )
    .await
    .unwrap();
    drop(stream);
    assert_eq!(rig.client().await.post("/", &[], r#"{"user": "u"}"#).await.status, 200);
    assert_eq!(old.seen().len() + new.seen().len(), 1);
    assert_eq!(rig.records().await.len(), 1);
}
