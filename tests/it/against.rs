//! What a policy changes against the one in force: counts over synthetic users, and `crossfade check --against`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use crossfade::assign::Salts;
use crossfade::assign::Share;
use crossfade::assign::bucket;
use crossfade::config;
use crossfade::forecast;
use crossfade::forecast::Against;
use crossfade::forecast::DrawnBy;
use crossfade::forecast::Fate;
use crossfade::forecast::Flow;
use crossfade::forecast::Handler;
use crossfade::forecast::Move;
use crossfade::forecast::Side;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

const USERS: u32 = 10_000;

const MODELS: &str =
    "models: {old: {url: 'http://127.0.0.1:1'}, new: {url: 'http://127.0.0.1:2'}}\ndefault: old\n";

/// A policy of one experiment `e` for a path, given its other keys.
fn one(keys: &str) -> String {
    format!(
        "{MODELS}experiments:\n  - {{name: e, match: {{path: /a}}, legacy: old, candidate: new, {keys}}}\n"
    )
}

fn canary(weights: &str, more: &str) -> String {
    let steps: Vec<String> = weights.split(' ').map(|weight| format!("{{weight: {weight}}}")).collect();
    let steps = steps.join(", ");
    one(&format!("unit: [{{header: x-user-id}}], strategy: {{canary: {{steps: [{steps}]}}}}{more}"))
}

fn against(old: &str, new: &str) -> Against {
    let parsed = |text: &str| {
        config::parse(Path::new("policy.yaml"), text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
    };
    let (old, new) = (parsed(old), parsed(new));
    let needs_restart = old.fixed().changed(&new.fixed());
    let side = |policy, upstreams| Side { policy, upstreams };
    let (old, new) = (side(&old.policy, &old.upstreams), side(&new.policy, &new.upstreams));
    forecast::against(&old, &new, needs_restart, USERS)
}

fn experiment(name: &str) -> Handler {
    Handler::Experiment(name.to_owned())
}

fn default() -> Handler {
    Handler::Default("old".to_owned())
}

fn flow<'a>(against: &'a Against, before: &Handler, after: &Handler) -> &'a Flow {
    let found = against.flows.iter().find(|flow| (&flow.before, &flow.after) == (before, after));
    found.unwrap_or_else(|| panic!("no request goes from {before:?} to {after:?}: {:#?}", against.flows))
}

/// Users of a canary's candidate by the published rule of assignment.
fn users_in(salt: &str, share: &str) -> Vec<bool> {
    let (salts, share) = (Salts::of(salt), share.parse::<Share>().unwrap());
    (0..USERS).map(|user| share.admits(bucket(&salts.arm, format!("user-{user}").as_bytes()))).collect()
}

fn count(one: &[bool], other: &[bool], wanted: (bool, bool)) -> u32 {
    one.iter().zip(other).filter(|(one, other)| (**one, **other) == wanted).count() as u32
}

#[test]
fn a_present_step_that_grows_lets_users_join_and_none_leave() {
    let against = against(&canary("1% 10%", ""), &canary("1% 20%", ""));
    let flow = flow(&against, &experiment("e"), &experiment("e"));
    let steps: Vec<_> =
        flow.moments.iter().map(|moment| moment.stands_after.as_ref().unwrap().step.unwrap()).collect();
    assert_eq!(steps, [1, 2]);
    let joining = count(&users_in("e", "10%"), &users_in("e", "20%"), (false, true));
    assert_eq!(flow.moments[0].moved, 0);
    assert_eq!(flow.moments[1].moves, [Move { from: "old".into(), to: "new".into(), users: joining }]);
    assert_eq!((against.moved, flow.ramp.len()), (joining, 2));
    assert!(flow.ramp.iter().all(|step| step.leave == 0), "{:?}", flow.ramp);
    assert_eq!(flow.ramp[1].users, flow.ramp[0].users + flow.ramp[1].join);
    assert_eq!(against.experiments[0].changed, ["strategy"]);
    assert!(against.experiments[0].begins_again.is_empty());
}

