//! Tests and intervals at a fixed size: their edges, their tails, and what they refuse.

use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::stats::Adjustment;
use crate::stats::Alternative;
use crate::stats::Continuity;
use crate::stats::Covariance;
use crate::stats::Demand;
use crate::stats::Moments;
use crate::stats::RankNull;
use crate::stats::Slope;
use crate::stats::SmirnovNull;
use crate::stats::TwoProportions;
use crate::stats::Undefined;
use crate::stats::ZeroDifferences;
use crate::stats::adjust_p;
use crate::stats::clopper_pearson;
use crate::stats::clustered_mean;
use crate::stats::cuped;
use crate::stats::delong;
use crate::stats::e_discoveries;
use crate::stats::hodges_lehmann;
use crate::stats::intraclass_correlation;
use crate::stats::kolmogorov_tail::kolmogorov_survival;
use crate::stats::mann_whitney;
use crate::stats::mcnemar_chi_square;
use crate::stats::paired_t;
use crate::stats::permutation_mean_difference;
use crate::stats::ratio_of_totals;
use crate::stats::relative_lift;
use crate::stats::sample_ratio_chi_square;
use crate::stats::sample_size_arcsine;
use crate::stats::sample_size_pooled;
use crate::stats::sample_size_t;
use crate::stats::signed_rank;
use crate::stats::smirnov;
use crate::stats::tails::chi_square_survival;
use crate::stats::tails::student_quantile;
use crate::stats::tails::student_survival;
use crate::stats::welch;

const BOTH: Alternative = Alternative::TwoSided;
const NORMAL: RankNull = RankNull::Normal(Continuity::Corrected);

fn moments(values: &[f64]) -> Moments {
    Moments::of(values).unwrap()
}

fn assert_close(got: f64, expected: f64, what: &str) {
    assert!((got - expected).abs() <= 1e-9 * expected.abs(), "{what}: got {got}, expected {expected}");
}

/// References by SciPy 1.17.
#[test]
fn p_values_keep_their_digits_in_the_deepest_tails() {
    let students = [
        (1e-8, 5.0, 0.4999999962039331),
        (0.5, 2.5, 0.3288489599348574),
        (40.0, 30.0, 6.863022597203209e-28),
        (12.0, 1e6, 1.785842562382547e-33),
        (300.0, 3.0, 4.083754392989337e-8),
    ];
    for (t, df, expected) in students {
        assert_close(student_survival(t, df), expected, &format!("P(T > {t}) with {df} degrees of freedom"));
        if expected < 0.4 {
            assert_close(student_quantile(expected, df), t, &format!("the quantile of {expected}"));
        }
    }
    assert_close(chi_square_survival(900.0, 7.0), 4.801227624336715e-190, "chi-square");
    let both = TwoProportions::new((3_000, 100_000), (3_900, 100_000)).unwrap();
    assert_close(both.fisher(BOTH), 2.758030009123098e-28, "Fisher");
    assert!(both.z_test(BOTH).unwrap().p < 1e-27);
}

/// References by SciPy 1.17, whose choice of formula is the same, on either side of each border.
#[test]
fn the_distribution_of_kolmogorovs_statistic_holds_under_each_formula() {
    let cases = [
        (5.0, 0.95, 6.25e-7),
        (10.0, 0.05, 1.0),
        (10.0, 0.3, 0.27053557479999946),
        (10.0, 0.6, 0.0005681672),
        (140.0, 0.1, 0.11353657290090946),
        (140.0, 0.2, 2.1981563302200222e-5),
        (141.0, 0.1, 0.11128445516467944),
        (141.0, 0.13, 0.015449346308454497),
        (500.0, 0.05, 0.15866260223815387),
        (500.0, 0.07, 0.01416832020019071),
        (2_000.0, 0.02, 0.3953133626892045),
        (100_000.0, 0.004, 0.08130148920222469),
        (200_000.0, 0.002, 0.39995085369038097),
    ];
    for (n, d, expected) in cases {
        assert_close(kolmogorov_survival(n, d), expected, &format!("P(D > {d}) of {n}"));
    }
}

