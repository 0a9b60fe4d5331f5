//! How large an experiment must be.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Demand;
use crate::stats::RateEffect;
use crate::stats::Undefined;
use crate::stats::design_effect;
use crate::stats::pairs_for_shadow;
use crate::stats::requests_for_event_share;
use crate::stats::requests_for_proportions;
use crate::stats::sample_size_arcsine;
use crate::stats::sample_size_pooled;
use crate::stats::sample_size_t;
use crate::stats::suffices;
use crate::stats::users_for_votes;

const DEMAND: Demand = Demand { alpha: 0.05, power: 0.8, alternative: Alternative::TwoSided };

#[test]
fn the_planned_pairs_find_the_effect_with_the_planned_power() {
    let planned = pairs_for_shadow(0.6, 1.0, DEMAND).unwrap().any_time;
    let test = BetaBinomial::paired(Alternative::TwoSided);
    let finds = |seed: &u64| {
        let mut rng = StdRng::seed_from_u64(*seed);
        let mut wins = 0;
        (1..=planned).any(|pairs| {
            wins += u64::from(rng.random::<f64>() < 0.6);
            suffices(test.log_e(wins, pairs - wins), DEMAND.alpha)
        })
    };
    let found = (0..1_000).filter(finds).count() as f64 / 1_000.0;
    assert!((found - 0.8).abs() < 0.05, "{planned} pairs find it in {found}");
}

/// The figures of Fleiss' formula at 0.05 and 0.8.
#[test]
fn proportions_take_the_published_sizes() {
    for (p0, p1, expected) in [(0.01, 0.015, 7_750), (0.05, 0.06, 8_158), (0.2, 0.21, 25_582)] {
        assert_eq!(sample_size_pooled(p0, p1, DEMAND).unwrap().round() as u64, expected);
        let effect = RateEffect { base_rate: p0, relative_risk: p1 / p0, candidate_share: 0.5 };
        let both = requests_for_proportions(effect, DEMAND, 1.0).unwrap();
        assert!(both.one_look.abs_diff(2 * expected) <= 2, "{both:?}");
        assert!(both.any_time > both.one_look, "{both:?}");
    }
}

#[test]
fn an_event_that_is_common_is_counted_by_its_absence() {
    let greater = Demand { alternative: Alternative::Greater, ..DEMAND };
    let less = Demand { alternative: Alternative::Less, ..DEMAND };
    let common = RateEffect { base_rate: 0.9, relative_risk: 0.95 / 0.9, candidate_share: 0.5 };
    let rare = RateEffect { base_rate: 0.1, relative_risk: 0.5, candidate_share: 0.5 };
    let (common, rare) = (
        requests_for_proportions(common, greater, 1.0).unwrap(),
        requests_for_proportions(rare, less, 1.0).unwrap(),
    );
    assert!(common.one_look.abs_diff(rare.one_look) <= 1 && common.any_time.abs_diff(rare.any_time) <= 20);
}

#[test]
fn likeness_within_units_and_indecision_cost_in_proportion() {
    let effect = RateEffect { base_rate: 0.02, relative_risk: 2.0, candidate_share: 0.05 };
    let once = requests_for_event_share(effect, DEMAND, 1.0).unwrap();
    let alike = requests_for_event_share(effect, DEMAND, design_effect(11.0, 0.1).unwrap()).unwrap();
    assert!(alike.one_look.abs_diff(2 * once.one_look) <= 2, "{once:?} {alike:?}");
    let (all, half) =
        (users_for_votes(0.55, 1.0, DEMAND).unwrap(), users_for_votes(0.55, 0.5, DEMAND).unwrap());
    assert_eq!(half.any_time, 2 * all.any_time);
    assert!(design_effect(0.5, 0.1).is_err());
}

#[test]
fn without_an_effect_on_the_side_looked_for_no_size_suffices() {
    let less = Demand { alternative: Alternative::Less, ..DEMAND };
    assert_eq!(sample_size_pooled(0.1, 0.1, DEMAND), Err(Undefined::NoEffect));
    assert_eq!(sample_size_arcsine(0.1, 0.2, less), Err(Undefined::NoEffect));
    assert_eq!(sample_size_t(0.2, 1.0, less), Err(Undefined::NoEffect));
    assert_eq!(users_for_votes(0.5, 1.0, DEMAND), Err(Undefined::NoEffect));
    assert_eq!(pairs_for_shadow(0.6, 1.0, less), Err(Undefined::NoEffect));
    let effect = RateEffect { base_rate: 0.1, relative_risk: 1.0, candidate_share: 0.5 };
    assert_eq!(requests_for_event_share(effect, DEMAND, 1.0), Err(Undefined::NoEffect));
    let weak = Demand { power: 0.04, ..DEMAND };
    assert!(sample_size_pooled(0.1, 0.2, weak).is_err_and(|reason| reason.is_refusal()));
    let slight = RateEffect { relative_risk: 1.1, ..effect };
    assert_eq!(requests_for_event_share(slight, DEMAND, 1.0), Err(Undefined::TooSlight));
    let beyond = RateEffect { relative_risk: 11.0, ..effect };
    assert!(requests_for_proportions(beyond, DEMAND, 1.0).is_err_and(|reason| reason.is_refusal()));
}
