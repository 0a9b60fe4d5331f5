//! What is computed in one pass must not depend on the order or on who saw which part.

use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::stats::Covariance;
use crate::stats::DecayingMean;
use crate::stats::Moments;
use crate::stats::PoissonBootstrap;
use crate::stats::QuantileSketch;
use crate::stats::REPLICATES;
use crate::stats::Undefined;
use crate::stats::bootstrap_replicates;
use crate::stats::histogram_quantile;
use crate::stats::inverted_cdf;
use crate::stats::linear_quantile;
use crate::stats::mean;
use crate::stats::percentile_interval;
use crate::stats::poisson_weight;
use crate::stats::weighted_mean_replicates;

fn sketch(values: &[f64]) -> QuantileSketch {
    let mut sketch = QuantileSketch::default();
    values.iter().for_each(|value| sketch.add(*value).unwrap());
    sketch
}

proptest! {
    #[test]
    fn moments_in_parts_are_those_of_the_whole(pairs in vec((-1e3_f64..1e3, -1e3_f64..1e3), 2..60), cut in 0_usize..60) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|(x, y)| (1e6 + x, y - 1e6)).unzip();
        let cut = cut.min(x.len());
        let whole = Covariance::of(&x, &y).unwrap();
        let mut parts = Covariance::of(&x[..cut], &y[..cut]).unwrap();
        parts.merge(&Covariance::of(&x[cut..], &y[cut..]).unwrap());
        let at_once = Moments::of(&x).unwrap();
        prop_assert_eq!(parts.x().n(), at_once.n());
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-3;
        prop_assert!(near(parts.x().variance().unwrap(), at_once.variance().unwrap()));
        prop_assert!(near(parts.x().mean().unwrap(), at_once.mean().unwrap()));
        prop_assert!(near(parts.covariance().unwrap(), whole.covariance().unwrap()));
    }

    #[test]
    fn a_sketch_is_right_within_its_error_and_the_same_in_any_order_and_parts(
        mut values in vec(-1e6_f64..1e6, 1..300), cut in 0_usize..300, share in 0.0_f64..=1.0,
    ) {
        values.iter_mut().step_by(7).for_each(|value| *value = 0.0);
        let cut = cut.min(values.len());
        let mut parts = sketch(&values[..cut]);
        parts.merge(&sketch(&values[cut..])).unwrap();
        values.reverse();
        let whole = sketch(&values);
        prop_assert_eq!(&parts, &whole);
        let exact = inverted_cdf(&values, share).unwrap();
        let found = whole.quantile(share).unwrap();
        prop_assert!((found - exact).abs() <= 0.01 * exact.abs() * (1.0 + 1e-9), "{} for {}", found, exact);
    }
}

#[test]
fn a_sketch_holds_the_smallest_and_the_largest_numbers() {
    let sketch = sketch(&[f64::MIN_POSITIVE, f64::MAX, -f64::MAX, 5e-324]);
    assert_eq!(sketch.count(), 4);
    assert!((sketch.quantile(1.0).unwrap() / f64::MAX - 1.0).abs() <= 0.01);
    assert!((sketch.quantile(0.0).unwrap() / -f64::MAX - 1.0).abs() <= 0.01);
    assert!((sketch.quantile(0.75).unwrap() / f64::MIN_POSITIVE - 1.0).abs() <= 0.01);
    let mut coarse = QuantileSketch::new(0.05).unwrap();
    assert!(coarse.merge(&sketch).is_err_and(|reason| reason.is_refusal()));
    assert_eq!(coarse.quantile(0.5), Err(Undefined::NoObservations));
    assert!(coarse.add(f64::NAN).is_err());
}

#[test]
fn quantiles_between_numbers_of_any_size_are_between_them() {
    assert_eq!(linear_quantile(&[f64::MAX, -f64::MAX], 0.5), Ok(0.0));
    assert_eq!(linear_quantile(&[3.0], 0.2), Ok(3.0));
    assert!(linear_quantile(&[1.0], 1.5).is_err_and(|reason| reason.is_refusal()));
    assert_eq!(linear_quantile(&[], 0.5), Err(Undefined::NoObservations));
}

