use std::f64::consts::LN_2;

use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stats::Alternative;
use crate::stats::AlwaysValidP;
use crate::stats::BetaBinomial;
use crate::stats::EventShare;
use crate::stats::Interval;
use crate::stats::SampleRatio;
use crate::stats::Undefined;
use crate::stats::Votes;
use crate::stats::mcnemar_mid_p;
use crate::stats::share_cs;
use crate::stats::sign_test;
use crate::stats::special::ln_beta_cdf;
use crate::stats::special::ln_beta_survival;
use crate::stats::suffices;
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

/// Says in how many of the runs the evidence ever sufficed at 5 %.
fn alarms(runs: u64, mut evidence_suffices: impl FnMut(&mut StdRng) -> bool) -> f64 {
    let alarmed = |seed: &u64| evidence_suffices(&mut StdRng::seed_from_u64(*seed));
    (0..runs).filter(alarmed).count() as f64 / runs as f64
}

/// The level and four standard errors of a rate over this many runs.
fn bound(runs: u64) -> f64 {
    0.05 + 4.0 * (0.05 * 0.95 / runs as f64).sqrt()
}

#[test]
fn looking_after_every_observation_keeps_the_level_of_an_e_process() {
    let cases = [
        (BetaBinomial::new(0.5, 0.5, 0.5, Alternative::TwoSided).unwrap(), 0.5),
        (BetaBinomial::new(1.0, 1.0, 0.1, Alternative::TwoSided).unwrap(), 0.1),
        (BetaBinomial::new(0.5, 9.5, 0.05, Alternative::Greater).unwrap(), 0.05),
        (BetaBinomial::paired(Alternative::Less), 0.5),
    ];
    for (process, truth) in cases {
        let rate = alarms(200, |rng| {
            let mut counts = (0, 0);
            (0..600).any(|_| {
                if rng.random_bool(truth) {
                    counts.0 += 1
                } else {
                    counts.1 += 1
                }
                suffices(process.log_e(counts.0, counts.1), 0.05)
            })
        });
        assert!(rate <= bound(200), "{process:?} alarmed in {rate} of the runs");
    }
}

#[test]
fn a_ramp_under_a_rising_error_rate_raises_no_alarm_when_stages_are_kept_apart() {
    // The candidate's share and the number of events of four stages; both arms fail alike, and more with time.
    let stages = [(0.01, 200), (0.05, 200), (0.25, 400), (0.5, 400)];
    let pooled_test = EventShare::new(0.2025, 1.0).unwrap();
    let mut pooled_alarms = 0;
    let rate = alarms(200, |rng| {
        let (mut log_e, mut alarmed, mut pooled) = (0.0, false, (0, 0));
        for (share, events) in stages {
            let test = EventShare::new(share, 1.0).unwrap();
            let mut counts = (0, 0);
            for _ in 0..events {
                if rng.random_bool(share) {
                    counts.0 += 1
                } else {
                    counts.1 += 1
                }
                alarmed |= suffices(log_e + test.log_e(Alternative::Greater, counts.0, counts.1), 0.05);
            }
            log_e += test.log_e(Alternative::Greater, counts.0, counts.1);
            pooled = (pooled.0 + counts.0, pooled.1 + counts.1);
        }
        pooled_alarms +=
            u32::from(suffices(pooled_test.log_e(Alternative::Greater, pooled.0, pooled.1), 0.05));
        alarmed
    });
    assert!(rate <= bound(200), "alarmed in {rate} of the runs");
    assert!(pooled_alarms > 180, "pooling is what this guards against: {pooled_alarms} of 200");
}

#[test]
fn a_split_of_sixty_to_forty_is_found_and_an_even_one_left_alone() {
    let test = SampleRatio::new(&[0.5, 0.5]).unwrap();
    let alarmed = |share: f64, requests: u32, rng: &mut StdRng| {
        let mut counts = [0, 0];
        (0..requests).any(|request| {
            counts[usize::from(rng.random_bool(share))] += 1;
            request % 20 == 0 && suffices(test.log_e(&counts), 0.001)
        })
    };
    assert!(alarms(200, |rng| alarmed(0.4, 4_000, rng)) >= 0.95);
    assert_eq!(alarms(100, |rng| alarmed(0.5, 4_000, rng)), 0.0);
}

#[test]
fn users_who_differ_raise_no_alarm_when_each_votes_once() {
    let mut per_impression = 0;
    let rate = alarms(300, |rng| {
        let mut impressions = (0, 0);
        let votes = Votes::of_users((0..200).map(|_| {
            let preference: f64 = rng.random();
            let wins = (0..20).filter(|_| rng.random_bool(preference)).count() as i64;
            impressions = (impressions.0 + wins as u64, impressions.1 + 20 - wins as u64);
            2 * wins - 20
        }));
        let p = sign_test(impressions.0, impressions.1, Alternative::TwoSided).unwrap();
        per_impression += u32::from(p <= 0.05);
        votes.summary(0.95).unwrap().sign_test_p <= 0.05 || suffices(votes.log_e(Alternative::TwoSided), 0.05)
    });
    assert!(rate <= bound(300), "alarmed in {rate} of the runs");
    assert!(per_impression > 90, "counting impressions is what this guards against: {per_impression} of 300");
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
