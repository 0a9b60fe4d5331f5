//! The fold: kept over restarts, the same merged as in one, the same from equal records.

use crossfade::analysis::Analysis;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::evidence::world::PLAIN;
use crate::evidence::world::Request;
use crate::evidence::world::World;

/// A world in which everything occurs that is watched.
fn eventful() -> World {
    let decision = json!({"guardrails": [
        {"watch": "error_rate", "max_ratio": 1.2, "on_breach": "rollback"},
        {"watch": "latency_p99", "on_breach": "rollback"}],
        "primary": {"of": {"metric": "accuracy"}, "better": "higher", "margin": 0.1}});
    let (mut world, mut dice) = (World::of("canary", decision), StdRng::seed_from_u64(11));
    for (stage, share) in [(1, 0.1), (2, 0.5)] {
        for _ in 0..1_500 {
            let candidate = dice.random_bool(share);
            let unit = format!("user-{}", dice.random_range(0..900));
            let (failed, took_ms) = (dice.random_bool(0.05), 10.0 + 10.0 * dice.random::<f64>());
            let request = Request { stage, share, candidate, unit: Some(&unit), failed, took_ms };
            let id = world.serve(request);
            let label = if dice.random_bool(0.8) { "7" } else { "1" };
            world.report(id, candidate, ("digit", "label"), json!({"label": label}));
            if dice.random_bool(0.3) {
                let stars = f64::from(dice.random_range(1..6));
                world.report(id, candidate, ("stars", "number"), json!({"number": stars}));
            }
        }
    }
    world
}

#[test]
fn what_was_written_down_goes_on_as_if_nothing_had_happened() {
    let world = eventful();
    let lines = world.lines.as_ref().unwrap();
    let (before, after) = lines.split_at(lines.len() / 2);
    let mut broken = Analysis::new();
    before.iter().for_each(|line| broken.fold(line));
    let mut restored = Analysis::from_json(&broken.to_json()).unwrap();
    after.iter().for_each(|line| restored.fold(line));
    assert_eq!(restored.summary("e").unwrap(), world.summary());
    assert_eq!(restored.to_json(), world.analysis.to_json());
}

#[test]
fn two_gateways_figures_merged_are_those_of_one() {
    let world = eventful();
    let lines = world.lines.as_ref().unwrap();
    let mut parts = [Analysis::new(), Analysis::new()];
    let mut homes = std::collections::HashMap::new();
    for line in lines {
        // A user's requests all go to one of the two, and an outcome to where its request was.
        let home = match line {
            crossfade::record::Line::Pair(pair) => {
                let home = usize::from(pair.unit.as_ref().unwrap().ends_with(['0', '2', '4', '6', '8']));
                homes.insert(pair.request_id, home);
                home
            }
            crossfade::record::Line::Outcome(outcome) => homes[&outcome.request_id],
            _ => {
                parts.iter_mut().for_each(|part| part.fold(line));
                continue;
            }
        };
        parts[home].fold(line);
    }
    let [mut merged, other] = parts;
    merged.merge(&other);
    let (merged, whole) = (merged.summary("e").unwrap(), world.summary());
    assert_eq!(merged.requests, whole.requests);
    let accuracy = |stages: &[crossfade::analysis::StageSummary]| -> Vec<_> {
        let arms = stages.iter().flat_map(|stage| &stage.arms);
        arms.map(|arm| (arm.assigned, arm.units, arm.figure("accuracy").cloned())).collect()
    };
    assert_eq!(accuracy(&merged.stages), accuracy(&whole.stages));
    let (one, other) = (&merged.verdicts[0], &whole.verdicts[0]);
    assert!((one.log_e_primary.unwrap() - other.log_e_primary.unwrap()).abs() < 1e-9);
    let stars = |summary: &crossfade::analysis::ExperimentSummary| {
        summary.effects.iter().find(|effect| effect.figure == "stars").unwrap().estimate.unwrap()
    };
    assert!((stars(&merged) - stars(&whole)).abs() < 1e-9);
    assert_eq!(merged.metrics[0].calls[0].classes, whole.metrics[0].calls[0].classes);
}

/// A world whose candidate fails five times as often, and is better at what it is for.
fn failing() -> World {
    let decision = json!({"guardrails": [{"watch": "error_rate", "max_ratio": 1.2, "on_breach": "rollback"}],
        "primary": {"of": {"metric": "accuracy"}, "better": "higher", "margin": 0.1}, "guardrail_alpha": 0.01});
    let (mut world, mut dice) = (World::of("canary", decision), StdRng::seed_from_u64(5));
    for (stage, share) in [(1, 0.1), (2, 0.3)] {
        for _ in 0..1_500 {
            let candidate = dice.random_bool(share);
            let unit = format!("user-{}", dice.random_range(0..2_000));
            let failed = dice.random_bool(if candidate { 0.10 } else { 0.02 });
            let id = world.serve(Request { stage, share, candidate, unit: Some(&unit), failed, ..PLAIN });
            let label = if dice.random_bool(0.8) { "7" } else { "1" };
            world.report(id, candidate, ("digit", "label"), json!({"label": label}));
        }
    }
    world
}