#[test]
fn a_histogram_that_cannot_be_right_is_refused() {
    let infinite = f64::INFINITY;
    let refused = [
        (vec![1.0, 2.0], vec![1.0, 2.0]),
        (vec![2.0, 1.0, infinite], vec![1.0, 2.0, 3.0]),
        (vec![1.0, infinite], vec![2.0, 1.0]),
        (vec![1.0, infinite], vec![-1.0, 1.0]),
        (vec![1.0, infinite], vec![1.0]),
        (vec![infinite], vec![1.0]),
    ];
    for (bounds, counts) in refused {
        let result = histogram_quantile(&bounds, &counts, 0.5);
        assert!(result.is_err_and(|reason| reason.is_refusal()), "{bounds:?} {counts:?}: {result:?}");
    }
    assert_eq!(histogram_quantile(&[1.0, infinite], &[0.0, 0.0], 0.5), Err(Undefined::NoObservations));
    assert_eq!(histogram_quantile(&[1.0, 2.0, infinite], &[0.0, 0.0, 5.0], 0.5), Ok(2.0));
    assert_eq!(histogram_quantile(&[-1.0, 2.0, infinite], &[3.0, 4.0, 5.0], 0.5), Ok(-1.0));
    assert_eq!(histogram_quantile(&[1.0, 2.0, infinite], &[0.0, 4.0, 5.0], 0.0), Ok(0.0));
}

#[test]
fn a_fading_mean_takes_no_value_from_the_past() {
    let mut mean = DecayingMean::new(2.0).unwrap();
    mean.add(5.0, 1.0).unwrap();
    let before = mean;
    assert!(mean.add(4.0, 9.0).is_err());
    assert!(mean.add(6.0, f64::NAN).is_err());
    assert_eq!(mean, before);
    assert_eq!(mean.add(5.0, 3.0), Ok(2.0));
}

#[test]
fn weights_are_poisson_with_mean_one_and_published() {
    let weights: Vec<f64> = (0..200_000).map(|unit| f64::from(poisson_weight(unit, 3))).collect();
    let moments = Moments::of(&weights).unwrap();
    assert!((moments.mean().unwrap() - 1.0).abs() < 0.01, "{moments:?}");
    assert!((moments.variance().unwrap() - 1.0).abs() < 0.02, "{moments:?}");
    for (count, chance) in [(0.0, 0.3679), (1.0, 0.3679), (2.0, 0.1839), (3.0, 0.0613)] {
        let share = weights.iter().filter(|weight| **weight == count).count() as f64 / 2e5;
        assert!((share - chance).abs() < 0.005, "{count}: {share}");
    }
    assert_eq!([0, 1, 2, 3].map(|replicate| poisson_weight(42, replicate)), WEIGHTS_OF_42);
}

/// A change here changes every bootstrap interval.
const WEIGHTS_OF_42: [u32; 4] = [1, 0, 0, 1];

#[derive(Debug, Default, Clone, PartialEq)]
struct Sums {
    weight: f64,
    difference: f64,
}

fn bootstrap(units: std::ops::Range<u64>) -> PoissonBootstrap<Sums> {
    let mut bootstrap = PoissonBootstrap::new(REPLICATES);
    for unit in units {
        bootstrap.add(&unit.to_le_bytes(), |sums: &mut Sums, weight| {
            sums.weight += f64::from(weight);
            sums.difference += f64::from(weight) * (unit % 5) as f64;
        });
    }
    bootstrap
}

#[test]
fn a_poisson_bootstrap_in_parts_is_that_of_the_whole_and_finds_the_standard_error() {
    let whole = bootstrap(0..1_000);
    let mut parts = bootstrap(0..300);
    parts
        .merge(&bootstrap(300..1_000), |ours, theirs| {
            ours.weight += theirs.weight;
            ours.difference += theirs.difference;
        })
        .unwrap();
    assert_eq!(parts, whole);
    assert_eq!(parts.merge(&PoissonBootstrap::new(3), |_, _| {}), Err(Undefined::Lengths));
    let interval = whole.interval(0.95, |sums| Ok(sums.difference / sums.weight)).unwrap();
    // The deviation of 0 to 4 in equal shares is the root of 2.
    let half = 1.96 * (2.0_f64 / 1_000.0).sqrt();
    assert!((interval.lower - (2.0 - half)).abs() < 0.015, "{interval:?}");
    assert!((interval.upper - (2.0 + half)).abs() < 0.015, "{interval:?}");
}

#[test]
fn resamples_that_cannot_be_are_refused_and_empty_ones_have_no_mean() {
    let refused = bootstrap_replicates(&[1.0, 2.0], &[vec![0, 2]], mean).unwrap_err();
    assert!(refused.is_refusal());
    assert_eq!(bootstrap_replicates(&[1.0], &[vec![]], mean), Err(Undefined::NoObservations));
    assert_eq!(weighted_mean_replicates(&[1.0], &[vec![0.0]]), Err(Undefined::NoObservations));
    assert_eq!(percentile_interval(&[], 0.95), Err(Undefined::NoObservations));
}
