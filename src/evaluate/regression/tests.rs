use proptest::collection::vec;
use proptest::prop_assert;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::regression::Residuals;
use crate::evaluate::regression::ZeroTarget;
use crate::evaluate::regression::median_absolute_error;

fn residuals(examples: &[(f64, f64, f64)]) -> Residuals {
    let mut residuals = Residuals::default();
    for (truth, predicted, weight) in examples {
        residuals.add_weighted(*truth, *predicted, *weight).unwrap();
    }
    residuals
}

fn metrics(residuals: &Residuals) -> [Result<f64, NoValue>; 9] {
    [
        residuals.mae(),
        residuals.mse(),
        residuals.rmse(),
        residuals.max_error(),
        residuals.r2(),
        residuals.adjusted_r2(2),
        residuals.explained_variance(),
        residuals.mape(ZeroTarget::Epsilon),
        residuals.smape(),
    ]
}

fn undefined<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

#[test]
fn without_examples_nothing_is_defined() {
    assert!(metrics(&Residuals::default()).into_iter().all(undefined));
    assert!(
        metrics(&residuals(&[(1.0, 2.0, 0.0)])).into_iter().all(undefined),
        "a weight of 0 counts for none"
    );
    assert!(undefined(median_absolute_error(&[], &[], None)));
    assert!(undefined(median_absolute_error(&[1.0], &[2.0], Some(&[0.0]))));
}

#[test]
fn an_example_that_is_refused_leaves_no_trace() {
    let mut given = residuals(&[(1.0, 2.0, 1.0), (3.0, 2.5, 1.0)]);
    let before = given.clone();
    for (truth, predicted, weight) in
        [(f64::NAN, 1.0, 1.0), (1.0, f64::INFINITY, 1.0), (1.0, 1.0, -1.0), (1.0, 1.0, f64::NAN)]
    {
        let refused = given.add_weighted(truth, predicted, weight);
        assert!(matches!(refused, Err(NoValue::Invalid(_))), "{truth} {predicted} {weight}");
    }
    assert_eq!(given, before);
}

#[test]
fn sums_beyond_the_range_of_numbers_make_a_metric_undefined_not_infinite() {
    let examples = [(1e200, 2e200, 1.0), (-1e200, 1e200, 1.0), (1e308, -1e308, 1.0)];
    for count in 2..=3 {
        let given = residuals(&examples[..count]);
        assert!([given.mse(), given.r2(), given.explained_variance()].into_iter().all(undefined));
        assert!(metrics(&given).into_iter().flatten().all(f64::is_finite));
    }
    assert!(residuals(&examples[..2]).smape().is_ok());
    // A truth whose own spread overflows must not look explained.
    assert!(undefined(residuals(&[(1e200, 1e200, 1.0), (-1e200, -1e200, 1.0)]).r2()));
}

#[test]
fn a_constant_truth_has_no_spread_whatever_its_digits_and_weights() {
    let hit = residuals(&[(0.1, 0.1, 3.0), (0.1, 0.1, 0.7), (0.1, 0.1, 1.3)]);
    assert_eq!((hit.r2(), hit.explained_variance()), (Ok(1.0), Ok(1.0)));
    let missed = residuals(&[(0.1, 0.2, 3.0), (0.1, 0.3, 0.7)]);
    assert_eq!((missed.r2(), missed.explained_variance()), (Ok(0.0), Ok(0.0)));
}

#[test]
fn the_spread_of_a_truth_far_from_zero_keeps_its_digits() {
    // The offset and the steps are exact in binary, so that R2 is 1 - n h^2 / sum of squared steps.
    let step = 2_f64.powi(-30);
    let at = |index: i32| 1e6 + f64::from(index) * step;
    let given = residuals(&(0..8).map(|index| (at(index), at(index) + step / 4.0, 1.0)).collect::<Vec<_>>());
    let expected = 1.0 - 8.0 / 16.0 / 42.0;
    assert!((given.r2().unwrap() - expected).abs() < 1e-12, "{:?}", given.r2());
}

#[test]
fn a_true_zero_is_undefined_skipped_or_tiny() {
    let given = residuals(&[(0.0, 0.5, 1.0), (2.0, 3.0, 1.0)]);
    assert!(undefined(given.mape(ZeroTarget::Undefined)));
    assert_eq!(given.mape(ZeroTarget::Skip), Ok(0.5));
    assert_eq!(given.mape(ZeroTarget::Epsilon), Ok((0.5 / f64::EPSILON + 0.5) / 2.0));
    assert!(undefined(residuals(&[(0.0, 0.5, 1.0)]).mape(ZeroTarget::Skip)));
}

#[test]
fn too_many_features_leave_nothing_to_adjust() {
    let given = residuals(&[(1.0, 1.1, 1.0), (2.0, 2.0, 1.0), (3.0, 2.9, 1.0)]);
    assert!(given.adjusted_r2(1).is_ok());
    assert!(undefined(given.adjusted_r2(2)) && undefined(given.adjusted_r2(u64::MAX)));
}

#[test]
fn the_median_lies_where_half_of_the_weight_is() {
    let (truth, predicted) = ([0.0; 4], [1.0, 2.0, -3.0, 10.0]);
    assert_eq!(median_absolute_error(&truth, &predicted, None), Ok(2.5));
    let weighed = |weights: [f64; 4]| median_absolute_error(&truth, &predicted, Some(&weights)).unwrap();
    assert_eq!(weighed([1.0, 1.0, 1.0, 4.0]), 10.0);
    assert_eq!(weighed([2.0, 0.0, 1.0, 1.0]), 2.0, "between 1 and 3, for 2 does not count");
}

proptest! {
    #[test]
    fn merged_parts_equal_the_whole(
        examples in vec((-9.0..9.0_f64, -9.0..9.0_f64, 0.0..3.0_f64), 3..60),
        cut in 0..60_usize,
    ) {
        let (first, second) = examples.split_at(cut.min(examples.len()));
        let mut merged = residuals(second);
        merged.merge(&residuals(first));
        let whole = residuals(&examples);
        prop_assert!(merged.examples() == whole.examples());
        for (merged, whole) in metrics(&merged).into_iter().zip(metrics(&whole)) {
            let near = match (merged, whole) {
                (Ok(merged), Ok(whole)) => (merged - whole).abs() <= 1e-9 * whole.abs().max(1e-3),
                (merged, whole) => merged == whole,
            };
            prop_assert!(near, "{:?} {:?}", merged, whole);
        }
    }
}
