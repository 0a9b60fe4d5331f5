//! Allocation, the search for the best arm, and what logs say of another policy.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stats::ArmMoments;
use crate::stats::BetaPosterior;
use crate::stats::Decision;
use crate::stats::ModelledPolicy;
use crate::stats::OffPolicy;
use crate::stats::Overlap;
use crate::stats::TopTwo;
use crate::stats::Undefined;
use crate::stats::WeakOverlap;
use crate::stats::best_arm_probabilities;
use crate::stats::track_and_stop;
use crate::stats::track_and_stop_weights;

fn arms(counts: &[(u64, u64)]) -> Vec<BetaPosterior> {
    counts.iter().map(|(successes, failures)| BetaPosterior::after(*successes, *failures)).collect()
}

#[test]
fn propensities_add_up_to_one_keep_the_floor_and_are_those_of_the_draws() {
    let allocation = TopTwo::default().allocate(&arms(&[(30, 70), (35, 65), (2, 98)])).unwrap();
    let propensities = allocation.propensities();
    assert_eq!(propensities.iter().sum::<f64>(), 1.0);
    assert!(propensities.iter().all(|propensity| *propensity >= 0.05), "{propensities:?}");
    assert!(propensities[1] > propensities[0] && propensities[2] < 0.051, "{propensities:?}");
    let mut rng = StdRng::seed_from_u64(1);
    let mut drawn = [0_u32; 3];
    (0..100_000).for_each(|_| drawn[allocation.draw(&mut rng)] += 1);
    for (drawn, propensity) in drawn.into_iter().zip(propensities) {
        let error = (f64::from(drawn) / 1e5 - propensity).abs();
        assert!(error < 4.0 * (propensity / 1e5).sqrt(), "{drawn} drawn with {propensity}");
    }
}

#[test]
fn floors_that_fill_everything_split_evenly_and_more_is_refused() {
    let four = arms(&[(0, 0), (50, 0), (0, 50), (9, 1)]);
    let even = TopTwo { floor: 0.25, ..TopTwo::default() }.allocate(&four).unwrap();
    assert_eq!(even.propensities(), [0.25; 4]);
    assert!(TopTwo { floor: 0.26, ..TopTwo::default() }.allocate(&four).is_err());
    assert_eq!(TopTwo::default().allocate(&four[..1]), Err(Undefined::NoControl));
    let certain =
        TopTwo::default().allocate(&arms(&[(1_000_000, 0), (0, 1_000_000), (0, 1_000_000)])).unwrap();
    assert!((certain.propensity(0) - (0.05 + 0.85 * 0.5)).abs() < 1e-9, "{:?}", certain.propensities());
}

/// Draws as the algorithm says: the best of one draw, or of further draws until it is another.
#[test]
fn propensities_are_those_of_top_two_thompson_sampling() {
    let counts = [(3, 7), (5, 7), (4, 4)];
    let plain = TopTwo { leader_share: 0.5, floor: 0.0 }.allocate(&arms(&counts)).unwrap();
    let mut rng = StdRng::seed_from_u64(7);
    let best = |rng: &mut StdRng| {
        // An order statistic of uniform draws is Beta distributed.
        let rates = counts.map(|(successes, failures)| {
            let mut draws: Vec<f64> = (0..=successes + failures).map(|_| rng.random()).collect();
            draws.sort_by(f64::total_cmp);
            draws[successes as usize]
        });
        (0..3).max_by(|i, j| rates[*i].total_cmp(&rates[*j])).unwrap()
    };
    let mut drawn = [0.0; 3];
    for _ in 0..20_000 {
        let first = best(&mut rng);
        let arm = if rng.random::<bool>() {
            first
        } else {
            std::iter::repeat_with(|| best(&mut rng)).find(|arm| *arm != first).unwrap()
        };
        drawn[arm] += 1.0 / 20_000.0;
    }
    for (arm, drawn) in drawn.into_iter().enumerate() {
        assert!(
            (drawn - plain.propensity(arm)).abs() < 0.015,
            "{drawn}, expected {:?}",
            plain.propensities()
        );
    }
}

#[test]
fn alike_arms_are_equally_likely_to_be_the_best() {
    for count in [0, 1, 40, 100_000] {
        for chance in best_arm_probabilities(&arms(&[(count, 2 * count); 4])).unwrap() {
            assert!((chance - 0.25).abs() < 1e-9, "{chance} after {count}");
        }
    }
    let wide = BetaPosterior::new(0.5, 0.5).unwrap();
    let narrow = BetaPosterior::after(500_000, 500_000);
    assert!((wide.beats(&narrow) - 0.5).abs() < 1e-9);
    assert!((wide.beats(&narrow) + narrow.beats(&wide) - 1.0).abs() < 1e-9);
}

