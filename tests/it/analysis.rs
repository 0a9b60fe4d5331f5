//! Analysis: the same figures live and from the log, the right model found, and nothing found where there is nothing.

use std::sync::Arc;

use crossfade::analysis::ExperimentSummary;
use crossfade::analysis::FigureCounts;
use crossfade::analysis::StageArmSummary;
use crossfade::analysis::Standing;
use crossfade::analysis::State;
use crossfade::policy::Policy;
use crossfade::policy::Unit;
use crossfade::record::Observation;
use crossfade::record::Pair;
use crossfade::record::Shown;
use crossfade::record::ShownItem;
use crossfade::strategy::Assignment;
use crossfade::strategy::interleave::Method;
use crossfade::strategy::interleave::Mixed;
use crossfade::strategy::interleave::Mixing;
use crossfade::strategy::interleave::mix;
use crossfade::vocab::ArmId;
use crossfade::vocab::Fate;
use crossfade::vocab::RequestId;
use crossfade::vocab::Role;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::ledger::Ledger;
use crate::ledger::NEW_YEAR;
use crate::ledger::answer;
use crate::ledger::configured;
use crate::ledger::drawn;
use crate::ledger::shown;

const OLD: ArmId = ArmId::LEGACY;
const NEW: ArmId = ArmId(1);
const SHADOW: &str = "shadow: {}";
const CANARY: &str = "canary: {steps: [{weight: 10%}, {weight: 50%}]}";
const AB: &str = "ab: {arms: {old: 50%, new: 50%}}";
const LISTS: &str = "interleave: {items: '$.results[*]', id: $.doc, depth: 5, deadline: 1s, credit: click}";

fn policy(strategy: &str, candidate_port: u16) -> String {
    format!(
        "models: {{old: {{url: \"http://127.0.0.1:1\"}}, new: {{url: \"http://127.0.0.1:{candidate_port}\"}}}}\n\
         experiments:\n  - name: e\n    legacy: old\n    candidate: new\n    unit: [{{header: x-user-id}}]\n    \
         outcomes: {{digit: {{type: label}}, click: {{type: click}}, stars: {{type: number}}}}\n    \
         metrics: {{accuracy: {{prediction: $.label, truth: digit}}}}\n    strategy: {{{strategy}}}\n"
    )
}

fn start(strategy: &str) -> Ledger {
    Ledger::start("", &policy(strategy, 2))
}