#[test]
fn data_without_spread_gives_no_verdict() {
    let constant = moments(&[0.1; 3]);
    assert_eq!(welch(&constant, &moments(&[0.3; 7]), BOTH), Err(Undefined::NoVariance));
    assert_eq!(paired_t(&constant, BOTH), Err(Undefined::NoVariance));
    for successes in [0, 10] {
        let both = TwoProportions::new((successes, 10), (successes, 10)).unwrap();
        assert_eq!(both.z_test(BOTH), Err(Undefined::NoVariance));
    }
    let scores = [0.1, 0.7, 0.4, 0.6, 0.9, 0.2];
    let positive = [false, true, false, true, true, false];
    assert_eq!(delong(&positive, &scores, &scores), Err(Undefined::NoVariance));
    // Thirds: the placements differ by the same amount throughout, which rounding makes seem to vary.
    let (apart, mixed) = ([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], [0.0; 6]);
    assert_eq!(delong(&[false, false, false, true, true, true], &apart, &mixed), Err(Undefined::NoVariance));
    assert_eq!(intraclass_correlation(&[2.0; 4], &[0, 0, 1, 1]), Err(Undefined::NoVariance));
}

#[test]
fn only_ties_decide_nothing() {
    for null in [RankNull::Exact, NORMAL] {
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0], null, BOTH), Err(Undefined::NothingDecided));
        for zeros in [ZeroDifferences::Drop, ZeroDifferences::Pratt, ZeroDifferences::Split] {
            assert_eq!(signed_rank(&[0.0, -0.0], zeros, null, BOTH), Err(Undefined::NothingDecided));
        }
    }
    assert_eq!(mcnemar_chi_square(0, 0, Continuity::Plain), Err(Undefined::NothingDecided));
}

#[test]
fn zeros_of_either_sign_are_tied() {
    let test = mann_whitney(&[-0.0, 1.0], &[0.0, 0.0], NORMAL, BOTH).unwrap();
    assert_eq!(test.u, 3.0);
    assert_eq!(smirnov(&[-0.0, -0.0], &[0.0, 0.0], SmirnovNull::Exact).unwrap().d, 0.0);
}

#[test]
fn what_cannot_be_right_is_refused() {
    let refused = [
        Moments::of(&[1.0, f64::NAN]).err(),
        Covariance::of(&[1.0], &[1.0, 2.0]).err(),
        TwoProportions::new((3, 2), (0, 1)).err(),
        mann_whitney(&[1.0], &[f64::INFINITY], NORMAL, BOTH).err(),
        mann_whitney(&[1.0; 200], &[2.0; 200], RankNull::Exact, BOTH).err(),
        hodges_lehmann(&[f64::NAN], &[1.0]).err(),
        delong(&[true, false], &[1.0], &[1.0, 2.0]).err(),
        sample_ratio_chi_square(&[5, 5], &[1.0, 0.0]).err(),
        sample_ratio_chi_square(&[5, 5], &[0.4, 0.4]).err(),
        adjust_p(&[0.5, 1.5], Adjustment::Holm, 0.05).err(),
        e_discoveries(&[-1.0], 0.05).err(),
        permutation_mean_difference(&[0.5; 20], &[0.5; 20], BOTH).err(),
        clopper_pearson(1, 1, 95.0).err(),
    ];
    for (index, reason) in refused.into_iter().enumerate() {
        assert!(reason.is_some_and(|reason| reason.is_refusal()), "the {index}th: {reason:?}");
    }
}

