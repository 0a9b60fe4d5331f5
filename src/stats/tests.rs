mod adaptive;
mod fixed;
mod streams;

use std::f64::consts::LN_2;

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::stats::Alternative;
use crate::stats::AlwaysValidP;
use crate::stats::AsymptoticCs;
use crate::stats::BetaBinomial;
use crate::stats::EventShare;
use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::Msprt;
use crate::stats::QuantileSketch;
use crate::stats::SampleRatio;
use crate::stats::Spending;
use crate::stats::Tuning;
use crate::stats::Undefined;
use crate::stats::Votes;
use crate::stats::asymptotic_rho2;
use crate::stats::boundary::Sides;
use crate::stats::combine_e;
use crate::stats::mcnemar_mid_p;
use crate::stats::p_to_e;
use crate::stats::prior_strength;
use crate::stats::share_cs;
use crate::stats::sign_test;
use crate::stats::special::ln_beta_cdf;
use crate::stats::special::ln_beta_survival;
use crate::stats::spending_bounds;
use crate::stats::suffices;
use crate::stats::tuned_share_cs;
use crate::stats::wilson;

fn assert_near(got: f64, expected: f64, what: &str) {
    let near = (got - expected).abs() <= 1e-9 * expected.abs().max(1.0);
    assert!(near, "{what}: got {got}, expected {expected}");
}

/// References by mpmath with 40 digits, to 15.
#[test]
fn the_incomplete_beta_function_holds_in_its_deepest_tails() {
    let cases = [
        (0.5, 9.5, 0.05, -0.400293704278636, -1.10903602476885),
        (10.0, 10.0, 0.5, -LN_2, -LN_2),
        (1_000.0, 20.0, 0.5, -614.201590525382, 0.0),
        (5_000.0, 100.0, 0.5, -3_049.28606511594, 0.0),
        (20.0, 30_000.0, 0.05, 0.0, -1_439.16909838532),
        (100_000.0, 100_000.0, 0.49, -43.1300819351608, -1.85713472904042e-19),
        (3.0, 4.0, 0.9, -0.00127080713344536, -6.66873837851164),
        (50_000.5, 10.5, 0.01, -230_172.058999863, 0.0),
        (0.5, 0.5, 1e-9, -10.813215623596, -2.01318874902372e-5),
    ];
    for (a, b, x, below, above) in cases {
        assert_near(ln_beta_cdf(a, b, x), below, &format!("ln P(Beta({a}, {b}) <= {x})"));
        assert_near(ln_beta_survival(a, b, x), above, &format!("ln P(Beta({a}, {b}) > {x})"));
    }
}

/// References by mpmath with 40 digits, to 15. A term that underflowed would make these infinite.
#[test]
fn evidence_stays_finite_and_exact_when_it_is_overwhelming_either_way() {
    let canary = |alternative| BetaBinomial::new(0.5, 9.5, 0.05, alternative).unwrap();
    let cases = [
        (canary(Alternative::Greater), 0, 100_000, -8.85337044671351),
        (canary(Alternative::Greater), 100, 100_000, -8.83419525125378),
        (canary(Alternative::Less), 60_000, 1_000_000, -9.89941984426241),
        (BetaBinomial::paired(Alternative::TwoSided), 5_000, 0, 3407.07307120203),
        (BetaBinomial::paired(Alternative::Greater), 40_000, 60_000, -8.64415746945732),
        (BetaBinomial::paired(Alternative::Less), 40_000, 60_000, 2009.58557953237),
        (BetaBinomial::votes(Alternative::TwoSided), 1_000_000, 1_001_000, -4.35686974069669),
    ];
    for (process, successes, failures, expected) in cases {
        assert_near(process.log_e(successes, failures), expected, &format!("{process:?}"));
    }
}

