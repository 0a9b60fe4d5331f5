//! Recorded requests put to another policy, held against what a gateway under that policy does.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use crossfade::config;
use crossfade::config::Config;
use crossfade::forecast::Handler;
use crossfade::forecast::ModelLoad;
use crossfade::forecast::Simulated;
use crossfade::forecast::SimulatedExperiment;
use crossfade::forecast::Simulation;
use crossfade::forecast::Untold;
use crossfade::record;
use serde_json::Value;
use serde_json::json;

use crate::rig::Model;
use crate::rig::Reply;
use crate::rig::Rig;

const USERS: usize = 60;
const AB: &str = "ab: {arms: {old: 50%, new: 50%}}";

/// A policy of one experiment `e` on every path, given its other keys.
fn policy(strategy: &str, more: &str) -> String {
    let unit = "unit: [{header: x-user-id}]";
    format!(
        "experiments:\n  - {{name: e, legacy: old, candidate: new, {unit}, {more}strategy: {{{strategy}}}}}\n"
    )
}

/// The models of a policy, each of which says its name and costs something.
async fn models() -> (Model, Model, String) {
    let old = Model::saying(Reply::text("old")).await;
    let new = Model::saying(Reply::text("new")).await;
    let text = format!(
        "models:\n  old: {{url: \"{}\", cost: {{per_request: 0.5}}}}\n  new: {{url: \"{}\", cost: {{per_request: 2}}}}\n",
        old.url(),
        new.url()
    );
    (old, new, text)
}

