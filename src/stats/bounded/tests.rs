use proptest::collection::vec;
use proptest::prop_assert;
use proptest::proptest;

use crate::stats::BettingCs;
use crate::stats::BettingProcess;
use crate::stats::BettingSettings;
use crate::stats::EmpiricalBernstein;
use crate::stats::Interval;
use crate::stats::Undefined;

fn bernstein(observations: &[f64], lowest: f64, highest: f64) -> EmpiricalBernstein {
    let mut state = EmpiricalBernstein::new(lowest, highest, 0.05, 0.5).unwrap();
    observations.iter().for_each(|x| state.add(*x).unwrap());
    state
}

#[test]
fn an_observation_outside_the_range_is_refused_and_changes_nothing() {
    let before = bernstein(&[0.2, 0.4], 0.0, 1.0);
    let mut state = before;
    let mut process = BettingProcess::new(0.5, BettingSettings::at(0.05)).unwrap();
    for x in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(state.add(x), Err(Undefined::Parameter { .. })), "{x}");
        assert!(matches!(process.add(x), Err(Undefined::Parameter { .. })), "{x}");
    }
    assert_eq!(state, before);
    assert_eq!(process, BettingProcess::new(0.5, BettingSettings::at(0.05)).unwrap());
}

#[test]
fn before_the_first_observation_there_is_no_interval() {
    assert_eq!(bernstein(&[], 0.0, 1.0).interval(), Err(Undefined::NoObservations));
    assert_eq!(bernstein(&[], 0.0, 1.0).running(), Err(Undefined::NoObservations));
    let betting = BettingCs::new(10, BettingSettings::at(0.05)).unwrap();
    assert_eq!(betting.interval(), Err(Undefined::NoObservations));
}

#[test]
fn observations_that_drift_leave_no_mean_and_are_said_to() {
    let observations: Vec<f64> = (0..4_000).map(|index| if index < 1_000 { 0.0 } else { 1.0 }).collect();
    let state = bernstein(&observations, 0.0, 1.0);
    assert!(state.interval().is_ok());
    assert_eq!(state.running(), Err(Undefined::Drift));
}

#[test]
fn a_state_that_was_written_goes_on_as_if_it_had_not_been() {
    let observations: Vec<f64> = (0..60).map(|index| f64::from(index % 7) / 7.0).collect();
    let (early, late) = observations.split_at(31);
    let written = serde_json::to_string(&bernstein(early, 0.0, 1.0)).unwrap();
    let mut state: EmpiricalBernstein = serde_json::from_str(&written).unwrap();
    late.iter().for_each(|x| state.add(*x).unwrap());
    assert_eq!(state, bernstein(&observations, 0.0, 1.0));
}

#[test]
fn betting_against_an_impossible_mean_ruins_nobody_and_proves_it() {
    for (mean, x) in [(0.0, 1.0), (1.0, 0.0)] {
        let mut process = BettingProcess::new(mean, BettingSettings::at(0.05)).unwrap();
        (0..50).for_each(|_| process.add(x).unwrap());
        assert!(process.log_e() > 3.0 && process.log_e().is_finite(), "{mean}: {}", process.log_e());
        (0..50).for_each(|_| process.add(mean).unwrap());
        assert!(process.log_e().is_finite(), "{mean}");
    }
}

#[test]
fn a_grid_too_coarse_for_the_truth_says_nothing_instead_of_something_wrong() {
    let mut betting = BettingCs::new(1, BettingSettings::at(0.05)).unwrap();
    (0..500).for_each(|index| betting.add(f64::from(index % 2)).unwrap());
    assert_eq!(betting.interval(), Ok(Interval { lower: 0.0, upper: 1.0 }));
}

#[test]
fn a_setting_outside_its_range_is_refused() {
    let usual = BettingSettings::at(0.05);
    let bad = [
        BettingSettings { alpha: 0.0, ..usual },
        BettingSettings { theta: 1.5, ..usual },
        BettingSettings { truncation: 1.0, ..usual },
    ];
    for settings in bad {
        assert!(
            BettingProcess::new(0.5, settings).is_err() && BettingCs::new(10, settings).is_err(),
            "{settings:?}"
        );
    }
    assert!(BettingProcess::new(1.1, usual).is_err() && BettingCs::new(0, usual).is_err());
    assert!(EmpiricalBernstein::new(1.0, 1.0, 0.05, 0.5).is_err());
    assert!(EmpiricalBernstein::new(0.0, f64::INFINITY, 0.05, 0.5).is_err());
}

proptest! {
    #[test]
    fn another_scale_of_the_same_observations_gives_the_same_interval_on_it(
        observations in vec(0.0..=1.0_f64, 1..60), lowest in -50.0..50.0_f64, width in 0.1..100.0_f64,
    ) {
        let unit = bernstein(&observations, 0.0, 1.0).interval().unwrap();
        let highest = lowest + width;
        let scaled: Vec<f64> =
            observations.iter().map(|x: &f64| (lowest + width * x).clamp(lowest, highest)).collect();
        let scaled = bernstein(&scaled, lowest, highest).interval().unwrap();
        prop_assert!((lowest + width * unit.lower - scaled.lower).abs() <= 1e-6 * width, "{:?} {:?}", unit, scaled);
        prop_assert!((lowest + width * unit.upper - scaled.upper).abs() <= 1e-6 * width, "{:?} {:?}", unit, scaled);
    }

    #[test]
    fn exchanging_below_and_above_mirrors_a_betting_process(observations in vec(0.0..=1.0, 1..60), mean in 0.05..0.95) {
        let log_e = |mean: f64, mirrored: bool| {
            let mut process = BettingProcess::new(mean, BettingSettings::at(0.05)).unwrap();
            observations.iter().for_each(|x: &f64| process.add(if mirrored { 1.0 - x } else { *x }).unwrap());
            process.log_e()
        };
        let (direct, mirrored) = (log_e(mean, false), log_e(1.0 - mean, true));
        prop_assert!((direct - mirrored).abs() <= 1e-9 * direct.abs().max(1.0), "{} {}", direct, mirrored);
    }
}