#[test]
fn what_has_no_value_says_why() {
    use Alternative::Greater;
    let parameter = |result: Result<f64, Undefined>| matches!(result, Err(Undefined::Parameter { .. }));
    assert_eq!(wilson(0, 0, 0.95), Err(Undefined::NoObservations));
    assert_eq!(share_cs(0.5, 0.5, 0, 0, 0.05), Err(Undefined::NoObservations));
    assert_eq!(sign_test(0, 0, Greater), Err(Undefined::NothingDecided));
    assert_eq!(mcnemar_mid_p(0, 0), Err(Undefined::NothingDecided));
    assert_eq!(Votes { wins: 0, losses: 0, ties: 9 }.summary(0.95), Err(Undefined::NothingDecided));
    for share in [0.0, 1.0, f64::NAN] {
        assert_eq!(EventShare::new(share, 1.0), Err(Undefined::NoControl), "a share of {share}");
    }
    assert_eq!(SampleRatio::new(&[1.0]), Err(Undefined::NoControl));
    assert_eq!(SampleRatio::new(&[1.0, 0.0]), Err(Undefined::NoControl));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(parameter(BetaBinomial::new(bad, 1.0, 0.5, Greater).map(|_| 0.0)), "a prior of {bad}");
        assert!(parameter(EventShare::new(0.5, bad).map(|_| 0.0)), "a ratio of {bad}");
        assert!(parameter(share_cs(1.0, 1.0, 1, 1, bad).map(|_| 0.0)), "an alpha of {bad}");
    }
    assert!(parameter(SampleRatio::new(&[1.0, f64::NAN]).map(|_| 0.0)));
    let message = wilson(1, 1, 95.0).unwrap_err().to_string();
    assert_eq!(message, "the confidence is 95, expected more than 0 and less than 1");
}

#[test]
fn a_relative_risk_without_events_of_legacy_has_no_upper_bound() {
    let risk = EventShare::new(0.05, 1.0).unwrap().relative_risk(7, 0, 0.05).unwrap();
    assert!(risk.lower > 3.0 && risk.upper == f64::INFINITY, "{risk:?}");
}

#[test]
fn traffic_to_an_arm_that_should_have_none_is_proof_at_once() {
    let test = SampleRatio::new(&[0.5, 0.0, 0.5]).unwrap();
    assert_eq!(test.log_e(&[10, 1, 10]), f64::INFINITY);
    assert!(test.log_e(&[10, 0, 10]) < 0.0);
    assert_near(test.log_e(&[0, 0, 0]), 0.0, "before the first request");
}

#[test]
fn an_always_valid_p_never_rises_and_never_exceeds_one() {
    let mut p = AlwaysValidP::default();
    let seen = [-3.0, 1.0, 5.0, 2.0, f64::INFINITY, -9.0].map(|log_e| p.look(log_e));
    assert_eq!(seen, [1.0, (-1.0_f64).exp(), (-5.0_f64).exp(), (-5.0_f64).exp(), 0.0, 0.0]);
}

#[test]
fn users_vote_once_by_the_sign_of_their_net_wins() {
    let votes = Votes::of_users([4, -1, 0, 1, -7, 2]);
    assert_eq!(votes, Votes { wins: 3, losses: 2, ties: 1 });
    assert_near(votes.summary(0.95).unwrap().delta, 3.5 / 6.0 - 0.5, "delta");
}

#[test]
fn a_sample_is_the_same_whether_it_came_at_once_or_in_parts() {
    let observations: Vec<f64> = (0..100).map(|index| 1e6 + f64::from(index * index % 13)).collect();
    let sample = |observations: &[f64]| {
        let mut sample = Moments::default();
        observations.iter().for_each(|x| sample.add(*x).unwrap());
        sample
    };
    let whole = sample(&observations);
    let mut parts = Moments::default();
    observations.chunks(17).for_each(|part| parts.merge(&sample(part)));
    parts.merge(&Moments::default());
    assert_eq!(parts.n(), 100);
    assert_near(parts.variance().unwrap(), whole.variance().unwrap(), "the variance");
    assert_near(parts.mean().unwrap(), whole.mean().unwrap(), "the mean");
    assert_eq!(sample(&[]).mean(), Err(Undefined::NoObservations));
    assert_eq!(sample(&[1.0]).variance(), Err(Undefined::TooFew { needed: 2 }));
    assert!(Moments::default().add(f64::INFINITY).is_err());
    assert!(Moments::from_summary(3, 1.0, -1.0).is_err());
}

#[test]
fn rho_is_exact_at_every_level() {
    for alpha in [1e-300, 1e-9, 0.05, 0.5, 0.999_999] {
        let w = 1.0 + asymptotic_rho2(alpha, 1.0, Tuning::Exact).unwrap();
        assert_near(w - w.ln(), 1.0 - 2.0 * alpha.ln(), &format!("alpha = {alpha}"));
    }
}