/// A gateway that has served each user once, stopped, so that its log is whole.
async fn served(policy: &str, record: &str) -> Rig {
    let mut rig = Rig::start_with(policy, "", record).await;
    let mut client = rig.client().await;
    for user in 0..USERS {
        client.post("/a?from=test", &[("x-user-id", &format!("user-{user}"))], r#"{"tier": "free"}"#).await;
    }
    drop(client);
    rig.shut_down().await.unwrap();
    rig
}

fn parsed(text: &str) -> Config {
    config::parse(Path::new("policy.yaml"), text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn simulated(rig: &Rig, policy: &str, names: Vec<String>) -> Simulated {
    let config = parsed(policy);
    let mut simulation = Simulation::of(&config.policy, &config.record, names);
    for line in record::read(&rig.records_dir()).unwrap() {
        simulation.fold(&line.unwrap());
    }
    simulation.told()
}

fn all_names() -> Vec<String> {
    (0..USERS).map(|user| format!("user-{user}")).collect()
}

fn only(simulated: &Simulated) -> &SimulatedExperiment {
    let [experiment] = &simulated.experiments[..] else { panic!("{simulated:#?}") };
    experiment
}

fn load<'a>(loads: &'a [ModelLoad], model: &str) -> &'a ModelLoad {
    loads.iter().find(|load| load.model == model).unwrap_or_else(|| panic!("{model}: {loads:?}"))
}

#[tokio::test]
async fn simulated_users_get_the_models_that_a_gateway_gives_them() {
    let (_old, _new, models) = models().await;
    let before = served(&format!("{models}{}", policy(AB, "show_unit: true, ")), "").await;
    let canary = "canary: {steps: [{weight: 30%, approve: manual}, {weight: 100%}]}";
    let next = format!("{models}{}", policy(canary, "salt: second, show_unit: true, "));
    let told = simulated(&before, &next, Vec::new());
    let [first, last] = &only(&told).steps[..] else { panic!("{told:#?}") };
    let after = served(&next, "").await;
    let records = |rig: &Rig| -> Vec<Value> {
        let lines = crate::rig::read_records(&rig.records_dir());
        lines.into_iter().filter(|line| line["kind"] == "pair").collect()
    };
    let (had, gets) = (records(&before), records(&after));
    let by_new = gets.iter().filter(|record| record["assigned"] == "new").count() as u64;
    assert_eq!(load(&first.models, "new").answers, by_new);
    assert_eq!(load(&last.models, "new").answers, USERS as u64);
    let arm_of = |records: &[Value], unit: &Value| {
        records.iter().find(|record| record["unit"] == *unit).unwrap()["assigned"].clone()
    };
    let moved =
        had.iter().filter(|record| arm_of(&gets, &record["unit"]) != record["assigned"]).count() as u64;
    assert_eq!((first.users_moved, only(&told).known_users), (moved, USERS as u64));
    assert!(moved > 0 && by_new > 0);
    assert_eq!(last.users_moved, had.iter().filter(|record| record["assigned"] == "old").count() as u64);
}

#[tokio::test]
async fn the_policy_of_the_record_draws_what_is_on_record() {
    let (_old, _new, models) = models().await;
    let same = format!("{models}{}", policy("shadow: {sample: 40%, held_back: 0%}", ""));
    let rig = served(&same, "").await;
    let told = simulated(&rig, &same, all_names());
    let experiment = only(&told);
    let (recorded, now) = (&experiment.recorded, &experiment.steps[0].models);
    let copies = load(recorded, "new").copies;
    assert!(copies > 0);
    // By the very ids of the requests, so exactly those.
    assert_eq!((load(now, "new").copies, load(now, "old").answers), (copies, USERS as u64));
    assert_eq!((experiment.known_users, experiment.steps[0].users_moved), (USERS as u64, 0));
    let cost = load(now, "new").cost.as_ref().unwrap();
    assert_eq!((cost.amount.as_f64(), cost.of_calls), (2.0 * copies as f64, copies));
    let burst = experiment.burst.as_ref().unwrap();
    assert_eq!((burst.budget, burst.beyond), (None, 0));
    let bounded = policy("shadow: {sample: 100%, held_back: 0%, budget: {per_second: 1}}", "");
    let bounded = simulated(&rig, &format!("{models}{bounded}"), Vec::new());
    let burst = only(&bounded).burst.as_ref().unwrap();
    assert_eq!(burst.budget, Some(1));
    assert!(burst.copies > 1 && burst.beyond >= burst.copies - 1, "{burst:?}");
}

#[tokio::test]
async fn hashed_users_have_shares_and_their_names_make_them_known() {
    let (_old, _new, models) = models().await;
    let same = format!("{models}{}", policy(AB, ""));
    let rig = served(&same, "").await;
    let hashed = simulated(&rig, &same, Vec::new());
    let experiment = only(&hashed);
    assert_eq!((experiment.known_users, experiment.hashed_users), (0, USERS as u64));
    let now = &experiment.steps[0].models;
    assert_eq!(load(now, "old").answers + load(now, "new").answers, USERS as u64);
    let known = simulated(&rig, &same, all_names());
    let experiment = only(&known);
    assert_eq!((experiment.known_users, experiment.hashed_users), (USERS as u64, 0));
    assert_eq!(experiment.steps[0].users_moved, 0);
    assert_eq!(load(&experiment.recorded, "new").answers, load(&experiment.steps[0].models, "new").answers);
}

#[tokio::test]
async fn requests_go_where_the_new_match_sends_them() {
    let (_old, _new, models) = models().await;
    let rig = served(&format!("{models}{}", policy(AB, "")), "").await;
    let taken = |matcher: &str, default: &str| {
        let told = simulated(
            &rig,
            &format!("{models}{default}{}", policy(AB, &format!("match: {matcher}, "))),
            Vec::new(),
        );
        let [flow] = &told.flows[..] else { panic!("{told:#?}") };
        assert_eq!((flow.from.as_str(), flow.requests), ("e", USERS as u64));
        flow.to.clone()
    };
    let taker = || Handler::Experiment("e".to_owned());
    assert_eq!(taken("{path: /a, method: POST, query: {from: test}, json: {$.tier: free}}", ""), taker());
    assert_eq!(taken("{json: {$.tier: paid}}", ""), Handler::NotFound);
    assert_eq!(taken("{path: /b}", "default: old\n"), Handler::Default("old".to_owned()));
}

#[tokio::test]
async fn what_hangs_on_redacted_values_is_said_not_to_be_told() {
    let (_old, _new, models) = models().await;
    let redact = " redact: [{header: x-plan, action: drop}, {json: $.tier, action: mask}],";
    let rig = served(&format!("{models}{}", policy(AB, "")), redact).await;
    let untold = |matcher: &str, record: &str| {
        let text = format!(
            "record: {{{record}}}\n{models}default: old\n{}",
            policy(AB, &format!("match: {matcher}, "))
        );
        simulated(&rig, &text, Vec::new()).untold
    };
    let all = |reason| [(reason, USERS as u64)].into_iter().collect();
    let rules = redact.trim().trim_end_matches(',');
    assert_eq!(untold("{headers: {x-plan: free}}", rules), all(Untold::HiddenHeader));
    assert_eq!(untold("{headers: {authorization: x}}", ""), all(Untold::HiddenHeader));
    assert_eq!(untold("{json: {$.tier: free}}", rules), all(Untold::HiddenBody));
    assert!(untold("{path: /b, json: {$.tier: free}}", rules).is_empty(), "the path alone decides");
    assert!(untold("{headers: {x-team: none}}", rules).is_empty(), "what is recorded tells");
    assert_eq!(
        untold("{headers: {x-user-id: user-1}}", rules),
        all(Untold::HiddenHeader),
        "it is on record by a hash"
    );
    assert_eq!(untold("{json: {'$.*': free}}", rules), all(Untold::HiddenBody));
    let both = "{headers: {x-plan: free}, json: {$.tier: free}}";
    assert_eq!(untold(both, rules), all(Untold::HiddenHeader), "both are hidden");
}

#[tokio::test]
async fn a_body_above_the_cap_does_not_match_unless_the_cap_grows() {
    let (_old, _new, models) = models().await;
    let rig = served(&format!("{models}{}", policy(AB, "")), " body_cap: 8B,").await;
    let told = |cap: &str| {
        let matcher = policy(AB, "match: {json: {$.tier: free}}, ");
        simulated(&rig, &format!("record: {{body_cap: {cap}}}\n{models}default: old\n{matcher}"), Vec::new())
    };
    let still = told("8B");
    assert_eq!((&still.flows[0].to, still.untold.len()), (&Handler::Default("old".to_owned()), 0));
    let grown = told("1KiB");
    assert_eq!(grown.untold.get(&Untold::HiddenBody), Some(&(USERS as u64)));
}

#[tokio::test]
async fn forced_arms_and_retries_are_left_out_and_missing_units_get_legacy() {
    let (_old, _new, models) = models().await;
    let same = format!("{models}{}", policy(AB, "force_header: x-arm, "));
    let mut rig = Rig::start(&same).await;
    let mut client = rig.client().await;
    client.post("/", &[("x-user-id", "user-1"), ("x-arm", "new")], "").await;
    client.post("/", &[("x-user-id", "user-1"), ("x-stainless-retry-count", "1")], "").await;
    client.post("/", &[], "").await;
    drop(client);
    rig.shut_down().await.unwrap();
    let told = simulated(&rig, &same, Vec::new());
    assert_eq!(told.requests, 3);
    assert_eq!(told.untold, [(Untold::Forced, 1), (Untold::Retry, 1)].into_iter().collect());
    let experiment = only(&told);
    assert_eq!((experiment.requests, experiment.without_unit), (1, 1));
    assert_eq!(load(&experiment.steps[0].models, "old").answers, 1);
}

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossfade")).arg("simulate").args(arguments).output().unwrap()
}