#[test]
fn a_fleet_decides_as_one_gateway_would_at_equal_cuts() {
    use crossfade::record::Line;
    let world = failing();
    let lines = world.lines.as_ref().unwrap();
    let (mut whole, mut fleet) = (Analysis::new(), Analysis::new());
    let mut parts = [Analysis::new(), Analysis::new(), Analysis::new()];
    let (mut homes, mut served, mut states) = (std::collections::HashMap::new(), 0, Vec::new());
    for line in lines {
        whole.fold(line);
        // Requests go to the three in turn, so that most users meet all of them; an outcome goes where its request was.
        let home = match line {
            Line::Pair(pair) => {
                served += 1;
                homes.insert(pair.request_id, served % 3);
                served % 3
            }
            Line::Outcome(outcome) => homes[&outcome.request_id],
            _ => {
                parts.iter_mut().for_each(|part| part.fold(line));
                continue;
            }
        };
        parts[home].fold(line);
        if !matches!(line, Line::Outcome(_)) {
            continue;
        }
        fleet = Analysis::of_fleet(&parts, &fleet);
        let (one, many) = (whole.summary("e").unwrap(), fleet.summary("e").unwrap());
        let (one, many) = (&one.verdicts[0], &many.verdicts[0]);
        assert_eq!(one.state, many.state, "after {served} requests");
        assert_eq!(one.requests, many.requests);
        for (own, theirs) in one.guardrails.iter().zip(&many.guardrails) {
            assert_eq!(
                (&own.effect, own.within, own.breached),
                (&theirs.effect, theirs.within, theirs.breached)
            );
        }
        let evidence = |verdict: &crossfade::analysis::Verdict| verdict.log_e_primary.unwrap_or_default();
        assert!((evidence(one) - evidence(many)).abs() < 1e-9, "after {served} requests");
        states.push(one.state);
    }
    states.dedup();
    use crossfade::analysis::State;
    assert_eq!(states, [State::Waiting, State::Rollback]);
    let alone = parts.iter().filter(|part| part.summary("e").unwrap().verdicts[0].state == State::Rollback);
    assert!(alone.count() < 3, "together they know sooner than each alone");
}

#[test]
fn what_each_gateway_found_alone_does_not_count_for_the_fleet() {
    let world = failing();
    let alone = &world.analysis;
    assert!(!alone.breaches("e", "i").iter().all(Option::is_none));
    // Many gateways without any failure outweigh what one of them took for certain.
    let mut calm = World::of(
        "canary",
        json!({"guardrails": [{"watch": "error_rate", "max_ratio": 1.2,
        "on_breach": "rollback"}], "primary": {"of": {"metric": "accuracy"}, "better": "higher", "margin": 0.1},
        "guardrail_alpha": 0.01}),
    );
    let mut dice = StdRng::seed_from_u64(6);
    for (stage, share) in [(1, 0.1), (2, 0.3)] {
        for number in 0..6_000 {
            let candidate = dice.random_bool(share);
            let unit = format!("other-{number}");
            let failed = dice.random_bool(if candidate { 0.02 } else { 0.12 });
            calm.serve(Request { stage, share, candidate, unit: Some(&unit), failed, ..PLAIN });
        }
    }
    let fleet = Analysis::of_fleet([alone, &calm.analysis], &Analysis::new());
    assert!(fleet.breaches("e", "i").iter().all(Option::is_none));
}

#[test]
fn a_record_whose_probabilities_do_not_fit_its_arms_is_of_no_stratum() {
    let mut world = World::of("canary", json!({}));
    world.serve(PLAIN);
    let Some(crossfade::record::Line::Pair(mut pair)) = world.lines.as_mut().unwrap().pop() else {
        panic!("the last line is a pair");
    };
    let mut damaged = Analysis::new();
    for line in world.lines.as_ref().unwrap() {
        damaged.fold(line);
    }
    for probabilities in [vec![0.2, 0.3, 0.5], vec![1.0]] {
        pair.propensities = probabilities;
        damaged.fold(&crossfade::record::Line::Pair(pair.clone()));
    }
    let summary = damaged.summary("e").unwrap();
    assert_eq!((summary.requests, summary.stages.len()), (2, 0));
    assert!(!summary.verdicts[0].health.assigned_off);
}

#[test]
fn a_number_that_nobody_reports_is_nought_where_the_policy_says_so_and_unknown_elsewhere() {
    let mut world = World::of("ab", json!({}));
    for number in 0..400 {
        let candidate = number % 2 == 0;
        let unit = format!("user-{number}");
        let id = world.serve(Request { candidate, unit: Some(&unit), ..PLAIN });
        if number % 4 < 2 {
            world.report(id, candidate, ("stars", "number"), json!({"number": 3.0 + f64::from(number % 3)}));
        }
    }
    let summary = world.summary();
    let stars = summary.effects.iter().find(|effect| effect.figure == "stars").unwrap();
    assert_eq!(stars.events, 200, "users without stars are not among them: {stars:?}");
}
