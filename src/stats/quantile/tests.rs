use proptest::collection::vec;
use proptest::prop_assert;
use proptest::proptest;

use crate::stats::Bucket;
use crate::stats::CdfBand;
use crate::stats::Interval;
use crate::stats::QuantileRanks;
use crate::stats::Undefined;
use crate::stats::quantile_difference_p;
use crate::stats::quantile_ranks;

#[test]
fn the_upper_end_is_finite_from_a_known_number_of_observations_on() {
    for (p, least) in [(0.5, 30), (0.9, 100), (0.95, 150), (0.99, 480)] {
        let finite = |n: u64| quantile_ranks(p, n, 0.05, 100.0).unwrap().upper <= n;
        let first = (1..1_000).find(|n| finite(*n)).unwrap();
        assert!(first <= least && first > least / 2, "p = {p}: from {first} on");
    }
}

#[test]
fn ranks_name_what_lies_beyond_all_observations() {
    let ranks = QuantileRanks { lower: 0, upper: 4 };
    let everything = Interval { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
    assert_eq!(ranks.in_sorted(&[1.0, 2.0, 3.0]), everything);
    let bucket = Bucket { lowest: 0.0, highest: 1.0, count: 3 };
    assert_eq!(ranks.in_buckets([bucket]), everything);
    let inner = QuantileRanks { lower: 1, upper: 3 };
    assert_eq!(inner.in_sorted(&[1.0, 2.0, 3.0]), Interval { lower: 1.0, upper: 3.0 });
}

#[test]
fn what_has_no_quantile_says_why() {
    assert_eq!(quantile_ranks(0.5, 0, 0.05, 100.0), Err(Undefined::NoObservations));
    for bad in [0.0, 1.0, f64::NAN] {
        assert!(quantile_ranks(bad, 10, 0.05, 100.0).is_err(), "p = {bad}");
        assert!(quantile_ranks(0.5, 10, bad, 100.0).is_err(), "alpha = {bad}");
    }
    assert!(quantile_ranks(0.5, 10, 0.05, 0.0).is_err());
    assert_eq!(quantile_difference_p(&[], &[1.0], 0.5, 100.0, 0.05), Err(Undefined::NoObservations));
    assert!(quantile_difference_p(&[f64::NAN], &[1.0], 0.5, 100.0, 0.05).is_err());
}

#[test]
fn samples_that_are_far_apart_differ_and_equal_ones_do_not() {
    let first: Vec<f64> = (0..100).map(f64::from).collect();
    let second: Vec<f64> = (1_000..1_100).map(f64::from).collect();
    assert!(quantile_difference_p(&first, &second, 0.5, 100.0, 0.05).unwrap() < 1e-6);
    assert_eq!(quantile_difference_p(&first, &first, 0.5, 100.0, 0.05), Ok(1.0));
    assert_eq!(quantile_difference_p(&[1.0; 50], &[1.0; 50], 0.9, 100.0, 0.05), Ok(1.0));
}

#[test]
fn a_band_begins_at_its_least_number_and_narrows() {
    let band = CdfBand::new(0.05, 32.0, 0.85).unwrap();
    assert_eq!(band.radius(31), f64::INFINITY);
    assert!(band.radius(32) > band.radius(1_000));
    assert!(CdfBand::new(0.05, 0.5, 0.85).is_err() && CdfBand::new(0.05, 32.0, 0.7).is_err());
}

proptest! {
    #[test]
    fn buckets_hold_what_the_observations_themselves_do(
        mut observations in vec(0.0..8.0, 1..300), p in 0.01..0.99,
    ) {
        observations.sort_by(f64::total_cmp);
        let buckets: Vec<Bucket> = (0..8_u8).map(f64::from).map(|lowest| {
            let inside = |x: &&f64| **x >= lowest && **x < lowest + 1.0;
            let count = observations.iter().filter(inside).count() as u64;
            Bucket { lowest, highest: lowest + 1.0, count }
        }).collect();
        let ranks = quantile_ranks(p, observations.len() as u64, 0.05, 100.0).unwrap();
        let (exact, rounded) = (ranks.in_sorted(&observations), ranks.in_buckets(buckets));
        prop_assert!(rounded.lower <= exact.lower && exact.upper <= rounded.upper, "{:?} {:?}", exact, rounded);
        prop_assert!(!(exact.lower - rounded.lower > 1.0 || rounded.upper - exact.upper > 1.0));
    }
}