#[test]
fn an_asymptotic_difference_excludes_none_just_when_its_evidence_suffices() {
    let cs = AsymptoticCs::new(0.05, 500.0, Tuning::Exact).unwrap();
    let first = Moments::from_summary(300, 1.0, 4.0).unwrap();
    for mean in (0..200).map(|step| 1.0 + f64::from(step) / 100.0) {
        let found = cs.difference(&first, &Moments::from_summary(200, mean, 5.0).unwrap()).unwrap();
        assert_eq!(found.interval.lower > 0.0, suffices(found.log_e, 0.05), "{mean}");
        assert!(found.p <= 1.0 && (found.p > 0.05 || suffices(found.log_e, 0.05)), "{mean}");
    }
}

#[test]
fn an_asymptotic_sequence_of_what_does_not_vary_has_no_value() {
    let cs = AsymptoticCs::new(0.05, 500.0, Tuning::Exact).unwrap();
    let constant = Moments::from_summary(9, 1.0, 0.0).unwrap();
    assert_eq!(cs.difference(&constant, &constant), Err(Undefined::NoVariance));
    assert_eq!(cs.mean(&Moments::default()), Err(Undefined::NoObservations));
    let wide = AsymptoticCs::new(0.5, 500.0, Tuning::Exact).unwrap();
    assert!(matches!(wide.lower(&constant), Err(Undefined::Parameter { .. })));
}

#[test]
fn group_sequential_bounds_spend_what_they_say() {
    let quarters = [0.25, 0.5, 0.75, 1.0];
    for spending in [Spending::ObrienFleming, Spending::Pocock, Spending::Power(3.0)] {
        let one = spending_bounds(&quarters, 0.025, Sides::One, spending).unwrap();
        let two = spending_bounds(&quarters, 0.05, Sides::Two, spending).unwrap();
        assert_near(one[3].cumulative_alpha, 0.025, "all is spent on one side");
        assert_near(two[3].cumulative_alpha, 0.05, "all is spent on two sides");
        for (one, two) in one.iter().zip(&two) {
            // Hardly a path crosses one bound after the other.
            assert!((one.z - two.z).abs() < 0.003, "{spending:?}: {} {}", one.z, two.z);
        }
    }
    let single = spending_bounds(&[1.0], 0.05, Sides::Two, Spending::Pocock).unwrap();
    assert_near(single[0].z, 1.959963984540054, "one look is no sequence");
    let early = spending_bounds(&[0.01, 1.0], 0.05, Sides::Two, Spending::ObrienFleming).unwrap();
    assert!(early[0].z > 20.0 && (early[1].z - 1.95996).abs() < 1e-4, "{early:?}");
    let close = spending_bounds(&[0.5, 0.501, 1.0], 0.05, Sides::Two, Spending::Pocock).unwrap();
    assert!(close[1].z > close[0].z && close[2].z < 2.3, "{close:?}");
}

#[test]
fn looks_out_of_order_are_refused() {
    let bounds = |information: &[f64]| spending_bounds(information, 0.05, Sides::Two, Spending::Pocock);
    assert_eq!(bounds(&[]), Err(Undefined::NoObservations));
    for bad in [&[0.5, 0.5][..], &[0.5, 0.4], &[0.0, 1.0], &[0.5, 1.1], &[f64::NAN]] {
        assert!(matches!(bounds(bad), Err(Undefined::Parameter { .. })), "{bad:?}");
    }
}

#[test]
fn e_values_are_averaged_without_overflow_and_a_product_of_nothing_and_everything_is_none() {
    let combined = combine_e(&[f64::MAX, f64::MAX]).unwrap();
    assert_eq!((combined.average, combined.product), (f64::MAX, Some(f64::INFINITY)));
    let combined = combine_e(&[0.0, f64::INFINITY]).unwrap();
    assert_eq!((combined.average, combined.product, combined.p_from_average), (f64::INFINITY, None, 0.0));
    assert_eq!(combine_e(&[]), Err(Undefined::NoObservations));
    assert!(combine_e(&[-1.0]).is_err() && combine_e(&[f64::NAN]).is_err());
    assert_eq!(p_to_e(0.0, 0.5), Ok(f64::INFINITY));
    assert!(p_to_e(1.1, 0.5).is_err() && p_to_e(0.5, 1.0).is_err() && p_to_e(f64::NAN, 0.5).is_err());
}

