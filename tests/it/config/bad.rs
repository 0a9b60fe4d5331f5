//! Every kind of mistake with the exact text that reports it.
//!
//! The cases are data, in `bad/*.txt`: what is `given`, put after the `base` of its section, and the `problems` that
//! must come of it, line by line.

use std::path::Path;

use crossfade::config;

/// Checks every case of a file, and that none of the file went unread.
fn check(cases: &str) {
    let mut checked = 0;
    for section in cases.split("=== base\n").skip(1) {
        let mut parts = section.split("=== given\n");
        let base = parts.next().unwrap();
        for case in parts {
            let (given, problems) = case.split_once("=== problems\n").unwrap();
            let policy = format!("{base}{given}");
            let expected: Vec<&str> = problems.lines().filter(|line| !line.starts_with('#')).collect();
            assert_eq!(problems_of(&policy), expected, "of this policy:\n{policy}");
            checked += 1;
        }
    }
    assert_eq!(checked, cases.matches("=== problems\n").count());
    assert!(checked > 0);
}

fn problems_of(policy: &str) -> Vec<String> {
    match config::parse(Path::new("policy.yaml"), policy) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_file_of_the_wrong_shape_is_refused_with_its_reason() {
    check(include_str!("bad/file.txt"));
}

#[test]
fn a_wrong_value_of_the_gateway_itself_is_named_with_its_place() {
    check(include_str!("bad/service.txt"));
}

#[test]
fn a_wrong_value_of_a_model_is_named_with_its_place() {
    check(include_str!("bad/models.txt"));
}

#[test]
fn a_wrong_value_of_an_experiment_is_named_with_its_place() {
    check(include_str!("bad/experiments.txt"));
}

#[test]
fn a_wrong_value_of_a_judge_is_named_with_its_place() {
    check(include_str!("bad/judges.txt"));
}

#[test]
fn a_wrong_value_of_a_strategy_is_named_with_its_place() {
    check(include_str!("bad/strategies.txt"));
}

#[test]
fn a_wrong_rule_of_comparison_is_named_with_its_place() {
    check(include_str!("bad/comparisons.txt"));
}

#[test]
fn a_wrong_metric_is_named_with_its_place() {
    check(include_str!("bad/metrics.txt"));
}

#[test]
fn what_no_experiment_can_be_decided_by_is_named_with_its_place() {
    check(include_str!("bad/decisions.txt"));
}

#[test]
fn every_problem_of_a_file_is_reported_at_once_in_the_order_of_the_file() {
    let policy = r#"listen:
  admin: 0.0.0.0:9090
  drian: 30s
models:
  legacy: {url: "htps://127.0.0.1"}
  candidate: {protocol: kserve-v3}
  legacy: {url: "http://127.0.0.1"}
experiments:
  - name: chat
    match: {path: chat}
    legacy: legacy
    candidate: canidate
    strategy: {canary: {steps: [{weight: 10%}, {weight: 5}]}}
    metrics: {accuracy: {prediction: label, truth: label}}
default: nobody
"#;
    let expected = [
        "policy.yaml:2:10: listen.admin: 0.0.0.0:9090 is not loopback, so it needs a token; hint: add \
         `listen.token`, or listen on 127.0.0.1",
        "policy.yaml:3:3: listen.drian: unknown key; hint: did you mean `drain`?",
        "policy.yaml:5:17: models.legacy.url: `htps://127.0.0.1` is not a URL to call: the scheme is not \
         `http` or `https`; hint: write it as in `http://127.0.0.1:8001`",
        "policy.yaml:6:14: models.candidate: `url` is missing",
        "policy.yaml:6:25: models.candidate.protocol: `kserve-v3` is not a known word; hint: did you mean \
         `kserve-v2`?",
        "policy.yaml:7:3: models.legacy: this key stands twice, first in line 5",
        "policy.yaml:9:5: experiments.chat: a canary needs `unit`, or a user's model would change from request to \
         request; hint: name the user, as in `unit: [{header: x-user-id}]`",
        "policy.yaml:10:19: experiments.chat.match.path: `chat` is not a path: expected it to begin with `/`",
        "policy.yaml:12:16: experiments.chat.candidate: unknown model `canidate`; hint: did you mean `candidate`?",
        "policy.yaml:13:57: experiments.chat.strategy.canary.steps[1].weight: `5` is not a percentage: expected a \
         number and `%`, as in `25%` or `0.5%`",
        "policy.yaml:14:38: experiments.chat.metrics.accuracy.prediction: `label` is not a JSON path; hint: a path \
         begins with `$`, as in `$.user.id`",
        "policy.yaml:14:52: experiments.chat.metrics.accuracy.truth: unknown outcome `label`; hint: declare it under \
         `outcomes`, with `type: label`",
        "policy.yaml:15:10: default: unknown model `nobody`; hint: expected one of `legacy`, `candidate`",
    ];
    assert_eq!(problems_of(policy), expected);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_like_any_other() {
    let problems = config::load(Path::new("nowhere/policy.yaml")).unwrap_err();
    let expected = "nowhere/policy.yaml:1:1: the file cannot be read: No such file or directory (os error 2)";
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn a_file_above_a_megabyte_is_refused_unread() {
    let policy = "# a long comment\n".repeat(100_000);
    let expected = ["policy.yaml:1:1: the file has more than 1048576 bytes, which is the most"];
    assert_eq!(problems_of(&policy), expected);
}

#[test]
fn a_file_without_end_is_read_no_further_than_a_policy_may_reach() {
    let problems = config::load(Path::new("/dev/zero")).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "/dev/zero:1:1: the file has more than 1048576 bytes, which is the most"
    );
    let policy =
        "models: {a: {url: \"http://127.0.0.1\"}}\ndefault: a\nlisten: {token: {from_file: /dev/zero}}\n";
    let expected = [
        "policy.yaml:3:29: listen.token.from_file: `/dev/zero` has more than 65536 bytes, which is the most",
    ];
    assert_eq!(problems_of(policy), expected);
}

#[test]
fn a_problem_stays_on_one_line_of_bearable_length_whatever_the_file_holds() {
    let name = "a\\n\\e[31m".repeat(400);
    let policy = format!("models: {{a: {{url: \"http://127.0.0.1\"}}}}\ndefault: \"{name}\"\n");
    let problems = problems_of(&policy);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].len() < 1000 && !problems[0].contains(char::is_control), "{}", problems[0]);
}
