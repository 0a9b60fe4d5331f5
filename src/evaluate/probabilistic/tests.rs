use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assume;
use proptest::proptest;

use crate::evaluate::NoValue;
use crate::evaluate::probabilistic::Binning;
use crate::evaluate::probabilistic::ClassAverage;
use crate::evaluate::probabilistic::ClassProbabilities;
use crate::evaluate::probabilistic::LogBase;
use crate::evaluate::probabilistic::MultiClass;
use crate::evaluate::probabilistic::average_precision;
use crate::evaluate::probabilistic::brier;
use crate::evaluate::probabilistic::calibration;
use crate::evaluate::probabilistic::corpus_perplexity;
use crate::evaluate::probabilistic::log_loss;
use crate::evaluate::probabilistic::perplexity;
use crate::evaluate::probabilistic::roc_auc;

fn undefined<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

fn invalid<V>(result: Result<V, NoValue>) -> bool {
    matches!(result, Err(NoValue::Invalid(_)))
}

#[test]
fn scores_that_differ_in_the_last_bit_are_ranked() {
    let next = 0.3_f64.next_up();
    assert_eq!(roc_auc(&[false, true], &[0.3, next], None), Ok(1.0));
    assert_eq!(roc_auc(&[false, true], &[0.0, -0.0], None), Ok(0.5), "zeros are one number");
}

#[test]
fn an_example_of_weight_zero_is_as_if_absent() {
    let weights = [0.0, 1.0, 2.0];
    let (truth, scores) = ([true, true, false], [9.0, 1.0, 2.0]);
    assert_eq!(roc_auc(&truth, &scores, Some(&weights)), roc_auc(&truth[1..], &scores[1..], None));
    assert!(undefined(roc_auc(&truth, &scores, Some(&[1.0, 1.0, 0.0]))), "only one class is left");
    assert!(undefined(brier(&truth, &[0.1; 3], Some(&[0.0; 3]))));
}

#[test]
fn what_cannot_be_right_is_refused() {
    assert!(invalid(roc_auc(&[true], &[f64::NAN], None)));
    assert!(invalid(average_precision(&[true, false], &[1.0], None)));
    assert!(invalid(log_loss(&[true], &[1.1], None)));
    assert!(invalid(brier(&[true], &[0.5], Some(&[-1.0]))));
    assert!(invalid(calibration(&[0.5], &[true], Binning::EqualWidth { bins: 0 })));
    assert!(invalid(perplexity(&[0.5], LogBase::E)));
    assert!(invalid(perplexity(&[f64::NAN], LogBase::E)));
    for rows in [vec![0.5, 0.4], vec![1.0], vec![1.5, -0.5]] {
        assert!(invalid(ClassProbabilities::new(2, &[0], &[rows])));
    }
    assert!(invalid(ClassProbabilities::new(2, &[2], &[vec![0.5, 0.5]])), "no column for the class");
}

#[test]
fn a_class_that_never_occurs_leaves_ranking_undefined_but_not_likelihood() {
    let rows = [vec![0.5, 0.25, 0.25], vec![0.25, 0.5, 0.25]];
    let given = ClassProbabilities::new(3, &[0, 1], &rows).unwrap();
    for by in [MultiClass::OneVsRest, MultiClass::OneVsOne] {
        assert!(undefined(given.roc_auc(by, ClassAverage::Weighted, None)));
    }
    assert_eq!(given.log_loss(None), Ok(-(0.5_f64.ln())));
}

#[test]
fn edges_of_bins_are_quotients_and_close_on_the_right() {
    for bins in [3, 10, 15, 49] {
        for at in 1..bins {
            let edge = f64::from(at) / f64::from(bins);
            for (confidence, expected) in [(edge, at - 1), (edge.next_up(), at)] {
                let binning = Binning::EqualWidth { bins: bins as usize };
                let bin = calibration(&[confidence], &[true], binning).unwrap().bins[0];
                let expected = f64::from(expected) / f64::from(bins);
                assert_eq!(bin.lower, expected, "{confidence} in {bins} bins");
            }
        }
    }
}

#[test]
fn portions_of_equal_mass_differ_by_at_most_one_and_are_never_empty() {
    let confidence = [0.9, 0.1, 0.5, 0.7, 0.3];
    let sizes = |bins| {
        let calibration = calibration(&confidence, &[true; 5], Binning::EqualMass { bins }).unwrap();
        calibration.bins.iter().map(|bin| bin.n).collect::<Vec<_>>()
    };
    assert_eq!((sizes(3), sizes(9)), (vec![2, 2, 1], vec![1; 5]));
}

#[test]
fn a_corpus_counts_tokens_and_an_impossible_one_is_infinitely_surprising() {
    let (long, short) = (vec![-1.0; 9], vec![-11.0]);
    assert_eq!(corpus_perplexity(&[long, short], LogBase::Two), Ok(4.0));
    assert_eq!(perplexity(&[-1.0, f64::NEG_INFINITY], LogBase::E), Ok(f64::INFINITY));
    assert!(undefined(corpus_perplexity::<Vec<f64>>(&[Vec::new()], LogBase::E)));
}

proptest! {
    #[test]
    fn swapped_classes_or_reversed_scores_mirror_the_auc(
        examples in vec((proptest::bool::ANY, 0..9_i32, 0..4_u8), 2..50),
    ) {
        let truth: Vec<bool> = examples.iter().map(|example| example.0).collect();
        let scores: Vec<f64> = examples.iter().map(|example| f64::from(example.1)).collect();
        let weights: Vec<f64> = examples.iter().map(|example| f64::from(example.2)).collect();
        let auc = roc_auc(&truth, &scores, Some(&weights));
        prop_assume!(auc.is_ok());
        let swapped: Vec<bool> = truth.iter().map(|truth| !truth).collect();
        let reversed: Vec<f64> = scores.iter().map(|score| -score).collect();
        for mirrored in [
            roc_auc(&swapped, &scores, Some(&weights)),
            roc_auc(&truth, &reversed, Some(&weights)),
        ] {
            prop_assert!((auc.unwrap() + mirrored.unwrap() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_auc_is_the_share_of_pairs_in_order(
        examples in vec((proptest::bool::ANY, 0..9_i32), 2..40),
    ) {
        let truth: Vec<bool> = examples.iter().map(|example| example.0).collect();
        let scores: Vec<f64> = examples.iter().map(|example| f64::from(example.1)).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for positive in examples.iter().filter(|example| example.0) {
            for negative in examples.iter().filter(|example| !example.0) {
                won += f64::from(positive.1.cmp(&negative.1) as i8 + 1) / 2.0;
                pairs += 1.0;
            }
        }
        prop_assume!(pairs > 0.0);
        prop_assert!((roc_auc(&truth, &scores, None).unwrap() - won / pairs).abs() < 1e-12);
    }
}