#[test]
fn an_observation_that_is_no_number_leaves_a_test_of_the_mean_as_it_was() {
    let mut test = Msprt::new(0.0, 1.0, 0.5).unwrap();
    test.add(0.7).unwrap();
    let before = test;
    assert!(test.add(f64::NAN).is_err());
    assert_eq!(test, before);
    let written = serde_json::to_string(&test).unwrap();
    assert_eq!(serde_json::from_str::<Msprt>(&written).unwrap(), test);
}

#[test]
fn a_tuned_prior_gives_an_interval_around_the_share() {
    assert_eq!(tuned_share_cs(0, 0, 0.05, 200.0, 0.05), Err(Undefined::NoObservations));
    let Interval { lower, upper } = tuned_share_cs(3, 0, 0.05, 200.0, 0.05).unwrap();
    assert!(lower > 0.0 && lower < 0.5 && upper == 1.0, "{lower}..{upper}");
    assert_eq!(prior_strength(1.0, 0.05), Ok(1e-3), "no fewer than a thousandth of an observation");
}

proptest! {
    #[test]
    fn a_confidence_sequence_holds_just_the_shares_that_are_not_refuted(
        s in 0..2_000_u64, f in 0..2_000_u64, p in 0.001..0.999,
    ) {
        let Ok(Interval { lower, upper }) = share_cs(0.5, 0.5, s, f, 0.05) else {
            prop_assert_eq!(s + f, 0);
            return Ok(());
        };
        let best = s as f64 / (s + f) as f64;
        prop_assert!(0.0 <= lower && lower <= best && best <= upper && upper <= 1.0, "{} {}", lower, upper);
        let refuted = suffices(BetaBinomial::new(0.5, 0.5, p, Alternative::TwoSided).unwrap().log_e(s, f), 0.05);
        let outside = p < lower - 1e-9 || p > upper + 1e-9;
        let inside = p > lower + 1e-9 && p < upper - 1e-9;
        prop_assert!(if refuted { !inside } else { !outside }, "{} in {}..{}", p, lower, upper);
    }

    #[test]
    fn one_sided_evidence_mirrors_when_the_sides_are_exchanged(
        s in 0..5_000_u64, f in 0..5_000_u64, p0 in 0.01..0.99,
    ) {
        let greater = BetaBinomial::new(2.0, 3.0, p0, Alternative::Greater).unwrap().log_e(s, f);
        let less = BetaBinomial::new(3.0, 2.0, 1.0 - p0, Alternative::Less).unwrap().log_e(f, s);
        prop_assert!((greater - less).abs() <= 1e-6 * greater.abs().max(1.0), "{} {}", greater, less);
    }

    #[test]
    fn nothing_is_ever_not_a_number(s in 0..u64::MAX / 4, f in 0..u64::MAX / 4) {
        for alternative in [Alternative::TwoSided, Alternative::Greater, Alternative::Less] {
            prop_assert!(!EventShare::new(0.01, 1.5).unwrap().log_e(alternative, s >> 40, f >> 40).is_nan());
            prop_assert!(sign_test(s >> 40, (f >> 40) + 1, alternative).unwrap() <= 1.0);
        }
        prop_assert!(!SampleRatio::new(&[0.3, 0.7]).unwrap().log_e(&[s, f]).is_nan());
        prop_assert!(wilson(s, f + 1, 0.95).unwrap().lower >= 0.0);
    }
}

#[test]
fn the_bars_of_a_sketch_hold_every_value_between_their_ends() {
    let mut sketch = QuantileSketch::default();
    let values: Vec<f64> =
        (0..=400).map(|step| if step == 0 { 0.0 } else { 0.01 * 1.05f64.powi(step) }).collect();
    values.iter().for_each(|value| sketch.add(*value).unwrap());
    let bars = sketch.bars(8);
    assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), values.len() as u64);
    assert!(bars.windows(2).all(|pair| pair[0].highest <= pair[1].lowest * (1.0 + 1e-12)));
    for bar in bars {
        let within = values.iter().filter(|value| {
            bar.highest == 0.0 && **value == 0.0 || **value > bar.lowest && **value <= bar.highest
        });
        assert_eq!(within.count() as u64, bar.count, "{bar:?}");
    }
}
