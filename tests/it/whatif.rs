//! Off-policy estimates from the log, where the truth is known; and what `crossfade whatif` prints of them.

use std::process::Command;
use std::process::Output;

use crossfade::analysis::whatif::Answer;
use crossfade::analysis::whatif::Estimate;
use crossfade::analysis::whatif::Estimates;
use crossfade::analysis::whatif::Target;
use crossfade::analysis::whatif::WhatIf;
use crossfade::record::Line;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::evidence::world::PLAIN;
use crate::evidence::world::Request;
use crate::evidence::world::World;

fn answer(world: &World, reward: &str, targets: &[Target]) -> Answer {
    let mut whatif = WhatIf::about(reward.parse().unwrap());
    world.lines.iter().flatten().for_each(|line| whatif.fold(line));
    whatif.answers(Some("e"), targets).unwrap().experiments.remove(0)
}

fn candidate(share: &str) -> Target {
    Target::Candidate(share.parse().unwrap())
}

fn found(answer: &Answer, policy: usize) -> Estimates {
    let policy = &answer.policies[policy];
    policy.estimates.unwrap_or_else(|| panic!("{policy:?}"))
}

fn refusal(answer: &Answer, policy: usize) -> &str {
    answer.policies[policy].refused.as_deref().unwrap()
}

fn covers(estimate: &Estimate, truth: f64) -> bool {
    estimate.lower.unwrap() <= truth && truth <= estimate.upper.unwrap()
}

/// Users who buy after 10 % of legacy's and 20 % of the candidate's answers, whatever the stage; and in later stages all
/// buy more, by which a comparison of the arms' plain means goes wrong.
fn shop(stages: &[(u32, f64, u32)], seed: u64, later: f64) -> World {
    let (mut world, mut dice) = (World::of("canary", json!({})), StdRng::seed_from_u64(seed));
    for (stage, share, users) in stages {
        for _ in 0..*users {
            let candidate = dice.random_bool(*share);
            let unit = format!("{:016x}", dice.random::<u64>());
            let rate = if candidate { 0.2 } else { 0.1 } + later * f64::from(stage - 1);
            for _ in 0..2 {
                let request = Request {
                    stage: *stage,
                    share: *share,
                    candidate,
                    unit: Some(&unit),
                    took_ms: 5.0,
                    ..PLAIN
                };
                let id = world.serve(request);
                if dice.random_bool(rate) {
                    world.report(id, candidate, ("bought", "binary"), json!({"binary": true}));
                }
            }
        }
    }
    world
}

#[test]
fn estimates_over_several_stages_cover_the_truth() {
    let stages = [(1, 0.1, 3_000), (2, 0.5, 3_000)];
    let policies = [candidate("0%"), candidate("20%"), Target::Arm("new".to_owned())];
    // In the second half everybody buys more by 0.2, and half of them have the candidate.
    let truths = [0.2, 0.22, 0.3];
    let mut covered = 0;
    for seed in 0..10 {
        let answer = answer(&shop(&stages, seed, 0.2), "bought", &policies);
        assert_eq!((answer.requests, answer.units), (12_000, 6_000));
        for (policy, truth) in truths.into_iter().enumerate() {
            let Estimates { snips, ips, doubly_robust, overlap, .. } = found(&answer, policy);
            for estimate in [snips, ips, doubly_robust.unwrap()] {
                assert!((estimate.value - truth).abs() < 0.05, "{estimate:?} of {truth}");
            }
            assert!((0.9..1.1).contains(&overlap.mean_weight), "{overlap:?}");
            covered += u32::from(covers(&snips, truth));
        }
        let of_candidate = answer.arms[1].mean.unwrap();
        assert!(of_candidate > 0.34, "the plain mean is of the later stage mostly: {of_candidate}");
    }
    assert!(covered >= 26, "{covered} of 30 intervals hold the truth");
}

