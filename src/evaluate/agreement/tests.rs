use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::evaluate::NoValue;
use crate::evaluate::agreement::Choice;
use crate::evaluate::agreement::DiffyRule;
use crate::evaluate::agreement::KappaWeights;
use crate::evaluate::agreement::Lambda;
use crate::evaluate::agreement::Level;
use crate::evaluate::agreement::agreement_rate;
use crate::evaluate::agreement::bradley_terry;
use crate::evaluate::agreement::chi2_homogeneity;
use crate::evaluate::agreement::cohen_kappa;
use crate::evaluate::agreement::cohen_kappa_of;
use crate::evaluate::agreement::cosine_similarity;
use crate::evaluate::agreement::diffy_noise;
use crate::evaluate::agreement::fleiss_kappa;
use crate::evaluate::agreement::js_divergence;
use crate::evaluate::agreement::judge_position_swap;
use crate::evaluate::agreement::krippendorff_alpha;
use crate::evaluate::agreement::ppi_mean;
use crate::evaluate::agreement::ppi_sequence;
use crate::evaluate::agreement::psi;
use crate::evaluate::agreement::rogan_gladen;
use crate::evaluate::agreement::total_variation;
use crate::stats::Moments;

const LEVELS: [Level; 4] = [Level::Nominal, Level::Ordinal, Level::Interval, Level::Ratio];

fn undefined<T>(result: Result<T, NoValue>) -> bool {
    matches!(result, Err(NoValue::Undefined(_)))
}

fn refused<T>(result: Result<T, NoValue>) -> bool {
    matches!(result, Err(NoValue::Invalid(_)))
}

#[test]
fn agreement_by_chance_alone_has_no_value() {
    assert!(undefined(cohen_kappa(&["x", "x"], &["x", "x"], KappaWeights::None)));
    assert_eq!(cohen_kappa(&["x", "x"], &["y", "y"], KappaWeights::Linear), Ok(0.0));
    assert!(undefined(cohen_kappa::<u8>(&[], &[], KappaWeights::None)));
    assert!(undefined(agreement_rate::<u8>(&[], &[])));
    assert!(
        refused(agreement_rate(&[1], &[1, 2])) && refused(cohen_kappa(&[1], &[1, 2], KappaWeights::None))
    );
    assert!(undefined(fleiss_kappa(&[vec![2, 0], vec![2, 0]])));
    assert!(undefined(fleiss_kappa(&[vec![1, 0], vec![0, 1]])) && undefined(fleiss_kappa(&[])));
    assert!(
        refused(fleiss_kappa(&[vec![2, 0], vec![2]])) && refused(fleiss_kappa(&[vec![2, 0], vec![1, 2]]))
    );
    for level in LEVELS {
        let same = [vec![Some(1.0), Some(1.0)], vec![Some(1.0), None]];
        let alone = [vec![Some(1.0), None], vec![None, Some(2.0)]];
        assert!(undefined(krippendorff_alpha(&same, level)) && undefined(krippendorff_alpha(&alone, level)));
        assert!(undefined(krippendorff_alpha(&[], level)));
        assert!(refused(krippendorff_alpha(&[vec![Some(1.0)], vec![]], level)));
        assert!(refused(krippendorff_alpha(&[vec![Some(f64::NAN)]], level)));
    }
}

#[test]
fn distributions_without_counts_have_no_distance() {
    for (one, other) in [([0, 0], [1, 1]), ([1, 1], [0, 0])] {
        assert!(undefined(js_divergence(&one, &other)) && undefined(total_variation(&one, &other)));
        assert!(undefined(psi(&one, &other, 1e-4)) && undefined(chi2_homogeneity(&one, &other)));
    }
    assert!(undefined(psi(&[1, 0], &[1, 1], 0.0)) && psi(&[1, 0], &[5, 0], 0.0) == Ok(0.0));
    assert!(refused(psi(&[1], &[1], -0.1)) && refused(psi(&[1], &[1], f64::NAN)));
    assert!(refused(js_divergence(&[1], &[1, 2])));
    assert!(undefined(chi2_homogeneity(&[3, 0], &[4, 0])));
    let with_empty_bin = chi2_homogeneity(&[10, 0, 90], &[20, 0, 80]).unwrap();
    assert_eq!(with_empty_bin, chi2_homogeneity(&[10, 90], &[20, 80]).unwrap());
    assert_eq!(js_divergence(&[1, 0], &[0, 7]), Ok(1.0));
}

