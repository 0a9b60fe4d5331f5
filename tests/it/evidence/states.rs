//! Each state of the verdict, by what leads to it.

use crossfade::analysis::State;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::evidence::world::PLAIN;
use crate::evidence::world::Request;
use crate::evidence::world::World;
use crate::evidence::world::traffic;

const ERRORS: &str =
    r#"{"guardrails": [{"watch": "error_rate", "max_ratio": 1.5, "on_breach": "rollback"}]}"#;

fn decided_by(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_candidate_that_fails_more_is_rolled_back_and_stays_so() {
    let (mut world, mut dice) = (World::of("canary", decided_by(ERRORS)), StdRng::seed_from_u64(1));
    traffic(&mut world, &mut dice, 2_000, (1, 0.2), [0.02, 0.2]);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Rollback, "{}", verdict.sentence);
    assert!(verdict.sentence.starts_with("new makes "), "{}", verdict.sentence);
    assert!(
        verdict.sentence.contains("times as many errors as old; rolled back after "),
        "{}",
        verdict.sentence
    );
    let guardrail = &verdict.guardrails[0];
    assert!(guardrail.breached && guardrail.effect.lower.unwrap() > 1.0, "{guardrail:?}");
    assert!(guardrail.log_e_peak.unwrap() >= guardrail.log_e_breach);

    traffic(&mut world, &mut dice, 6_000, (2, 0.2), [0.2, 0.02]);
    let later = world.verdict();
    assert_eq!(later.state, State::Rollback, "a roll back stays: {}", later.sentence);
}

#[test]
fn one_users_failures_are_one_event() {
    let (mut world, mut dice) = (World::of("canary", decided_by(ERRORS)), StdRng::seed_from_u64(2));
    traffic(&mut world, &mut dice, 1_000, (1, 0.5), [0.01, 0.01]);
    for _ in 0..500 {
        world.serve(Request { candidate: true, unit: Some("unlucky"), failed: true, ..PLAIN });
    }
    let verdict = world.verdict();
    assert_ne!(verdict.state, State::Rollback, "{}", verdict.sentence);
}

#[test]
fn a_candidate_inside_every_margin_is_promoted_after_the_minimum_time() {
    let waits = json!({"guardrails": [{"watch": "error_rate", "max_ratio": 1.5, "on_breach": "rollback"}],
        "min_seconds": 30_000.0});
    let (mut world, mut dice) = (World::of("ab", waits), StdRng::seed_from_u64(3));
    traffic(&mut world, &mut dice, 20_000, (1, 0.5), [0.05, 0.04]);
    let early = world.verdict();
    assert_eq!(early.state, State::Waiting, "{}", early.sentence);
    assert!(early.guardrails[0].within.unwrap(), "{early:?}");
    assert!(early.reasons.iter().any(|reason| reason.contains("minimum time")), "{:?}", early.reasons);
    traffic(&mut world, &mut dice, 10_100, (1, 0.5), [0.05, 0.04]);
    let late = world.verdict();
    assert_eq!(
        late.state,
        State::Waiting,
        "accuracy is the primary metric, and no label came: {}",
        late.sentence
    );

    let primary = json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.5}});
    let mut world = World::of("ab", primary);
    traffic(&mut world, &mut dice, 20_000, (1, 0.5), [0.05, 0.04]);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Promote, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("may be promoted"), "{}", verdict.sentence);
}

#[test]
fn what_is_missing_is_told_with_how_much_more_it_takes() {
    let primary = json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.0}});
    let (mut world, mut dice) = (World::of("ab", primary), StdRng::seed_from_u64(4));
    traffic(&mut world, &mut dice, 3_000, (1, 0.5), [0.10, 0.07]);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Waiting, "{}", verdict.sentence);
    let remaining = verdict.remaining.unwrap();
    assert!((100..1_000_000).contains(&remaining.requests), "{remaining:?}");
    assert!(
        (remaining.seconds / remaining.requests as f64 - 1.0).abs() < 0.01,
        "one a second: {remaining:?}"
    );
    assert!(verdict.sentence.contains("more requests"), "{}", verdict.sentence);
}

#[test]
fn where_time_alone_is_missing_no_traffic_is_asked_for() {
    let primary =
        json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.5}, "min_seconds": 50_000.0});
    let (mut world, mut dice) = (World::of("ab", primary), StdRng::seed_from_u64(4));
    traffic(&mut world, &mut dice, 20_000, (1, 0.5), [0.05, 0.04]);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Waiting, "{}", verdict.sentence);
    let remaining = verdict.remaining.unwrap();
    assert_eq!(remaining.requests, 0);
    assert!((remaining.seconds - 30_000.0).abs() < 10.0, "one request a second: {remaining:?}");
    let sentence = &verdict.sentence;
    assert!(
        sentence.contains("of the minimum time are left") && !sentence.contains("more requests"),
        "{sentence}"
    );
}