#[test]
fn a_past_step_that_changes_sends_everybody_back_to_the_first() {
    let against = against(&canary("1% 10% 100%", ""), &canary("1% 20% 100%", ""));
    let flow = flow(&against, &experiment("e"), &experiment("e"));
    let last = flow.worst().unwrap();
    assert_eq!(last.stands_before.as_ref().unwrap().step, Some(3));
    assert_eq!(last.stands_after.as_ref().unwrap().step, Some(1));
    assert_eq!(last.moved, count(&users_in("e", "1%"), &[true; USERS as usize], (false, true)));
    // A candidate that was rolled back would be in again, for what was gone through has changed.
    assert!(flow.moments.last().unwrap().stands_before.as_ref().unwrap().rolled_back);
}

#[test]
fn another_salt_draws_every_user_anew_and_says_so() {
    let against = against(&canary("10%", ""), &canary("10%", ", salt: other"));
    let change = &against.experiments[0];
    assert!(change.reshuffled);
    assert_eq!(change.begins_again, ["the salt"]);
    let flow = flow(&against, &experiment("e"), &experiment("e"));
    let (before, after) = (users_in("e", "10%"), users_in("other", "10%"));
    let expected = count(&before, &after, (true, false)) + count(&before, &after, (false, true));
    assert_eq!(flow.moments[0].moved, expected);
    // Nearly a fifth of all users change, though a tenth has the candidate before and after.
    assert!((1_600..2_000).contains(&expected), "{expected}");
    let rolled_back = flow.moments.last().unwrap();
    assert!(rolled_back.stands_before.as_ref().unwrap().rolled_back);
    assert_eq!(rolled_back.moved, count(&after, &after, (true, true)));
}

#[test]
fn an_unchanged_policy_changes_nothing_even_for_a_candidate_that_was_rolled_back() {
    let policy = canary("1% 10% 100%", "");
    let against = against(&policy, &policy);
    assert_eq!((against.moved, against.experiments[0].fate), (0, Fate::Same));
    assert!(against.flows.iter().all(Flow::is_quiet));
    assert_eq!(against.flows[0].moments.len(), 3);
}

#[test]
fn copies_and_answers_are_counted_by_the_plans_of_the_strategies() {
    let unit = "unit: [{header: x-user-id}]";
    let shadow = one(&format!("{unit}, strategy: {{shadow: {{sample: 25%, held_back: 0%}}}}"));
    let ab = one(&format!("{unit}, strategy: {{ab: {{traffic: 40%, arms: {{old: 50%, new: 50%}}}}}}"));
    let against = against(&shadow, &ab);
    let flow = flow(&against, &experiment("e"), &experiment("e"));
    assert_eq!(flow.moved(), flow.moments[0].moved);
    let [moment, rolled_back] = &flow.moments[..] else { panic!("{flow:?}") };
    assert!(rolled_back.stands_before.as_ref().unwrap().rolled_back, "another strategy begins anew");
    assert_eq!((flow.drawn_by, rolled_back.models[0].copies_before), (DrawnBy::User, 0));
    let [new, old] = &moment.models[..] else { panic!("{moment:?}") };
    assert_eq!((new.model.as_str(), new.answers_before, new.copies_after), ("new", 0, 0));
    assert!((2_350..2_650).contains(&new.copies_before), "{new:?}");
    assert!((1_850..2_150).contains(&new.answers_after), "{new:?}");
    assert_eq!(old.answers_after + new.answers_after, USERS);
    assert_eq!(moment.moved, new.answers_after);
    // Whom the A/B test leaves out takes no part any more.
    assert!((5_800..6_200).contains(&moment.leave), "{moment:?}");
}

#[test]
fn requests_that_are_drawn_anew_move_by_the_difference_of_the_shares_alone() {
    let ab = |share: u32, more: &str| {
        one(&format!("strategy: {{ab: {{arms: {{old: {}%, new: {share}%}}}}}}{more}", 100 - share))
    };
    let reshuffled = against(&ab(50, ""), &ab(50, ", salt: other"));
    let moved = flow(&reshuffled, &experiment("e"), &experiment("e")).moved();
    assert!(moved < 200, "{moved}: nothing but chance");
    let wider = against(&ab(50, ""), &ab(60, ""));
    let flow = flow(&wider, &experiment("e"), &experiment("e"));
    assert_eq!(flow.drawn_by, DrawnBy::Request);
    assert!((850..1_150).contains(&flow.moved()), "{}", flow.moved());
}