#[tokio::test]
async fn the_command_tells_as_text_and_as_json() {
    let (_old, _new, models) = models().await;
    let rig = served(&format!("{models}{}", policy(AB, "")), "").await;
    let dir = tempfile::tempdir().unwrap();
    let (next, names) = (dir.path().join("next.yaml"), dir.path().join("names.txt"));
    std::fs::write(&next, format!("{models}{}", policy("shadow: {}", ""))).unwrap();
    std::fs::write(&names, all_names().join("\n")).unwrap();
    let (next, names, records) = (next.to_str().unwrap(), names.to_str().unwrap(), rig.records_dir());
    let records = records.to_str().unwrap();
    let text = simulate(&[next, records]);
    let said = String::from_utf8(text.stdout).unwrap();
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    for expected in [
        "60 recorded requests from ",
        "recorded under  taken now by  requests\ne               e                   60\n",
        "E: 60 requests.",
        "60 users are on record by a hash",
        "on record",
        "Copies in the busiest second: ",
        "Requests that no experiment took are not on record",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let json = simulate(&[next, records, "--units", names, "--format", "json"]);
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(told["flows"], json!([{"from": "e", "to": {"experiment": "e"}, "requests": 60}]));
    let experiment = &told["experiments"][0];
    assert_eq!((&experiment["known_users"], &experiment["steps"][0]["ramp"]), (&json!(60), &Value::Null));
    let moved =
        experiment["recorded"].as_array().unwrap().iter().find(|load| load["model"] == "new").unwrap();
    assert_eq!(experiment["steps"][0]["users_moved"], moved["answers"]);
    let bad = simulate(&["/nowhere.yaml", records]);
    assert_eq!(bad.status.code(), Some(64));
    for arguments in [&[next, "/nowhere"][..], &[next, records, "--units", "/nowhere"]] {
        let output = simulate(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8(output.stderr).unwrap().contains("`/nowhere` cannot be read"));
    }
}
