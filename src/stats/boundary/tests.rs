use crate::stats::Undefined;
use crate::stats::boundary::Bounded;
use crate::stats::boundary::GammaExponential;
use crate::stats::boundary::NormalMixture;
use crate::stats::boundary::PolyStitching;
use crate::stats::boundary::Sides;
use crate::stats::boundary::zeta;

const TIMES: [f64; 5] = [0.0, 0.5, 10.0, 1e4, 1e7];
const ALPHAS: [f64; 3] = [0.2, 0.05, 1e-6];

fn assert_near(got: f64, expected: f64, what: &str) {
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        "{what}: got {got}, expected {expected}"
    );
}

#[test]
fn a_sum_at_the_boundary_is_just_enough_evidence() {
    let normal = |sides| NormalMixture::tuned(100.0, 0.05, sides).unwrap();
    let gamma = GammaExponential::tuned(100.0, 0.05, 0.5).unwrap();
    for (v, alpha) in TIMES.into_iter().flat_map(|v| ALPHAS.map(|alpha| (v, alpha))) {
        let needed = -alpha.ln();
        for mixture in [normal(Sides::One), normal(Sides::Two)] {
            let bound = mixture.bound(v, alpha).unwrap();
            assert_near(mixture.log_e(bound, v), needed, &format!("{mixture:?} at {v}, {alpha}"));
        }
        let log_e = gamma.log_e(gamma.bound(v, alpha).unwrap(), v);
        // Terms of the size of v cancel in it.
        assert!((log_e - needed).abs() < 1e-6, "gamma at {v}, {alpha}: {log_e}, expected {needed}");
    }
}

#[test]
fn evidence_for_one_side_stays_exact_far_on_the_other() {
    let mixture = NormalMixture::with_rho(1.0, Sides::One).unwrap();
    // ln(2) / 2 + ln Phi(z) + z^2 / 2 at z = s / sqrt 2, by 4,000 terms of Mills' continued fraction with 60 digits.
    let cases = [
        (-4.9, -2.199609099075338),
        (-5.1, -2.236913501591495),
        (-40.0, -4.261868423473816),
        (-1e6, -14.387875500889974),
    ];
    for (z, expected) in cases {
        assert_near(mixture.log_e(z * 2_f64.sqrt(), 1.0), expected, &format!("z = {z}"));
    }
}

#[test]
fn a_bounded_sum_that_cannot_suffice_has_its_largest_value_as_its_boundary() {
    let mixture = Bounded::tuned(25.0, 0.05, 0.5, 0.25, Sides::One).unwrap();
    assert_eq!(mixture.bound(0.5, 0.05), Ok(1.0));
    assert!(mixture.bound(50.0, 0.05).unwrap() < 100.0);
    assert_eq!(mixture.bound(0.0, 0.05), Ok(0.0));
}

#[test]
fn zeta_is_right_near_one_and_far_from_it() {
    let cases = [
        (1.01, 100.57794333849687),
        (1.4, 3.105547277977581),
        (2.0, 1.6449340668482264),
        (30.0, 1.000000000931327),
    ];
    for (s, expected) in cases {
        assert!((zeta(s) - expected).abs() <= 1e-12 * expected, "zeta({s}) = {}", zeta(s));
    }
}

#[test]
fn a_boundary_outside_its_range_is_refused() {
    let refused = |result: Result<f64, Undefined>| matches!(result, Err(Undefined::Parameter { .. }));
    let mixture = NormalMixture::with_rho(1.0, Sides::Two).unwrap();
    for v in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(refused(mixture.bound(v, 0.05)), "v = {v}");
    }
    for bad in [0.0, 1.0, f64::NAN] {
        assert!(refused(mixture.bound(1.0, bad)), "alpha = {bad}");
        assert!(refused(PolyStitching::new(1.0, 0.0, bad, 2.0).map(|_| 0.0)), "s = {bad}");
        assert!(refused(NormalMixture::tuned(bad - 1.0, 0.05, Sides::One).map(|_| 0.0)), "v_opt = {bad} - 1");
    }
    assert!(refused(NormalMixture::tuned(1.0, 0.5, Sides::One).map(|_| 0.0)), "twice a half is all");
    assert!(refused(GammaExponential::tuned(1.0, 0.05, 0.0).map(|_| 0.0)));
}
