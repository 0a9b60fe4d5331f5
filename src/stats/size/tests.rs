use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stats::Alternative;
use crate::stats::Demand;
use crate::stats::RateEffect;
use crate::stats::StageEvents;
use crate::stats::StagedRisk;
use crate::stats::Undefined;
use crate::stats::pairs_for_shadow;
use crate::stats::requests_for_event_share;
use crate::stats::requests_for_proportions;
use crate::stats::suffices;
use crate::stats::users_for_votes;

const USUAL: Demand = Demand { alpha: 0.05, power: 0.8, alternative: Alternative::TwoSided };

fn effect(base_rate: f64, relative_risk: f64, candidate_share: f64) -> RateEffect {
    RateEffect { base_rate, relative_risk, candidate_share }
}

#[test]
fn an_ab_test_takes_what_textbooks_say_for_one_look() {
    for (base, relative_risk, per_arm) in [(0.01, 1.5, 7_750), (0.05, 1.2, 8_158), (0.20, 1.05, 25_582)] {
        let size = requests_for_proportions(effect(base, relative_risk, 0.5), USUAL, 1.0).unwrap();
        assert!(size.one_look.div_ceil(2).abs_diff(per_arm) <= 1, "{base} {relative_risk}: {size:?}");
    }
}

/// How many requests a canary takes by which half, and by which four fifths, of all runs have found the effect.
fn simulated(effect: RateEffect, alternative: Alternative, runs: u64) -> [f64; 2] {
    let RateEffect { base_rate, relative_risk, candidate_share } = effect;
    let run = |seed: u64| {
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut candidate, mut legacy) = (0, 0);
        for request in 1.. {
            let is_candidate = dice.random_bool(candidate_share);
            let rate = if is_candidate { base_rate * relative_risk } else { base_rate };
            if !dice.random_bool(rate) {
                continue;
            }
            *(if is_candidate { &mut candidate } else { &mut legacy }) += 1;
            let risk = StagedRisk::of([StageEvents { share: candidate_share, candidate, legacy }]);
            if candidate + legacy >= 5 && suffices(risk.log_e(alternative, 1.0).unwrap(), 0.05) {
                return f64::from(request);
            }
        }
        unreachable!("the requests never end")
    };
    let mut ends: Vec<f64> = (0..runs).map(run).collect();
    ends.sort_by(f64::total_cmp);
    [ends[ends.len() / 2], ends[ends.len() * 4 / 5]]
}

#[test]
fn a_canarys_time_is_told_as_simulated_ones_take_it() {
    for (effect, alternative) in [
        (effect(0.01, 2.0, 0.05), Alternative::Greater),
        (effect(0.05, 1.5, 0.5), Alternative::Greater),
        (effect(0.10, 0.7, 0.5), Alternative::Less),
    ] {
        let told = requests_for_event_share(effect, USUAL, 1.0).unwrap();
        let [median, with_power] = simulated(effect, alternative, 600);
        for (told, found) in [(told.any_time_median, median), (told.any_time, with_power)] {
            let ratio = told as f64 / found;
            assert!((0.8..1.25).contains(&ratio), "{effect:?}: told {told}, found {found}");
        }
    }
}

#[test]
fn twice_the_errors_at_a_canary_of_five_percent_take_about_sixteen_thousand_requests() {
    let told = requests_for_event_share(effect(0.01, 2.0, 0.05), USUAL, 1.0).unwrap();
    assert!((10_400..21_600).contains(&told.any_time_median), "{told:?}");
}

#[test]
fn reading_at_any_time_costs_about_as_many_again_as_was_measured() {
    // 80 % of runs were seen to end by 1.55 to 1.73 times the size of a test at a fixed size.
    let one_sided = Demand { alternative: Alternative::Greater, ..USUAL };
    for preference in [0.53, 0.55] {
        let size = users_for_votes(preference, 1.0, one_sided).unwrap();
        let times = size.any_time as f64 / size.one_look as f64;
        assert!((1.4..2.1).contains(&times), "{preference}: {size:?}");
    }
}

#[test]
fn a_preference_for_legacy_takes_as_long_as_one_for_the_candidate() {
    assert_eq!(users_for_votes(0.4, 0.5, USUAL), users_for_votes(0.6, 0.5, USUAL));
    assert_eq!(pairs_for_shadow(0.25, 0.1, USUAL), pairs_for_shadow(0.75, 0.1, USUAL));
    let all = pairs_for_shadow(0.75, 1.0, USUAL).unwrap().any_time;
    assert_eq!(pairs_for_shadow(0.75, 0.1, USUAL).unwrap().any_time, 10 * all);
}

#[test]
fn what_cannot_be_found_has_no_size() {
    let none = requests_for_event_share(effect(0.01, 1.0, 0.5), USUAL, 1.0);
    assert_eq!(none, Err(Undefined::NoEffect));
    let slight = requests_for_event_share(effect(1e-9, 1.000_000_1, 0.5), USUAL, 1.0);
    assert_eq!(slight, Err(Undefined::TooLarge));
    for share in [0.0, 1.0, f64::NAN] {
        assert!(requests_for_event_share(effect(0.01, 2.0, share), USUAL, 1.0).unwrap_err().is_refusal());
    }
    assert!(requests_for_proportions(effect(0.6, 2.0, 0.5), USUAL, 1.0).unwrap_err().is_refusal());
}