#[test]
fn too_little_data_says_so() {
    let lacking = [
        (welch(&moments(&[]), &moments(&[1.0, 2.0]), BOTH).err(), Undefined::NoObservations),
        (welch(&moments(&[4.0]), &moments(&[1.0, 2.0]), BOTH).err(), Undefined::TooFew { needed: 2 }),
        (TwoProportions::new((0, 0), (1, 2)).err(), Undefined::NoObservations),
        (hodges_lehmann(&[], &[1.0]).err(), Undefined::NoObservations),
        (delong(&[true; 3], &[1.0; 3], &[2.0; 3]).err(), Undefined::OneClass),
        (clustered_mean(&[1.0, 2.0], &["a", "a"]).err(), Undefined::TooFew { needed: 2 }),
        (sample_ratio_chi_square(&[0, 0], &[0.5, 0.5]).err(), Undefined::NoObservations),
        (sample_ratio_chi_square(&[7], &[1.0]).err(), Undefined::NoControl),
        (relative_lift(&moments(&[-1.0, 1.0]), &moments(&[1.0, 2.0]), 0.95).err(), Undefined::ZeroBaseline),
        (ratio_of_totals(&Covariance::of(&[1.0, 2.0], &[0.0, 0.0]).unwrap()).err(), Undefined::ZeroBaseline),
        (adjust_p(&[], Adjustment::Holm, 0.05).err(), Undefined::NoObservations),
    ];
    for (got, expected) in lacking {
        assert_eq!(got, Some(expected));
        assert!(!expected.is_refusal());
    }
}

#[test]
fn values_too_large_to_subtract_are_not_computed_with() {
    let (huge, tiny) = (moments(&[1e308, -1e308, 1e308]), moments(&[1.0, 2.0]));
    assert_eq!(welch(&huge, &tiny, BOTH), Err(Undefined::TooLarge));
    assert_eq!(moments(&[1.5e308, 1.7e308]).mean(), Ok(1.6e308));
    assert_eq!(hodges_lehmann(&[1e308], &[-1e308]), Err(Undefined::TooLarge));
}

#[test]
fn an_infinite_e_value_is_a_discovery_and_the_least_of_all_may_be_one() {
    assert_eq!(e_discoveries(&[f64::INFINITY, 0.0], 0.05), Ok(vec![true, false]));
    assert_eq!(e_discoveries(&[20.0, 30.0, 20.0], 0.05), Ok(vec![true; 3]));
    assert_eq!(e_discoveries(&[19.0, 30.0, 19.0], 0.05), Ok(vec![false; 3]));
}

#[test]
fn a_covariate_that_explains_all_leaves_no_variance_and_one_that_is_constant_changes_nothing() {
    let x = [1.0, 2.0, 4.0, 7.0];
    let arm = |shift: f64| Covariance::of(&x, &x.map(|x| 3.0 * x + shift)).unwrap();
    let result = cuped(&arm(0.0), &arm(0.5), Slope::WithinArms).unwrap();
    assert_close(result.theta, 3.0, "theta");
    assert_close(result.difference, 0.5, "the difference");
    assert!(result.variance < 1e-12, "{result:?}");
    let flat = |y: &[f64]| Covariance::of(&vec![1.0; y.len()], y).unwrap();
    let result = cuped(&flat(&[1.0, 2.0]), &flat(&[3.0, 5.0]), Slope::WithinArms).unwrap();
    assert_eq!((result.theta, result.difference), (0.0, 2.5));
}

#[test]
fn clusters_of_one_are_independent_values() {
    let values = [1.0, 4.0, 2.0, 8.0];
    let mean = clustered_mean(&values, &[3, 1, 4, 2]).unwrap();
    assert_close(mean.robust, mean.naive, "the robust standard error");
}

/// The p-values by counting all orders in which the values could have come.
#[test]
fn exact_nulls_agree_with_counting() {
    let (a, b) = ([1.0, 4.0, 5.5], [0.5, 3.0, 2.0, 6.0]);
    let ranks = [2.0, 5.0, 6.0, 1.0, 4.0, 3.0, 7.0];
    let own = |chosen: u32| (0..7).filter(move |i| chosen >> i & 1 == 1);
    let choices: Vec<u32> = (0..128_u32).filter(|chosen| chosen.count_ones() == 3).collect();
    let sum = |chosen: u32| own(chosen).map(|i| ranks[i]).sum::<f64>();
    let share = |extreme: &dyn Fn(u32) -> bool| {
        choices.iter().filter(|chosen| extreme(**chosen)).count() as f64 / choices.len() as f64
    };
    let test = mann_whitney(&a, &b, RankNull::Exact, Alternative::Greater).unwrap();
    assert_close(test.p, share(&|chosen| sum(chosen) >= sum(0b111)), "Mann and Whitney");
    let distance = |chosen: u32| {
        let up_to = |rank: f64, mine: bool| {
            let of_side = (0..7).filter(|i| (chosen >> i & 1 == 1) == mine && ranks[*i] <= rank);
            of_side.count() as f64 / if mine { 3.0 } else { 4.0 }
        };
        (1..=7)
            .map(|rank| (up_to(f64::from(rank), true) - up_to(f64::from(rank), false)).abs())
            .fold(0.0, f64::max)
    };
    let test = smirnov(&a, &b, SmirnovNull::Exact).unwrap();
    assert_close(test.d, distance(0b111), "the distance");
    assert_close(test.p, share(&|chosen| distance(chosen) >= distance(0b111) - 1e-12), "Smirnov");
}