#[test]
fn the_logged_shares_give_the_logged_mean() {
    let answer = answer(&shop(&[(1, 0.5, 2_000)], 1, 0.0), "bought", &[candidate("50%")]);
    let (logged, again) = (answer.logged.unwrap(), found(&answer, 0).snips);
    assert!((logged.value - again.value).abs() < 1e-12 && covers(&logged, 0.15), "{logged:?} {again:?}");
}

#[test]
fn failures_times_and_scores_are_rewards_too() {
    let (mut world, mut dice) = (World::of("ab", json!({})), StdRng::seed_from_u64(3));
    for number in 0..4_000 {
        let candidate = dice.random_bool(0.5);
        let unit = format!("user-{number}");
        let failed = dice.random_bool(if candidate { 0.3 } else { 0.1 });
        let took_ms = if candidate { 30.0 } else { 10.0 };
        let id = world.serve(Request { candidate, unit: Some(&unit), failed, took_ms, ..PLAIN });
        let label = if dice.random_bool(if candidate { 0.9 } else { 0.6 }) { "7" } else { "1" };
        world.report(id, candidate, ("digit", "label"), json!({"label": label}));
    }
    let quarter = [candidate("25%")];
    let error = found(&answer(&world, "error", &quarter), 0).snips;
    assert!(covers(&error, 0.15), "{error:?}");
    let took = found(&answer(&world, "latency_ms", &quarter), 0).snips;
    assert!((took.value - 15.0).abs() < 0.5, "{took:?}");
    let right = found(&answer(&world, "metric:accuracy", &quarter), 0).snips;
    assert!(covers(&right, 0.675), "{right:?}");
    let unknown = answer(&world, "cost", &quarter);
    assert_eq!((unknown.requests, unknown.left_out.unknown), (0, 4_000));
    assert!(refusal(&unknown, 0).contains("the reward of no request is known"), "{unknown:?}");
}

#[test]
fn a_shadow_log_is_refused_for_the_candidate_and_not_for_legacy() {
    let mut world = World::of("shadow", json!({}));
    for number in 0..500 {
        world.serve_both(Some(&format!("user-{number}")), number % 10 == 0, false);
    }
    let answer =
        answer(&world, "error", &[candidate("5%"), Target::Arm("new".into()), Target::Arm("old".into())]);
    for policy in [0, 1] {
        assert_eq!(
            refusal(&answer, policy),
            "no request could have gone to `new`: run an A/B test or a canary"
        );
    }
    assert!((found(&answer, 2).snips.value - 0.1).abs() < 1e-12);
    assert!(answer.policies[1].estimates.is_none());
}

#[test]
fn few_users_are_refused_however_many_requests_they_make() {
    let mut world = World::of("ab", json!({}));
    for number in 0..4_000 {
        let user = number % 40;
        world.serve(Request { candidate: user % 2 == 0, unit: Some(&format!("user-{user}")), ..PLAIN });
    }
    let answer = answer(&world, "error", &[candidate("50%")]);
    assert!(refusal(&answer, 0).contains("worth 40.0 decisions"), "{}", refusal(&answer, 0));
}

#[test]
fn requests_from_before_a_change_do_not_count_and_a_log_read_twice_counts_once() {
    let world = shop(&[(1, 0.5, 1_000)], 5, 0.0);
    let mut whatif = WhatIf::about("bought".parse().unwrap());
    for line in world.lines.iter().flatten() {
        if let Line::Pair(record) = line {
            let mut former = record.clone();
            former.identity = "before".to_owned();
            former.time = crossfade::vocab::Timestamp::from_micros(0);
            whatif.fold(&Line::Pair(former));
        }
        whatif.fold(line);
        whatif.fold(line);
    }
    let answer = whatif.answers(None, &[]).unwrap().experiments.remove(0);
    assert_eq!((answer.requests, answer.left_out.former_identity), (2_000, 2_000));
    assert_eq!(answer.policies.len(), 2, "each arm in turn");
}