#[test]
fn logs_without_overlap_are_refused_and_thin_ones_named() {
    let mut logs = OffPolicy::default();
    assert_eq!(logs.ips(), Err(Undefined::NoObservations));
    (0..9).for_each(|_| logs.add(1.0, 0.0, 1.0).unwrap());
    for estimate in [logs.ips(), logs.snips()] {
        assert_eq!(estimate, Err(Undefined::NoOverlap));
    }
    let mut modelled = ModelledPolicy::default();
    let decision = Decision { action: 0, propensity: 1.0, reward: 1.0 };
    modelled.add(decision, &[0.0, 1.0], &[0.2, 0.7]).unwrap();
    assert_eq!(modelled.doubly_robust(), Err(Undefined::NoOverlap));
    assert_eq!(modelled.direct_method().unwrap().value, 0.7);
    assert!(modelled.add(Decision { action: 2, ..decision }, &[0.0, 1.0], &[0.2, 0.7]).is_err());
    for (propensity, target) in [(0.0, 0.5), (1.1, 0.5), (0.5, -0.1), (f64::NAN, 0.5)] {
        assert!(logs.add(propensity, target, 1.0).is_err_and(|reason| reason.is_refusal()));
    }
    let good = Overlap { n: 1_000, effective_size: 400.0, max_weight: 8.0, mean_weight: 1.01 };
    assert_eq!(good.suffices(), Ok(()));
    let weak = [
        (Overlap { effective_size: 99.0, ..good }, WeakOverlap::EffectiveSize(99.0)),
        (Overlap { n: 50_000, ..good }, WeakOverlap::EffectiveShare(0.008)),
        (Overlap { max_weight: 101.0, ..good }, WeakOverlap::MaxWeight(101.0)),
        (Overlap { mean_weight: 0.8, ..good }, WeakOverlap::MeanWeight(0.8)),
    ];
    for (overlap, reason) in weak {
        assert_eq!(overlap.suffices(), Err(reason));
    }
}

#[test]
fn logs_of_the_target_itself_give_its_mean_and_parts_the_same_as_the_whole() {
    let rewards = [0.0, 1.0, 1.0, 0.25];
    let logs = |rewards: &[f64]| {
        let mut logs = OffPolicy::default();
        rewards.iter().for_each(|reward| logs.add(0.4, 0.4, *reward).unwrap());
        logs
    };
    let mut parts = logs(&rewards[..1]);
    parts.merge(&logs(&rewards[1..]));
    for estimate in [logs(&rewards).ips(), parts.ips(), parts.snips()] {
        assert!((estimate.unwrap().value - 0.5625).abs() < 1e-12);
    }
    assert_eq!(parts.overlap().unwrap().effective_size, 4.0);
    assert_eq!(logs(&rewards[..1]).snips().unwrap().standard_error, None);
}

#[test]
fn the_search_for_the_best_arm_says_what_it_lacks() {
    let of = |means, variances| ArmMoments { means, variances };
    let tied = of(&[0.5, 0.5], &[0.2, 0.2]);
    assert_eq!(track_and_stop_weights(tied, 0.0), Err(Undefined::NothingDecided));
    assert_eq!(track_and_stop_weights(tied, 0.1).unwrap(), [0.5, 0.5]);
    assert_eq!(track_and_stop_weights(of(&[0.5, 0.1], &[0.0, 0.0]), 0.0), Err(Undefined::NoVariance));
    assert_eq!(track_and_stop_weights(of(&[0.5, 0.1], &[0.0, 0.3]), 0.0).unwrap(), [0.0, 1.0]);
    assert_eq!(track_and_stop_weights(of(&[0.5, 0.1], &[0.3, 0.0]), 0.0).unwrap()[1], 0.0);
    assert_eq!(track_and_stop(tied, &[5, 0], 0.0, 0.05), Err(Undefined::NoObservations));
    assert_eq!(track_and_stop(of(&[0.5], &[0.1]), &[5], 0.0, 0.05), Err(Undefined::NoControl));
    assert!(!track_and_stop(tied, &[500, 500], 0.0, 0.05).unwrap().stop);
}