proptest! {
    #[test]
    fn the_shift_is_the_median_of_all_differences(
        a in vec(-5_i8..5, 1..12), b in vec(-5_i8..5, 1..12),
    ) {
        let values = |side: &[i8]| side.iter().map(|it| f64::from(*it) / 3.0).collect::<Vec<_>>();
        let (a, b) = (values(&a), values(&b));
        let mut all: Vec<f64> = a.iter().flat_map(|x| b.iter().map(move |y| x - y)).collect();
        all.sort_by(f64::total_cmp);
        let median = f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2]);
        prop_assert_eq!(hodges_lehmann(&a, &b).unwrap(), median);
    }

    #[test]
    fn exchanging_the_sides_exchanges_the_alternatives(
        x in 0_u64..300, more_x in 0_u64..300, y in 0_u64..300, more_y in 1_u64..300,
    ) {
        let (one, other) = ((x, x + more_x + 1), (y, y + more_y));
        let (here, there) = (TwoProportions::new(one, other).unwrap(), TwoProportions::new(other, one).unwrap());
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.max(b) + 1e-300;
        prop_assert!(near(here.fisher(Alternative::Greater), there.fisher(Alternative::Less)));
        prop_assert!(near(here.fisher(BOTH), there.fisher(BOTH)));
        for interval in [here.newcombe(0.9).unwrap(), here.wald(0.9).unwrap(), here.agresti_caffo(0.9).unwrap()] {
            prop_assert!(interval.lower <= interval.upper);
        }
    }

    #[test]
    fn adjusted_p_values_reject_what_falls_below_the_level(p in vec(0.0_f64..1.0, 1..20), alpha in 0.001_f64..0.5) {
        let all = [
            Adjustment::Bonferroni,
            Adjustment::Holm,
            Adjustment::BenjaminiHochberg,
            Adjustment::BenjaminiYekutieli,
        ];
        for adjustment in all {
            let result = adjust_p(&p, adjustment, alpha).unwrap();
            for (adjusted, (reject, p)) in result.adjusted.iter().zip(result.reject.iter().zip(&p)) {
                prop_assert!(adjusted >= p && *adjusted <= 1.0);
                prop_assert_eq!(*reject, *adjusted <= alpha);
            }
        }
    }
}

/// The figures of Fleiss' formula at 0.05 and 0.8.
#[test]
fn proportions_take_the_published_sizes() {
    let demand = Demand { alpha: 0.05, power: 0.8, alternative: BOTH };
    for (p0, p1, expected) in [(0.01, 0.015, 7_750), (0.05, 0.06, 8_158), (0.2, 0.21, 25_582)] {
        assert_eq!(sample_size_pooled(p0, p1, demand).unwrap().round() as u64, expected);
    }
}

#[test]
fn without_an_effect_on_the_side_looked_for_no_size_suffices() {
    let less = Demand { alpha: 0.05, power: 0.8, alternative: Alternative::Less };
    assert_eq!(sample_size_pooled(0.1, 0.1, less), Err(Undefined::NoEffect));
    assert_eq!(sample_size_arcsine(0.1, 0.2, less), Err(Undefined::NoEffect));
    assert_eq!(sample_size_t(0.2, 1.0, less), Err(Undefined::NoEffect));
    let weak = Demand { power: 0.04, ..less };
    assert!(sample_size_pooled(0.2, 0.1, weak).is_err_and(|reason| reason.is_refusal()));
}
