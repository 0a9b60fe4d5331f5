use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::passage::Passage;

#[test]
fn followed_and_approximated_sizes_meet() {
    let process = BetaBinomial::votes(Alternative::Greater);
    let log_e = |hits: u64, misses: u64| process.log_e(hits, misses);
    for share in [0.52, 0.54] {
        let passage = Passage { share, alpha: 0.05, log_e };
        let exact = passage.followed(0.8);
        for (exact, power) in [(exact.with_power, 0.8), (exact.median, 0.5)] {
            let about = passage.about(power).unwrap();
            assert!((0.97..1.12).contains(&(about / exact)), "{share} {power}: {exact} {about}");
        }
        assert!(exact.median < exact.with_power);
    }
}

#[test]
fn a_test_that_can_end_at_one_trial_alone_is_followed_exactly() {
    // Ends with the third hit: 1/2 of all paths have by the fifth trial, 0.8 not before the seventh (0.7734, 0.8555).
    let log_e = |hits: u64, _| if hits >= 3 { 10.0 } else { 0.0 };
    let trials = Passage { share: 0.5, alpha: 0.05, log_e }.followed(0.8);
    assert_eq!((trials.median, trials.with_power), (5.0, 8.0));
    let sure = Passage { share: 1.0, alpha: 0.05, log_e }.followed(0.8);
    assert_eq!((sure.median, sure.with_power), (3.0, 3.0));
}
