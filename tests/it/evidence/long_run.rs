//! Whole tests simulated through the live fold: how often equal models are rolled back or promoted, and how soon a bad
//! one is.
//!
//! The tests here take few runs; [`recorded`] takes many, for `tests/vectors/stats/RESULTS.md` (see
//! `tests/it/vectors/rates.rs`).

use crossfade::analysis::State;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use serde_json::json;

use crate::evidence::world::World;
use crate::evidence::world::traffic;
use crate::vectors::rates::Bound;
use crate::vectors::rates::Rates;
use crate::vectors::rates::Row;

/// The most requests of a test of a candidate that errs twice as often.
const MOST: u32 = 80_000;

/// Runs seeded tests on two threads.
fn runs<T: Send>(number: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let part = |from: u64| (from..number).step_by(2).map(&run).collect::<Vec<T>>();
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

/// Which of so many canaries of a model like legacy are rolled back; every event is a look.
fn rolled_back(number: u64, requests: u32) -> Vec<bool> {
    runs(number, |seed| {
        let (mut world, mut dice) =
            (World::of("canary", errors(0.05)).forgetful(), StdRng::seed_from_u64(seed));
        traffic(&mut world, &mut dice, requests, (1, 0.2), [0.1, 0.1]);
        world.verdict().state == State::Rollback
    })
}

/// Which of so many A/B tests of a model like legacy promote it at no margin, looked at every 50 requests.
fn promoted(number: u64, requests: u32) -> Vec<bool> {
    let primary = json!({"primary": {"of": "error_rate", "better": "lower", "margin": 0.0}});
    runs(number, |seed| {
        let world = World::of("ab", primary.clone()).forgetful();
        let (mut world, mut dice) = (world, StdRng::seed_from_u64(seed));
        (0..requests / 50).any(|_| {
            traffic(&mut world, &mut dice, 50, (1, 0.5), [0.1, 0.1]);
            world.verdict().state == State::Promote
        })
    })
}

/// Which of so many ramps, during which everybody comes to err more, roll a model like legacy back.
fn rolled_back_on_a_ramp(number: u64) -> Vec<bool> {
    runs(number, |seed| {
        let (mut world, mut dice) =
            (World::of("canary", errors(0.05)).forgetful(), StdRng::seed_from_u64(seed));
        for (stage, share, rate) in [(1, 0.01, 0.02), (2, 0.05, 0.04), (3, 0.25, 0.08), (4, 0.5, 0.16)] {
            traffic(&mut world, &mut dice, 1_000, (stage, share), [rate, rate]);
        }
        world.verdict().state == State::Rollback
    })
}

/// After how many requests a candidate with twice legacy's error rate of 1 % is rolled back at a weight of 5 %, in order;
/// [`MOST`] where it is not.
fn requests_until_rolled_back(alpha: f64, number: u64) -> Vec<u64> {
    const LOOK: u32 = 1_000;
    let mut found = runs(number, |seed| {
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
    });
    found.sort_unstable();
    found
}

/// The rates of many runs, as rows of the record.
pub(crate) fn recorded(rates: &mut Rates) {
    let mut equal = |case: &str, found: &[bool]| {
        rates.row(&Row {
            metric: "live_fold_false_alarm",
            case,
            runs: found.len(),
            rate: share(found),
            bounds: vec![Bound::AtMost(0.05)],
            reference: None,
            median: None,
        });
    };
    equal("equal models at a canary of 20 %, rolled back at 0.05", &rolled_back(1_000, 5_000));
    equal("equal models in an A/B test, promoted at no margin at 0.05", &promoted(1_000, 5_000));
    equal("equal models on a ramp under drifting rates, rolled back at 0.05", &rolled_back_on_a_ramp(1_000));
    for (case, alpha) in [
        ("1 % against 2 % errors at a canary of 5 %, guardrail_alpha 0.05", 0.05),
        ("1 % against 2 % errors at a canary of 5 %, guardrail_alpha 0.01, the default", 0.01),
    ] {
        let found = requests_until_rolled_back(alpha, 1_000);
        let in_time: Vec<bool> = found.iter().map(|requests| *requests < u64::from(MOST)).collect();
        rates.row(&Row {
            metric: "live_fold_time_to_roll_back",
            case,
            runs: found.len(),
            rate: share(&in_time),
            bounds: vec![Bound::AtLeast(0.9)],
            reference: None,
            median: Some((found[found.len() / 2], "requests")),
        });
    }
}

#[test]
fn equal_models_are_rolled_back_no_more_often_than_the_policy_allows() {
    let found = share(&rolled_back(1_000, 500));
    assert!(found <= 0.05, "{found}");
}

#[test]
fn equal_models_are_promoted_at_no_margin_no_more_often_than_the_policy_allows() {
    let found = share(&promoted(1_000, 500));
    assert!(found <= 0.05, "{found}");
}

#[test]
fn a_ramp_under_drifting_rates_rolls_nobody_back() {
    let found = share(&rolled_back_on_a_ramp(100));
    assert!(found <= 0.05, "{found}");
}

/// The median of so few runs is off by some 1,500 either way; that of many is on record, with its bound.
#[test]
fn twice_the_errors_at_a_canary_of_five_percent_are_found_in_time() {
    let found = requests_until_rolled_back(0.05, 60);
    let median = found[found.len() / 2];
    assert!(median <= 22_000, "{median}");
}
