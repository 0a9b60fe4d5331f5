//! Whole tests simulated through the live fold: how often equal models are rolled back or promoted, and how soon a bad
//! one is.
//!
//! `CROSSFADE_RECORD` set, the rates go into `tests/vectors/stats/RESULTS.md` (see `tests/it/vectors/properties.rs`).

use crossfade::analysis::State;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;

use crate::evidence::world::World;
use crate::evidence::world::traffic;

/// The first seed.
const SEEDS: u64 = 10_000;

/// Runs seeded tests on two threads.
fn runs<T: Send>(number: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let part = |from: u64| (from..number).step_by(2).map(|seed| run(SEEDS + seed)).collect::<Vec<T>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        let mut all = part(0);
        all.extend(other.join().expect("a run panicked"));
        all
    })
}

fn share(found: &[bool]) -> f64 {
    found.iter().filter(|found| **found).count() as f64 / found.len() as f64
}

fn errors(alpha: f64) -> Value {
    json!({"guardrails": [{"watch": "error_rate", "on_breach": "rollback"}], "guardrail_alpha": alpha})
}

#[test]
fn equal_models_are_rolled_back_no_more_often_than_the_policy_allows() {
    let alarmed = runs(1_000, |seed| {
        let (mut world, mut dice) =
            (World::of("canary", errors(0.05)).forgetful(), StdRng::seed_from_u64(seed));
        // Every event is a look.
        traffic(&mut world, &mut dice, 500, (1, 0.2), [0.1, 0.1]);
        world.verdict().state == State::Rollback
    });
    assert!(share(&alarmed) <= 0.05, "{}", share(&alarmed));
}

#[test]
fn equal_models_are_promoted_at_no_margin_no_more_often_than_the_policy_allows() {
    let primary = json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.0}});
    let promoted = runs(1_000, |seed| {
        let world = World::of("ab", primary.clone()).forgetful();
        let (mut world, mut dice) = (world, StdRng::seed_from_u64(seed));
        (0..10).any(|_| {
            traffic(&mut world, &mut dice, 50, (1, 0.5), [0.1, 0.1]);
            world.verdict().state == State::Promote
        })
    });
    assert!(share(&promoted) <= 0.05, "{}", share(&promoted));
}

#[test]
fn a_ramp_under_drifting_rates_rolls_nobody_back() {
    let alarmed = runs(100, |seed| {
        let (mut world, mut dice) =
            (World::of("canary", errors(0.05)).forgetful(), StdRng::seed_from_u64(seed));
        for (stage, share, rate) in [(1, 0.01, 0.02), (2, 0.05, 0.04), (3, 0.25, 0.08), (4, 0.5, 0.16)] {
            traffic(&mut world, &mut dice, 1_000, (stage, share), [rate, rate]);
        }
        world.verdict().state == State::Rollback
    });
    assert!(share(&alarmed) <= 0.05, "{}", share(&alarmed));
}

/// How many requests it takes until a candidate with twice legacy's error rate of 1 % is rolled back at a weight of 5 %.
fn requests_until_rolled_back(alpha: f64, number: u64) -> Vec<u64> {
    const MOST: u32 = 60_000;
    const LOOK: u32 = 1_000;
    runs(number, |seed| {
        let (mut world, mut dice) =
            (World::of("canary", errors(alpha)).forgetful(), StdRng::seed_from_u64(seed));
        for _ in 0..MOST / LOOK {
            traffic(&mut world, &mut dice, LOOK, (1, 0.05), [0.01, 0.02]);
            let verdict = world.verdict();
            if verdict.state == State::Rollback {
                // The reason tells the very request.
                let digits = verdict.reasons[0].chars().filter(char::is_ascii_digit).collect::<String>();
                return digits.parse().unwrap();
            }
        }
        u64::from(MOST)
    })
}

#[test]
fn twice_the_errors_at_a_canary_of_five_percent_are_found_in_time() {
    let mut found = requests_until_rolled_back(0.05, 100);
    found.sort_unstable();
    let median = found[found.len() / 2];
    assert!(median <= 17_000, "{median}");
}