#[test]
fn what_the_log_does_not_know_is_named_with_what_it_does() {
    let world = shop(&[(1, 0.5, 10)], 6, 0.0);
    let problem = |reward: &str, experiment: &str, target: Target| {
        let mut whatif = WhatIf::about(reward.parse().unwrap());
        world.lines.iter().flatten().for_each(|line| whatif.fold(line));
        whatif.answers(Some(experiment), &[target]).unwrap_err().to_string()
    };
    let new = || Target::Arm("new".to_owned());
    assert_eq!(problem("error", "f", new()), "no record of experiment `f`; there are: e");
    assert_eq!(
        problem("error", "e", Target::Arm("knew".to_owned())),
        "experiment `e` has no arm `knew`; its arms are old, new"
    );
    assert!(problem("digit", "e", new()).contains("give a metric that uses it"));
    assert!(problem("sold", "e", new()).contains("no outcome `sold`; there are: digit, stars, bought"));
    assert!(problem("metric:f1", "e", new()).contains("no metric `f1`; there are: accuracy"));
    assert!("price:x".parse::<crossfade::analysis::whatif::Reward>().is_err());
    assert_eq!(
        WhatIf::about("error".parse().unwrap()).answers(None, &[]).unwrap_err().to_string(),
        "the log holds no request of an experiment"
    );
}

/// Writes a world's records and asks of them.
fn whatif(world: &World, arguments: &[&str]) -> Output {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("crossfade-20260101T000000-0.jsonl");
    let written = |line: &Line| {
        let (kind, record) = match line {
            Line::Design(record) => ("design", json!(record)),
            Line::Pair(record) | Line::Answered(record) => ("pair", json!(record)),
            Line::Outcome(record) => ("outcome", json!(record)),
            Line::Judgement(record) => ("judgement", json!(record)),
            Line::Gap(record) => ("gap", json!(record)),
        };
        let mut whole = json!({"schema": 2, "kind": kind});
        whole.as_object_mut().unwrap().extend(record.as_object().unwrap().clone());
        format!("{whole}\n")
    };
    let text: String = world.lines.iter().flatten().map(written).collect();
    std::fs::write(&path, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_crossfade")).arg("whatif").arg(&path).args(arguments).output().unwrap()
}

#[test]
fn the_command_prints_estimates_as_text_and_as_json() {
    let world = shop(&[(1, 0.5, 600)], 7, 0.0);
    let text = whatif(&world, &["--reward", "bought", "--weight", "20%", "--arm", "new"]);
    let said = String::from_utf8(text.stdout).unwrap();
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    for expected in [
        "e (canary): mean outcome:bought, of 1,200 requests by 600 users",
        "\nas logged ",
        "\nnew 20 % ",
        "\nnew 100 % ",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let json = whatif(&world, &["--reward", "bought", "--weight", "new=20%", "--format", "json"]);
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    let policy = &told["experiments"][0]["policies"][0];
    assert_eq!(policy["shares"], json!({"old": 0.8, "new": 0.2}));
    assert!((policy["estimates"]["snips"]["value"].as_f64().unwrap() - 0.12).abs() < 0.04, "{policy}");
}

#[test]
fn the_command_refuses_what_it_is_asked_wrongly_with_the_cure() {
    let world = shop(&[(1, 0.5, 10)], 8, 0.0);
    for (arguments, code, expected) in [
        (
            ["--reward", "bought", "--arm", "knew"],
            2,
            "experiment `e` has no arm `knew`; its arms are old, new",
        ),
        (["--reward", "bought", "--weight", "20"], 2, "`20` is not a percentage"),
        (["--reward", "price:x", "--arm", "new"], 2, "expected `error`, `latency_ms`, `cost`"),
        (["--reward", "error", "--weight", "old=60%,new=60%"], 2, "the shares add up to more than 100 %"),
    ] {
        let output = whatif(&world, &arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .args(["whatif", "--reward", "error", "/nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("`/nowhere` cannot be read"));
}