#[test]
fn a_p_value_far_in_the_tail_keeps_its_digits() {
    let found = chi2_homogeneity(&[239, 24, 50, 54, 133], &[0, 157, 13, 112, 118]).unwrap();
    assert!((found.p / 1.7864362041856013e-79 - 1.0).abs() < 1e-9, "{}", found.p);
}

#[test]
fn vectors_of_any_size_have_an_angle() {
    for scale in [f64::MIN_POSITIVE, 1.0, f64::MAX / 2.0] {
        let cosine = cosine_similarity(&[scale, scale], &[1.0, 0.0]).unwrap();
        assert!((cosine - 0.5_f64.sqrt()).abs() < 1e-15, "{scale}");
    }
    assert!(undefined(cosine_similarity(&[0.0], &[1.0])) && undefined(cosine_similarity(&[], &[])));
    assert!(refused(cosine_similarity(&[f64::NAN], &[1.0])));
}

#[test]
fn fewer_differences_than_noise_are_never_flagged() {
    let rule = DiffyRule::default();
    assert!(
        !diffy_noise(3, 30, 100, rule).unwrap().flagged && diffy_noise(30, 3, 100, rule).unwrap().flagged
    );
    assert!(undefined(diffy_noise(0, 0, 0, rule)));
    assert!(refused(diffy_noise(0, 0, 1, DiffyRule { relative_percent: f64::NAN, ..rule })));
}

#[test]
fn a_judge_that_changes_its_mind_with_the_order_says_tie() {
    let swap = judge_position_swap(&[Choice::A, Choice::B, Choice::A], &[Choice::A, Choice::A, Choice::Tie])
        .unwrap();
    assert_eq!(swap.verdicts, [Choice::A, Choice::Tie, Choice::Tie]);
    assert_eq!((swap.wins_a, swap.wins_b, swap.ties), (1, 0, 2));
    assert!(undefined(judge_position_swap(&[], &[])) && refused(judge_position_swap(&[Choice::A], &[])));
}

#[test]
fn a_coin_is_no_judge() {
    for sensitivity in [0.0, 0.1, 0.3, 0.7, 0.9, 1.0] {
        assert!(undefined(rogan_gladen(0.5, sensitivity, 1.0 - sensitivity)), "{sensitivity}");
    }
    assert!(refused(rogan_gladen(1.1, 0.9, 0.9)) && refused(rogan_gladen(f64::NAN, 0.9, 0.9)));
}

#[test]
fn a_judge_who_is_always_right_narrows_the_interval() {
    let labels = [0.0, 1.0, 1.0, 0.0];
    let unlabelled: Vec<f64> = (0..100).map(|index| f64::from(index % 2)).collect();
    let width = |lambda| {
        let found = ppi_mean(&labels, &labels, &unlabelled, lambda, 0.95).unwrap();
        found.upper - found.lower
    };
    assert!(width(Lambda::Fixed(1.0)) < width(Lambda::Fixed(0.0)) / 2.0);
    assert!(width(Lambda::Tuned) <= width(Lambda::Fixed(1.0)));
    let constant = ppi_mean(&labels, &[1.0; 4], &[1.0; 9], Lambda::Tuned, 0.95).unwrap();
    assert_eq!(constant.estimate, 0.5);
    assert!(undefined(ppi_mean(&[1.0], &[1.0], &unlabelled, Lambda::Tuned, 0.95)));
    assert!(refused(ppi_mean(&labels, &labels[1..], &unlabelled, Lambda::Tuned, 0.95)));
    assert!(refused(ppi_mean(&labels, &labels, &unlabelled, Lambda::Tuned, 1.0)));
    assert!(refused(ppi_mean(&labels, &labels, &unlabelled, Lambda::Fixed(-1.0), 0.95)));
}

#[test]
fn strengths_give_the_odds_and_are_finite_or_not_given() {
    let two = bradley_terry(&[vec![0.0, 3.0], vec![1.0, 0.0]]).unwrap();
    assert!((two[0] - two[1] - 3.0_f64.ln()).abs() < 1e-12);
    let lopsided = bradley_terry(&[vec![0.0, 1e9, 0.0], vec![1.0, 0.0, 1e9], vec![0.0, 1.0, 0.0]]).unwrap();
    assert!((lopsided[0] - lopsided[2] - 2.0 * 1e9_f64.ln()).abs() < 1e-9);
    assert!(undefined(bradley_terry(&[vec![0.0, 1e308], vec![1e-308, 0.0]])));
    assert!(undefined(bradley_terry(&[vec![0.0]])) && undefined(bradley_terry(&[])));
    assert!(refused(bradley_terry(&[vec![1.0, 1.0], vec![1.0, 0.0]])));
    assert!(refused(bradley_terry(&[vec![0.0, -1.0], vec![1.0, 0.0]])));
    assert!(refused(bradley_terry(&[vec![0.0, 1.0]])));
}