#[test]
fn a_dearer_candidate_is_held_and_never_rolled_back_for_that() {
    let decision = json!({"guardrails": [
        {"watch": {"outcome": "stars"}, "on_breach": "hold"},
        {"watch": "error_rate", "on_breach": "rollback"}]});
    let (mut world, mut dice) = (World::of("ab", decision), StdRng::seed_from_u64(5));
    for number in 0..3_000 {
        let candidate = dice.random_bool(0.5);
        let unit = format!("user-{number}");
        let id = world.serve(Request { candidate, unit: Some(&unit), ..PLAIN });
        let stars = if candidate { 2.0 } else { 4.0 } + dice.random::<f64>();
        world.report(id, candidate, ("stars", "number"), json!({"number": stars}));
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Hold, "{}", verdict.sentence);
    let stars = &verdict.guardrails[0];
    assert!(stars.breached && stars.effect.upper.unwrap() < -1.9, "{stars:?}");
}

#[test]
fn a_number_is_not_judged_before_enough_users_have_one() {
    let decision = json!({"primary": {"of": {"outcome": "stars"}, "better": "higher", "margin": 0.0}});
    let mut world = World::of("ab", decision);
    for number in 0..150 {
        let candidate = number % 2 == 0;
        let unit = format!("user-{number}");
        let id = world.serve(Request { candidate, unit: Some(&unit), ..PLAIN });
        world.report(
            id,
            candidate,
            ("stars", "number"),
            json!({"number": f64::from(u8::from(candidate)) + 1.0}),
        );
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Waiting);
    let primary = verdict.primary.unwrap();
    assert!(primary.undefined.as_ref().unwrap().contains("needs 100 users"), "{primary:?}");
    assert_eq!((primary.estimate, primary.lower), (None, None), "what is undefined is no number");
}

#[test]
fn slower_than_legacys_own_quantile_is_a_bad_event_once_that_is_frozen() {
    let decision = json!({"guardrails": [{"watch": "latency_p95", "on_breach": "rollback"}]});
    let (mut world, mut dice) = (World::of("canary", decision), StdRng::seed_from_u64(6));
    let mut serve = |world: &mut World, requests: u32, slow: f64| {
        for _ in 0..requests {
            let candidate = dice.random_bool(0.3);
            let unit = format!("{:016x}", dice.random::<u64>());
            let took_ms = 10.0 * (1.0 + dice.random::<f64>()) * if candidate { slow } else { 1.0 };
            world.serve(Request { share: 0.3, candidate, unit: Some(&unit), took_ms, ..PLAIN });
        }
    };
    serve(&mut world, 1_200, 3.0);
    assert!(world.summary().stages[0].slow_ms.is_none(), "legacy has not answered a thousand times");
    assert_eq!(world.verdict().state, State::Waiting);
    serve(&mut world, 1_200, 1.0);
    let (p95, p99) = world.summary().stages[0].slow_ms.unwrap();
    assert!((p95 - 19.5).abs() < 0.5 && p99 > p95, "{p95} {p99}");
    assert_ne!(world.verdict().state, State::Rollback, "as fast as legacy: {}", world.verdict().sentence);
    serve(&mut world, 1_200, 1.3);
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Rollback, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("95 % quantile"), "{}", verdict.sentence);
}

#[test]
fn a_conversion_that_only_yes_is_reported_of_counts_for_the_candidate() {
    let decision = json!({"primary": {"of": {"outcome": "bought"}, "better": "higher", "margin": 0.0}});
    let (mut world, mut dice) = (World::of("ab", decision), StdRng::seed_from_u64(7));
    for number in 0..8_000 {
        let candidate = dice.random_bool(0.5);
        let unit = format!("user-{number}");
        let id = world.serve(Request { candidate, unit: Some(&unit), ..PLAIN });
        if dice.random_bool(if candidate { 0.10 } else { 0.05 }) {
            world.report(id, candidate, ("bought", "binary"), json!({"binary": true}));
        }
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Promote, "{}", verdict.sentence);
    assert!(!verdict.health.joined_off, "conversions differ, and that is no mismatch of joins");
    assert!(verdict.sentence.contains("times as many users with `bought`"), "{}", verdict.sentence);
}

#[test]
fn a_shadow_that_fails_where_legacy_does_not_is_rolled_back() {
    let (mut world, mut dice) = (World::of("shadow", decided_by(ERRORS)), StdRng::seed_from_u64(8));
    for number in 0..600 {
        let unit = format!("user-{number}");
        world.serve_both(Some(&unit), dice.random_bool(0.02), dice.random_bool(0.1));
    }
    let verdict = world.verdict();
    assert_eq!(verdict.state, State::Rollback, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("that only one of them failed, new failed"), "{}", verdict.sentence);
}

#[test]
fn when_time_is_up_without_a_decision_that_is_said() {
    let decision = json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.0},
        "stop_after_seconds": 900.0});
    let (mut world, mut dice) = (World::of("ab", decision), StdRng::seed_from_u64(9));
    traffic(&mut world, &mut dice, 800, (1, 0.5), [0.05, 0.05]);
    assert_eq!(world.verdict().state, State::Waiting);
    traffic(&mut world, &mut dice, 200, (1, 0.5), [0.05, 0.05]);
    assert_eq!(world.verdict().state, State::Inconclusive, "{}", world.verdict().sentence);
}