#[test]
fn a_unit_that_is_named_by_something_else_counts_as_drawn_anew() {
    let by = |unit: &str| one(&format!("unit: [{unit}], strategy: {{ab: {{arms: {{old: 50%, new: 50%}}}}}}"));
    let other = against(&by("{header: x-user-id}"), &by("{cookie: uid}"));
    let flow_of = |against| flow(against, &experiment("e"), &experiment("e")).drawn_by;
    assert_eq!(flow_of(&other), DrawnBy::OtherUnit);
    assert!((4_700..5_300).contains(&other.moved), "{}", other.moved);
    assert_eq!(other.experiments[0].begins_again, ["the unit"]);
    let more = against(&by("{header: x-user-id}"), &by("{header: x-user-id}, {cookie: uid}"));
    assert_eq!((flow_of(&more), more.moved), (DrawnBy::User, 0));
}

#[test]
fn a_narrower_match_sends_the_rest_elsewhere() {
    let old = canary("100%", "");
    let new = old.replace(
        "match: {path: /a}",
        "match: {path: /a, method: POST, headers: {x-beta: 'yes'}, json: {'$.tier[0].name': free}}",
    );
    let against = against(&old, &new);
    assert_eq!(against.experiments[0].match_is, Some("narrower"));
    let kept = flow(&against, &experiment("e"), &experiment("e"));
    assert_eq!(kept.example, r#"POST /a with x-beta: yes, {"tier":[{"name":"free"}]}"#);
    let lost = flow(&against, &experiment("e"), &default());
    assert_eq!((lost.example.as_str(), lost.moved()), ("POST /a", USERS));
    assert!(flow(&against, &default(), &default()).is_quiet());
    assert!(against.untold.is_empty());
}

#[test]
fn hosts_methods_and_parameters_are_told_apart() {
    let old = canary("100%", "")
        .replace("{path: /a}", "{path: '/a/*', host: [a.example, b.example], method: [GET, POST]}");
    let new = old.replace(
        "[a.example, b.example], method: [GET, POST]",
        "b.example, method: GET, query: {'x y': 'a&b'}",
    );
    let against = against(&old, &new);
    let kept = flow(&against, &experiment("e"), &experiment("e"));
    assert_eq!(kept.example, "GET /a/any-other-path?x%20y=a%26b with host: b.example");
    let lost = flow(&against, &experiment("e"), &default());
    assert_eq!(lost.example, "GET /a/any-other-path with host: a.example");
}

#[test]
fn a_path_that_may_select_several_places_is_said_not_to_be_told() {
    let old = canary("10%", "");
    let new = old.replace("{path: /a}", "{path: /a, json: {'$.tags[*]': x}}");
    let against = against(&old, &new);
    assert_eq!(against.untold.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["e"]);
    flow(&against, &experiment("e"), &default());
}

/// Two experiments whose conditions overlap: who stands first takes what meets both.
#[test]
fn another_order_of_experiments_is_seen_where_both_match() {
    let experiment_of = |name: &str, matcher: &str| {
        format!(
            "  - {{name: {name}, match: {matcher}, legacy: old, candidate: new, strategy: {{shadow: {{}}}}}}\n"
        )
    };
    let (one, other) =
        (experiment_of("path", "{path: '/v1/*'}"), experiment_of("beta", "{headers: {x-beta: '1'}}"));
    let against = against(
        &format!("{MODELS}experiments:\n{one}{other}"),
        &format!("{MODELS}experiments:\n{other}{one}"),
    );
    let moved = flow(&against, &experiment("path"), &experiment("beta"));
    assert_eq!(moved.example, "POST /v1/any-other-path with x-beta: 1");
    assert!(flow(&against, &experiment("path"), &experiment("path")).is_quiet());
}

#[test]
fn experiments_are_new_gone_renamed_and_models_are_reached_otherwise() {
    let old = canary("10%", "");
    let renamed = against(&old, &old.replace("name: e", "name: f"));
    let change = &renamed.experiments[0];
    assert_eq!((change.fate, change.formerly.as_ref().unwrap().as_str()), (Fate::Renamed, "e"));
    assert_eq!(change.begins_again, ["the name", "the salt"]);
    let kept = against(&old, &old.replace("name: e", "name: f, salt: e"));
    assert_eq!(
        (kept.experiments[0].begins_again.as_slice(), kept.experiments[0].reshuffled),
        (&["the name"][..], false)
    );
    let other = against(&old, &old.replace("name: e", "name: f").replace("/a", "/b"));
    let fates: Vec<_> = other.experiments.iter().map(|one| (one.experiment.to_string(), one.fate)).collect();
    assert_eq!(fates, [("f".to_owned(), Fate::New), ("e".to_owned(), Fate::Gone)]);
    let moved = against(&old, &old.replace("127.0.0.1:2'", "127.0.0.1:3', timeout: {total: 1s}"));
    assert_eq!(
        json!(moved.models),
        json!([{"model": "new", "before": true, "after": true, "changed": ["url", "timeout"]}])
    );
    assert_eq!(moved.experiments[0].begins_again, ["a model's url"]);
    let guarded = canary("10%", ", guardrails: [{metric: error_rate, max_ratio: 2}]");
    let guarded = guarded.replace(
        "]}}, guardrails: [{metric: error_rate, max_ratio: 2}]",
        "], guardrails: [{metric: error_rate, max_ratio: 2}]}}",
    );
    assert_eq!(against(&old, &guarded).experiments[0].begins_again, ["what it is decided by"]);
}

#[test]
fn what_only_a_restart_takes_up_is_named_by_its_key() {
    let old = canary("10%", "");
    let new = format!("limits: {{idle: 7s}}\nwebhooks: {{ops: {{url: 'http://127.0.0.1:9'}}}}\n{old}");
    assert_eq!(against(&old, &new).needs_restart, ["limits", "webhooks"]);
    assert!(against(&new, &new).needs_restart.is_empty());
}

#[test]
fn no_default_means_404_for_whom_an_experiment_leaves() {
    let old = canary("100%", "").replace("default: old\n", "");
    let against = against(&old, &old.replace("path: /a", "path: /b"));
    let lost = flow(&against, &experiment("e"), &Handler::NotFound);
    assert_eq!(lost.moments[0].moves, [Move { from: "new".into(), to: "(404)".into(), users: USERS }]);
}

fn check(old: &str, new: &str, more: &[&str]) -> Output {
    let dir = TempDir::new().unwrap();
    let written = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (old, new) = (written("old.yaml", old), written("new.yaml", new));
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossfade"));
    command.arg("check").arg(new).arg("--against").arg(old).args(more).output().unwrap()
}

#[test]
fn the_command_tells_as_text_and_as_json_and_holds_the_bound() {
    let old = canary("10%", "");
    let new = format!("listen: {{data: '127.0.0.1:8081'}}\n{}", canary("10%", ", salt: other"));
    let text = check(&old, &new, &["--max-moved", "20%"]);
    let said = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.status.code(), Some(0), "{said}");
    for expected in [
        "synthetic users for each kind of requests",
        "Only a restart takes up: `listen`.",
        "EVIDENCE BEGINS AGAIN, empty, and the ramp at step 1",
        "THE SALT CHANGED",
        "E\n  as POST /a\n",
        "ramp from its first step",
        "As before, for users and models: the default, old.",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let json = check(&old, &new, &["--format", "json", "--max-moved", "1%"]);
    assert_eq!(json.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&told["users"], &told["needs_restart"]), (&json!(100_000), &json!(["listen"])));
    assert!(told["moved"].as_u64().unwrap() > 17_000, "{}", told["moved"]);
    let said = String::from_utf8(json.stderr).unwrap();
    assert!(said.contains("more than `--max-moved 1%` allows"), "{said}");
}

#[test]
fn a_bad_file_on_either_side_ends_in_64_and_says_which() {
    let good = canary("10%", "");
    for (old, new, name) in
        [(&good, "models: {}", "new.yaml:1:"), (&"models: {}".to_owned(), &good, "old.yaml:1:")]
    {
        let output = check(old, new, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(name), "{said}");
    }
}