proptest! {
    #[test]
    fn who_agrees_with_themselves_agrees_perfectly(labels in vec(0_u8..4, 2..30)) {
        let ratings: Vec<Option<f64>> = labels.iter().map(|label| Some(f64::from(*label))).collect();
        for weights in [KappaWeights::None, KappaWeights::Linear, KappaWeights::Quadratic] {
            if let Ok(kappa) = cohen_kappa(&labels, &labels, weights) {
                prop_assert_eq!(kappa, 1.0);
            }
        }
        for level in LEVELS {
            if let Ok(alpha) = krippendorff_alpha(&[ratings.clone(), ratings.clone()], level) {
                prop_assert_eq!(alpha, 1.0);
            }
        }
        prop_assert_eq!(agreement_rate(&labels, &labels), Ok(1.0));
    }

    #[test]
    fn distances_are_symmetric_shares(pairs in vec((0_u64..50, 0_u64..50), 2..9)) {
        let (one, other): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
        for distance in [js_divergence, total_variation] {
            if let (Ok(there), Ok(back)) = (distance(&one, &other), distance(&other, &one)) {
                prop_assert!((there - back).abs() < 1e-12);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&there));
            }
        }
    }
}

/// The first table is that of Fleiss, Cohen and Everitt (1969); intervals by statsmodels 0.15.
#[test]
fn kappa_of_counts_is_that_of_lists_and_its_interval_that_of_the_textbooks() {
    let tables = [
        ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], [0.428_571_428_571, 0.323_299_793_455, 0.533_843_063_688]),
        ([[20, 5, 1], [3, 10, 4], [0, 2, 15]], [0.620_733_249_052, 0.457_091_637_120, 0.784_374_860_983]),
    ];
    for (counts, expected) in tables {
        let found = cohen_kappa_of(&counts, 0.95).unwrap();
        for (found, expected) in [found.kappa, found.lower, found.upper].into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-11, "{found} {expected}");
        }
        let each = (0..9).map(|cell| (cell / 3, cell % 3));
        let (one, other): (Vec<usize>, Vec<usize>) =
            each.flat_map(|(one, other)| vec![(one, other); counts[one][other] as usize]).unzip();
        let of_lists = cohen_kappa(&one, &other, KappaWeights::None).unwrap();
        assert!((found.kappa - of_lists).abs() < 1e-12);
    }
    let perfect = cohen_kappa_of(&[[5, 0], [0, 7]], 0.95).unwrap();
    assert_eq!((perfect.kappa, perfect.upper), (1.0, 1.0));
    assert!((perfect.lower - 1.0).abs() < 1e-6, "{perfect:?}");
    assert!(undefined(cohen_kappa_of(&[[9, 0], [0, 0]], 0.95)));
    assert!(undefined(cohen_kappa_of(&[[0, 0], [0, 0]], 0.95)));
    assert!(refused(cohen_kappa_of(&[[5, 0], [0, 7]], 1.0)));
}

#[test]
fn a_judge_put_right_by_people_is_estimated_as_by_lists_and_holds_at_every_look() {
    let mut random = StdRng::seed_from_u64(7);
    let (runs, mut missed) = (200, 0);
    for _ in 0..runs {
        // The judge likes the candidate in 70 of 100 pairs, people in 55: no judge is needed to be off so far.
        let (mut judged, mut differences) = (Moments::default(), Moments::default());
        let mut out = false;
        for n in 0..2_000 {
            let people = f64::from(u8::from(random.random_bool(0.55)));
            let judge = if people == 0.0 && random.random_bool(1.0 / 3.0) { 1.0 } else { people };
            match n % 5 {
                0 => differences.add(people - judge).unwrap(),
                _ => judged.add(judge).unwrap(),
            }
            if differences.n() >= 100 {
                let (_, interval) = ppi_sequence(&judged, &differences, 0.05).unwrap();
                out |= !(interval.lower..=interval.upper).contains(&0.55);
            }
        }
        let (estimate, interval) = ppi_sequence(&judged, &differences, 0.05).unwrap();
        assert!((estimate - 0.55).abs() < 0.1, "{estimate}");
        assert!(interval.upper - interval.lower < 0.25, "{interval:?}");
        missed += u32::from(out);
    }
    assert!(missed <= runs / 20 + 10, "{missed} of {runs}");
    assert!(ppi_sequence(&Moments::default(), &Moments::default(), 0.05).is_err());
}
