use proptest::collection::vec;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::classification::Average;
use crate::evaluate::classification::Confusion;
use crate::evaluate::classification::Measure;
use crate::evaluate::classification::Normalize;
use crate::evaluate::classification::Score;
use crate::evaluate::classification::ZeroDivision;

fn confusion(pairs: &[(u8, u8)]) -> Confusion<u8> {
    let mut confusion = Confusion::default();
    pairs.iter().for_each(|(truth, predicted)| confusion.add(truth, predicted));
    confusion
}

fn undefined<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

fn invalid<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Invalid(_)))
}

#[test]
fn without_examples_nothing_is_defined_even_where_zero_division_counts_as_zero() {
    let empty = confusion(&[]);
    assert!(undefined(empty.accuracy()) && undefined(empty.balanced_accuracy()));
    assert!(undefined(empty.matthews()) && undefined(empty.matrix(&[0, 1], Normalize::Counts)));
    assert!(undefined(empty.score(Measure::Recall, Average::Macro(&[0, 1]), ZeroDivision::Zero)));
    let weightless = Confusion::of(&[1, 2], &[2, 1], Some(&[0.0, 0.0])).unwrap();
    assert_eq!(weightless, empty, "examples of weight 0 leave no trace");
}

#[test]
fn what_cannot_be_right_is_refused() {
    assert!(invalid(Confusion::of(&[1, 2], &[1], None)));
    assert!(invalid(Confusion::of(&[1], &[1], Some(&[1.0, 1.0]))));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(invalid(Confusion::of(&[1], &[1], Some(&[weight]))), "a weight of {weight}");
    }
    let confusion = confusion(&[(0, 1), (1, 1)]);
    assert!(invalid(confusion.matrix(&[1, 1], Normalize::All)));
    for beta in [-1.0, f64::NAN, f64::INFINITY] {
        let score =
            confusion.score(Measure::F { beta }, Average::Binary { positive: &1 }, ZeroDivision::Zero);
        assert!(invalid(score), "a beta of {beta}");
    }
}

#[test]
fn zero_division_is_undefined_or_a_marked_zero() {
    let never_predicted = confusion(&[(0, 0), (1, 0)]);
    let precision = |zero| never_predicted.score(Measure::Precision, Average::Binary { positive: &1 }, zero);
    assert!(undefined(precision(ZeroDivision::Undefined)));
    assert_eq!(precision(ZeroDivision::Zero), Ok(Score { value: 0.0, ill_defined: true }));
    let averaged = never_predicted.score(Measure::Precision, Average::Macro(&[0, 1]), ZeroDivision::Zero);
    assert_eq!(averaged, Ok(Score { value: 0.25, ill_defined: true }));
    // Where the class occurs, F is 0 for good: nothing was found.
    let f = never_predicted.score(
        Measure::F { beta: 1.0 },
        Average::Binary { positive: &1 },
        ZeroDivision::Undefined,
    );
    assert_eq!(f, Ok(Score { value: 0.0, ill_defined: false }));
}

#[test]
fn specificity_is_undefined_without_anything_to_reject() {
    // The weights do not add up exactly, and still nothing is left.
    let weights: Vec<f64> = (1..50).map(|at| f64::from(at) * 0.1).collect();
    let (truth, predicted) = ([1; 49], [1, 0].repeat(25));
    let only_ones = Confusion::of(&truth, &predicted[..49], Some(&weights)).unwrap();
    let specificity =
        only_ones.score(Measure::Specificity, Average::Binary { positive: &1 }, ZeroDivision::Undefined);
    assert!(undefined(specificity));
}

#[test]
fn correlation_keeps_its_digits_when_the_counts_are_large_and_lopsided() {
    // 2^40 * 4 - 2 * 2, which the difference of the squared totals, of 2^80, would swallow.
    let cells = [(0, 0, 2_f64.powi(40)), (0, 1, 2.0), (1, 0, 2.0), (1, 1, 4.0)];
    let mut lopsided = Confusion::default();
    for (truth, predicted, weight) in cells {
        lopsided.add_weighted(&truth, &predicted, weight).unwrap();
    }
    let large = 2_f64.powi(40);
    let expected = (4.0 * large - 4.0) / (6.0 * (large + 2.0));
    let got = lopsided.matthews().unwrap();
    assert!((got - expected).abs() <= 1e-15, "got {got}, expected {expected}");
}

#[test]
fn strings_are_classes_byte_by_byte() {
    let composed = "caf\u{e9}";
    let decomposed = "cafe\u{301}";
    let confusion = Confusion::of(&[composed], &[decomposed], None).unwrap();
    assert_eq!(confusion.accuracy(), Ok(0.0));
    assert_eq!(confusion.count_of(&composed, &decomposed), 1.0);
}

proptest! {
    #[test]
    fn merged_parts_equal_the_whole(pairs in vec((0..5_u8, 0..5_u8), 0..60), cut in 0..60_usize) {
        let (first, second) = pairs.split_at(cut.min(pairs.len()));
        let mut merged = confusion(second);
        merged.merge(&confusion(first));
        prop_assert_eq!(merged, confusion(&pairs));
    }

    #[test]
    fn pooled_over_all_classes_every_share_is_the_accuracy(pairs in vec((0..4_u8, 0..4_u8), 1..40)) {
        let confusion = confusion(&pairs);
        let accuracy = confusion.accuracy().unwrap();
        for measure in [Measure::Precision, Measure::Recall, Measure::F { beta: 1.0 }] {
            let labels = confusion.labels();
            let pooled = confusion.score(measure, Average::Micro(labels), ZeroDivision::Undefined);
            prop_assert_eq!(pooled.unwrap().value, accuracy);
        }
    }
}