fn said(policy: &Policy, arm: ArmId, role: Role, right: bool) -> Observation {
    answer(policy, arm, role, if right { r#"{"label": 7}"# } else { r#"{"label": 0}"# })
}

fn user(number: u32) -> Unit {
    Unit::Named(format!("user-{number}"))
}

/// Serves a request whose truth is 7 and has it reported, before the pair is done or after.
fn serve_labelled(ledger: &Ledger, pair: Pair, label_first: bool) {
    let report = json!({"request_id": pair.id.to_string(), "outcome": "digit", "value": 7});
    ledger.feedback.remember(pair.id, ledger.exposure(&pair));
    if label_first {
        assert_eq!(ledger.report(&report).0, 200);
    }
    ledger.recorder.hand(pair);
    if !label_first {
        assert_eq!(ledger.report(&report).0, 200);
    }
}

/// Closes the ledger and gives the figures, once it is sure that the log tells the same.
async fn summary(ledger: &Ledger) -> ExperimentSummary {
    let (live, offline) = ledger.summaries().await;
    assert_eq!(serde_json::to_value(&live).unwrap(), serde_json::to_value(&offline).unwrap());
    assert_eq!(live, offline);
    live
}

fn winner(summary: &ExperimentSummary) -> &str {
    match &summary.standing {
        Standing::Candidate(name) => name.as_str(),
        Standing::Legacy => "legacy",
        Standing::Undecided { reason } => reason,
    }
}

async fn shadow(old_right: f64, new_right: f64) -> ExperimentSummary {
    let ledger = start(SHADOW);
    let mut dice = StdRng::seed_from_u64(1);
    for request in 0..800 {
        let mut pair = ledger.pair();
        pair.unit = user(request % 400);
        let (old, new) = (dice.random_bool(old_right), dice.random_bool(new_right));
        pair.legs = vec![
            said(&ledger.policy, OLD, Role::Answer, old),
            said(&ledger.policy, NEW, Role::Shadow, new),
            said(&ledger.policy, OLD, Role::Control, old),
        ];
        serve_labelled(&ledger, pair, dice.random_bool(0.5));
    }
    summary(&ledger).await
}

#[tokio::test]
async fn a_shadow_finds_the_better_model_and_nobody_where_there_is_none() {
    let cases = [(0.8, 0.95, "new"), (0.95, 0.8, "legacy"), (0.9, 0.9, "not enough evidence yet")];
    for (old, new, expected) in cases {
        let summary = shadow(old, new).await;
        assert_eq!(winner(&summary), expected, "{}", summary.sentence);
        let pairs = summary.paired.iter().find(|pairs| pairs.figure == "accuracy").unwrap();
        let all = pairs.both + pairs.neither + pairs.only_candidate + pairs.only_legacy;
        assert_eq!(all, 800, "every label was joined, whichever came first");
        let calls = |arm: usize, role: Role| {
            summary.arms[arm].calls.iter().find(|call| call.role == role).unwrap().clone()
        };
        let accuracy = &summary.metrics[0].calls;
        assert_eq!(accuracy.iter().map(|call| call.examples).collect::<Vec<_>>(), [800; 3]);
        assert_eq!(calls(0, Role::Control).requests, 800);
        assert!((calls(0, Role::Answer).total_ms.p95.unwrap() - 20.0).abs() < 0.2);
        assert!(summary.stages.is_empty() && summary.interleaving.is_none());
    }
}

/// A split test of many users, each with two requests; stage by stage the weight grows and everybody errs more.
async fn split(strategy: &str, stages: &[(u32, f64)], old_wrong: f64, new_wrong: f64) -> ExperimentSummary {
    let ledger = start(strategy);
    let mut dice = StdRng::seed_from_u64(2);
    for (stage, weight) in stages {
        for number in 0..1_000 {
            let new = dice.random_bool(*weight);
            let (arm, propensity) = if new { (NEW, *weight) } else { (OLD, 1.0 - weight) };
            let wrong = if new { new_wrong } else { old_wrong } * f64::from(*stage);
            for _ in 0..2 {
                let mut pair = ledger.pair();
                pair.stage = strategy.starts_with("canary").then_some(*stage);
                pair.unit = user(number);
                pair.assignment = drawn(arm, propensity);
                pair.legs = vec![said(&ledger.policy, arm, Role::Answer, !dice.random_bool(wrong))];
                serve_labelled(&ledger, pair, dice.random_bool(0.5));
            }
            // The queue of a test with no client to hold back is soon full.
            if number % 500 == 0 {
                tokio::task::yield_now().await;
                let idle = async || ledger.recorder.depth().0 == 0;
                crate::rig::until("the writer kept up", idle).await;
            }
        }
    }
    summary(&ledger).await
}

#[tokio::test]
async fn canary_and_ab_find_the_model_that_errs_less_and_take_no_drift_for_a_difference() {
    let ramp: &[(u32, f64)] = &[(1, 0.1), (2, 0.5)];
    let even: &[(u32, f64)] = &[(1, 0.5)];
    let cases = [
        (CANARY, ramp, 0.10, 0.04, "new"),
        (CANARY, ramp, 0.04, 0.10, "legacy"),
        (CANARY, ramp, 0.10, 0.10, "not enough evidence yet"),
        (AB, even, 0.10, 0.04, "new"),
        (AB, even, 0.04, 0.10, "legacy"),
        (AB, even, 0.10, 0.10, "not enough evidence yet"),
    ];
    for (strategy, stages, old, new, expected) in cases {
        let summary = split(strategy, stages, old, new).await;
        assert_eq!(winner(&summary), expected, "{strategy}: {}", summary.sentence);
        assert_eq!(summary.stages.len(), stages.len(), "stages are kept apart");
        for (stage, (_, weight)) in summary.stages.iter().zip(stages) {
            let wrong = |count: fn(&FigureCounts) -> u64| -> u64 {
                stage.arms.iter().map(|arm| count(arm.figure("accuracy").unwrap())).sum()
            };
            assert_eq!(wrong(|figure| figure.known), 2_000);
            assert!((stage.arms[1].propensity - weight).abs() < 1e-9);
            assert!(wrong(|figure| figure.units) < wrong(|figure| figure.happened), "a user counts once");
        }
    }
}

#[tokio::test]
async fn labels_that_come_in_for_one_arm_more_than_for_the_other_decide_nothing() {
    let ledger = start(AB);
    let mut dice = StdRng::seed_from_u64(4);
    for number in 0..1_500 {
        let arm = if dice.random_bool(0.5) { NEW } else { OLD };
        let mut pair = ledger.pair();
        pair.unit = user(number);
        pair.assignment = drawn(arm, 0.5);
        pair.legs = vec![said(&ledger.policy, arm, Role::Answer, dice.random_bool(0.7))];
        if arm == OLD || dice.random_bool(0.5) {
            serve_labelled(&ledger, pair, false);
        } else {
            ledger.serve(pair);
        }
    }
    let summary = summary(&ledger).await;
    let [old, new] = &summary.stages[0].arms[..] else { panic!("two arms: {:?}", summary.stages) };
    let wrong = |arm: &StageArmSummary| arm.figure("accuracy").unwrap().units;
    assert!(wrong(new) * 3 < wrong(old) * 2, "fewer wrong answers are known: {new:?} {old:?}");
    assert!(winner(&summary).contains("outcomes"), "{}", summary.sentence);
    assert_eq!(summary.verdicts[0].state, State::Invalid, "{}", summary.verdicts[0].sentence);
}

#[tokio::test]
async fn users_who_reach_the_arms_in_other_shares_than_drawn_decide_nothing() {
    let ledger = start(AB);
    for number in 0..1_000 {
        let arm = if number % 5 == 0 { NEW } else { OLD };
        let mut pair = ledger.pair();
        pair.unit = user(number);
        pair.assignment = drawn(arm, 0.5);
        pair.legs = vec![said(&ledger.policy, arm, Role::Answer, number % 3 > 0)];
        serve_labelled(&ledger, pair, false);
    }
    let summary = summary(&ledger).await;
    assert!(winner(&summary).contains("shares"), "{}", summary.sentence);
    assert_eq!(summary.verdicts[0].state, State::Invalid, "{}", summary.verdicts[0].sentence);
}

#[tokio::test]
async fn legacy_is_not_better_than_a_candidate_that_got_no_users() {
    let policy = policy("ab: {arms: {old: 50%, new: 50%, idle: 0%}}", 2)
        .replace("models: {", "models: {idle: {url: \"http://127.0.0.1:4\"}, ")
        .replace("    candidate: new\n", "");
    let ledger = Ledger::start("", &policy);
    for number in 0..600 {
        let arm = if number % 2 == 0 { OLD } else { NEW };
        let mut pair = ledger.pair();
        pair.unit = user(number);
        pair.assignment = drawn(arm, 0.5);
        pair.legs = vec![said(&ledger.policy, arm, Role::Answer, arm == OLD || number % 3 > 0)];
        serve_labelled(&ledger, pair, false);
    }
    let summary = summary(&ledger).await;
    let idle = summary.effects.iter().filter(|effect| effect.candidate.as_str() == "idle");
    assert!(idle.clone().count() > 0 && idle.into_iter().all(|effect| effect.undefined.is_some()));
    assert!(matches!(summary.standing, Standing::Undecided { .. }), "{}", summary.sentence);
}

#[tokio::test]
async fn over_several_stages_the_sentence_tells_no_pooled_figures() {
    let summary = split(CANARY, &[(1, 0.1), (2, 0.5)], 0.10, 0.04).await;
    assert_eq!(winner(&summary), "new");
    assert!(summary.sentence.contains("times as many wrong answers as old"), "{}", summary.sentence);
    assert!(!summary.sentence.contains(" of "), "no count is told: {}", summary.sentence);
}

#[tokio::test]
async fn forced_repeated_and_unenrolled_requests_never_count() {
    let ledger = start(AB);
    let left_out = [
        (Assignment { arm: NEW, propensity: 1.0, enrolled: false, forced: true }, false),
        (Assignment { arm: OLD, propensity: 1.0, enrolled: false, forced: false }, false),
        (drawn(NEW, 0.5), true),
    ];
    for (assignment, retry) in left_out {
        for number in 0..100 {
            let mut pair = ledger.pair();
            pair.unit = user(number);
            pair.assignment = assignment;
            pair.marks.retry = retry;
            pair.legs = vec![said(&ledger.policy, assignment.arm, Role::Answer, assignment.arm == OLD)];
            serve_labelled(&ledger, pair, number % 2 == 0);
        }
    }
    let summary = summary(&ledger).await;
    assert_eq!(summary.requests, 300);
    assert_eq!(
        serde_json::to_value(summary.left_out).unwrap(),
        json!({"not_enrolled": 100, "forced": 100, "retries": 100})
    );
    assert!(summary.arms.iter().all(|arm| arm.enrolled == 0 && arm.calls.is_empty()), "{:?}", summary.arms);
    assert_eq!(winner(&summary), "no answer was held against a reported `digit` yet");
}

#[tokio::test]
async fn a_candidate_that_fails_is_wrong_though_legacy_answered_in_its_place() {
    let ledger = start(AB);
    for number in 0..400 {
        let arm = if number % 2 == 0 { OLD } else { NEW };
        let mut pair = ledger.pair();
        pair.unit = user(number);
        pair.assignment = drawn(arm, 0.5);
        pair.legs = vec![said(&ledger.policy, arm, Role::Answer, true)];
        if arm == NEW && number % 3 == 0 {
            pair.marks.fallback = true;
            pair.legs[0].fate = Fate::Reset;
            pair.legs.push(said(&ledger.policy, OLD, Role::Fallback, true));
        }
        serve_labelled(&ledger, pair, false);
    }
    let summary = summary(&ledger).await;
    assert_eq!(winner(&summary), "legacy", "{}", summary.sentence);
    let wrong = |arm: usize| summary.stages[0].arms[arm].figure("accuracy").unwrap().happened;
    assert_eq!((wrong(0), wrong(1)), (0, 67));
}

async fn lists(prefer_new: f64, with_unit: bool) -> ExperimentSummary {
    let ledger = start(LISTS);
    let mut dice = StdRng::seed_from_u64(3);
    for number in 0..600 {
        let item = if dice.random_bool(prefer_new) { "b" } else { "a" };
        for _ in 0..3 {
            let mut pair = ledger.pair();
            pair.unit = if with_unit { user(number) } else { Unit::Request };
            pair.shown = Some(shown(&[("a", OLD), ("b", NEW)]));
            let id: RequestId = ledger.serve(pair);
            let click = json!({"request_id": id.to_string(), "outcome": "click", "value": item});
            assert_eq!(ledger.report(&click).0, 200);
        }
    }
    summary(&ledger).await
}

#[tokio::test]
async fn interleaving_counts_one_vote_a_user() {
    for (prefer_new, expected) in [(0.75, "new"), (0.25, "legacy"), (0.5, "not enough evidence yet")] {
        let summary = lists(prefer_new, true).await;
        assert_eq!(winner(&summary), expected, "{}", summary.sentence);
        let lists = summary.interleaving.unwrap();
        let votes = &lists.votes[0];
        assert_eq!(votes.for_candidate + votes.for_legacy, 600);
        assert_eq!((lists.impressions, lists.clicks), (1_800, 1_800));
        assert_eq!(lists.earned.iter().sum::<f64>(), 1_800.0);
    }
    let nameless = lists(0.75, false).await;
    assert!(winner(&nameless).contains("requests name no user"), "{}", nameless.sentence);
}

/// Lists of two rankers whose readers click anywhere.
async fn lists_clicked_at_random(method: Method) -> ExperimentSummary {
    let name = serde_json::to_value(method).unwrap();
    let ledger = start(
        &LISTS.replace("interleave: {", &format!("interleave: {{method: {}, ", name.as_str().unwrap())),
    );
    let rankings = [["1", "2", "3"], ["2", "3", "1"]].map(|ids| ids.map(str::to_owned).to_vec());
    let mut dice = StdRng::seed_from_u64(5);
    for number in 0..3_000 {
        let Mixed { items, no_contrast } = mix(&Mixing::of(method), &rankings, 5, &mut dice);
        let items =
            items.into_iter().map(|it| ShownItem { id: it.id, credit: it.credit, team: it.team }).collect();
        let mut pair = ledger.pair();
        pair.unit = user(number);
        pair.shown = Some(Arc::new(Shown { items, no_contrast }));
        let id = ledger.serve(pair);
        let place = dice.random_range(0..3);
        let click = json!({"request_id": id.to_string(), "outcome": "click", "value": {"place": place}});
        assert_eq!(ledger.report(&click).0, 200);
    }
    summary(&ledger).await
}

#[tokio::test]
async fn clicks_at_random_elect_nobody_however_lists_are_mixed() {
    let fair = lists_clicked_at_random(Method::TeamDraft).await;
    assert_eq!(winner(&fair), "not enough evidence yet", "{}", fair.sentence);
    for method in [Method::Balanced, Method::Probabilistic] {
        let summary = lists_clicked_at_random(method).await;
        assert!(winner(&summary).contains("`team_draft`"), "{method:?}: {}", summary.sentence);
        assert_eq!(summary.interleaving.unwrap().clicks, 3_000, "they are shown all the same");
    }
}

#[tokio::test]
async fn a_guardrail_on_a_metric_rolls_back_under_copies_and_under_a_split() {
    for strategy in ["shadow: {GUARDS}", "ab: {arms: {old: 50%, new: 50%}, GUARDS}"] {
        let ledger = start(&strategy.replace("GUARDS", "guardrails: [{metric: accuracy}]"));
        let mut dice = StdRng::seed_from_u64(5);
        for request in 0..600 {
            let mut pair = ledger.pair();
            pair.unit = user(request);
            if strategy.starts_with("ab") {
                let arm = if dice.random_bool(0.5) { NEW } else { OLD };
                pair.assignment = Assignment { arm, propensity: 0.5, enrolled: true, forced: false };
                pair.legs = vec![said(&ledger.policy, arm, Role::Answer, arm == OLD)];
            } else {
                pair.legs = vec![
                    said(&ledger.policy, OLD, Role::Answer, true),
                    said(&ledger.policy, NEW, Role::Shadow, false),
                ];
            }
            serve_labelled(&ledger, pair, true);
        }
        let summary = summary(&ledger).await;
        assert_eq!(summary.verdicts[0].state, State::Rollback, "{:?}", summary.verdicts);
    }
}

#[tokio::test]
async fn another_candidate_begins_the_figures_anew_and_stragglers_stay_out() {
    let ledger = start(SHADOW);
    let files = tempfile::TempDir::new().unwrap();
    let changed = Arc::new(configured(files.path(), "", &policy(SHADOW, 3)).policy);
    let at = |second: i64, policy: &Arc<Policy>| {
        let mut pair = ledger.pair();
        pair.policy = Arc::clone(policy);
        pair.time = crossfade::vocab::Timestamp::from_micros(NEW_YEAR.as_micros() + second * 1_000_000);
        pair.legs = vec![said(policy, OLD, Role::Answer, true), said(policy, NEW, Role::Shadow, true)];
        pair
    };
    let early = at(1, &ledger.policy);
    let early_id = early.id;
    ledger.serve(early);
    for second in 10..15 {
        serve_labelled(&ledger, at(second, &changed), true);
    }
    ledger.serve(at(2, &ledger.policy));
    ledger.report(&json!({"request_id": early_id.to_string(), "outcome": "stars", "value": 5}));
    let summary = summary(&ledger).await;
    let right = summary.paired.iter().find(|pairs| pairs.figure == "accuracy").unwrap().neither;
    assert_eq!((summary.requests, right), (5, 5));
    assert!(
        summary.outcomes.iter().all(|outcome| outcome.outcome.as_str() != "stars"),
        "{:?}",
        summary.outcomes
    );
    assert_eq!(summary.policy, changed.hash);
}

#[tokio::test]
async fn a_straggler_of_the_same_moment_does_not_undo_what_began() {
    let ledger = start(SHADOW);
    let files = tempfile::TempDir::new().unwrap();
    let changed = Arc::new(configured(files.path(), "", &policy(SHADOW, 3)).policy);
    let at = |micros: i64, policy: &Arc<Policy>| {
        let mut pair = ledger.pair();
        pair.policy = Arc::clone(policy);
        pair.time = crossfade::vocab::Timestamp::from_micros(NEW_YEAR.as_micros() + micros);
        pair
    };
    ledger.serve(at(0, &ledger.policy));
    ledger.serve(at(5_000_000, &changed));
    ledger.serve(at(5_000_200, &ledger.policy));
    ledger.serve(at(5_000_300, &changed));
    assert_eq!(summary(&ledger).await.requests, 2, "the new candidate's");

    let ledger = start(SHADOW);
    ledger.serve(at(0, &ledger.policy));
    ledger.serve(at(100, &changed));
    ledger.serve(at(5_000_000, &ledger.policy));
    let summary = summary(&ledger).await;
    assert_eq!(
        (summary.requests, summary.policy),
        (1, ledger.policy.hash.clone()),
        "a way back is no straggler"
    );
}

#[tokio::test]
async fn clicks_on_the_lists_of_another_candidate_are_no_votes() {
    let ledger = start(LISTS);
    let files = tempfile::TempDir::new().unwrap();
    let before = Arc::new(configured(files.path(), "", &policy(LISTS, 3)).policy);
    let list = |policy: &Arc<Policy>, number: u32| {
        let mut pair = ledger.pair();
        pair.policy = Arc::clone(policy);
        pair.unit = user(number);
        pair.shown = Some(shown(&[("a", OLD), ("b", NEW)]));
        pair
    };
    // Another replica, or this one before its restart, served the lists and signed tickets for them.
    for number in 0..100 {
        let served = list(&before, number);
        let ticket = ledger.feedback.ticket(served.id, &ledger.exposure(&served)).unwrap();
        assert_eq!(ledger.report(&json!({"ticket": ticket, "outcome": "click", "value": "b"})).0, 200);
    }
    let own = ledger.serve(list(&ledger.policy, 100));
    ledger.report(&json!({"request_id": own.to_string(), "outcome": "click", "value": "a"}));
    let summary = summary(&ledger).await;
    let votes = &summary.interleaving.as_ref().unwrap().votes[0];
    assert_eq!((votes.for_candidate, votes.for_legacy), (0, 1), "{}", summary.sentence);
}

#[tokio::test]
async fn a_model_that_is_gone_does_not_look_fast() {
    let ledger = start(SHADOW);
    for number in 0..100 {
        let mut pair = ledger.pair();
        let mut copy = said(&ledger.policy, NEW, Role::Shadow, true);
        if number % 10 > 0 {
            copy.fate = if number % 2 == 0 { Fate::ConnectError } else { Fate::Overloaded };
            copy.total = std::time::Duration::from_micros(50);
        }
        pair.legs = vec![said(&ledger.policy, OLD, Role::Answer, true), copy];
        ledger.serve(pair);
    }
    let summary = summary(&ledger).await;
    let copies = &summary.arms[1].calls[0];
    assert_eq!((copies.requests, copies.errors), (100, 90));
    assert!((copies.total_ms.p50.unwrap() - 20.0).abs() < 0.3, "{:?}", copies.total_ms);
}

#[tokio::test]
async fn without_a_label_metric_nothing_is_claimed() {
    let plain =
        policy(SHADOW, 2).replace("    metrics: {accuracy: {prediction: $.label, truth: digit}}\n", "");
    let ledger = Ledger::start("", &plain);
    let mut pair = ledger.pair();
    pair.legs =
        vec![said(&ledger.policy, OLD, Role::Answer, true), said(&ledger.policy, NEW, Role::Shadow, false)];
    ledger.serve(pair);
    let summary = summary(&ledger).await;
    assert!(summary.sentence.starts_with("Nothing tells which answer is right"), "{}", summary.sentence);
    assert_eq!((summary.agreement[0].agree, summary.agreement[0].differ), (0, 1));
}

#[tokio::test]
async fn answers_held_against_a_label_are_counted_in_the_metrics() {
    let ledger = start(SHADOW);
    for right in [true, true, false] {
        let mut pair = ledger.pair();
        pair.legs = vec![
            said(&ledger.policy, OLD, Role::Answer, true),
            said(&ledger.policy, NEW, Role::Shadow, right),
        ];
        serve_labelled(&ledger, pair, right);
    }
    ledger.close().await;
    let count = |labels: &[&str]| ledger.metric("crossfade_labelled_answers_total", labels);
    assert_eq!(count(&["arm=\"old\"", "role=\"answer\"", "result=\"right\""]), 3.0);
    assert_eq!(count(&["arm=\"new\"", "role=\"shadow\"", "result=\"right\""]), 2.0);
    assert_eq!(count(&["arm=\"new\"", "role=\"shadow\"", "result=\"wrong\""]), 1.0);
}
