use crate::sizing::Expected;
use crate::sizing::Sizes;
use crate::stats::Size;
use crate::stats::Undefined;
use crate::vocab::StrategyKind;

const USUAL: Expected = Expected {
    base_rate: 0.01,
    candidate_rate: 0.015,
    split: 0.05,
    alpha: 0.05,
    power: 0.8,
    requests_per_user: 1.0,
    icc: 0.0,
    preference: None,
    decided: None,
    discordance: None,
    per_second: None,
};

fn requests(sizes: &Sizes, strategy: StrategyKind) -> Size {
    sizes.of(strategy).unwrap().requests.unwrap()
}

#[test]
fn an_ab_test_of_half_as_many_again_takes_7750_an_arm() {
    let sizes = USUAL.sizes().unwrap();
    assert_eq!(requests(&sizes, StrategyKind::Ab).one_look, 2 * 7_750);
    assert!(
        requests(&sizes, StrategyKind::Canary).any_time > 4 * requests(&sizes, StrategyKind::Ab).any_time
    );
}

#[test]
fn alike_requests_of_one_user_take_more_and_votes_are_counted_by_user() {
    let alike = Expected { requests_per_user: 10.0, icc: 0.1, decided: Some(0.5), ..USUAL };
    let (single, alike) = (USUAL.sizes().unwrap(), alike.sizes().unwrap());
    assert!((alike.design_effect - 1.9).abs() < 1e-12);
    let ratio =
        |strategy| requests(&alike, strategy).any_time as f64 / requests(&single, strategy).any_time as f64;
    for strategy in [StrategyKind::Ab, StrategyKind::Canary, StrategyKind::Shadow] {
        assert!((ratio(strategy) - 1.9).abs() < 1e-3, "{strategy:?}: {}", ratio(strategy));
    }
    let votes = Expected { decided: Some(0.5), ..USUAL }.sizes().unwrap();
    assert_eq!(
        requests(&alike, StrategyKind::Interleave).any_time,
        10 * requests(&votes, StrategyKind::Interleave).any_time
    );
}

#[test]
fn what_is_not_told_is_derived_from_the_rates() {
    let taken = USUAL.sizes().unwrap().taken;
    assert!((taken.preference - 0.6).abs() < 1e-12);
    assert!((taken.decided - 0.0125).abs() < 1e-12);
    assert!((taken.discordance - (0.01 * 0.985 + 0.015 * 0.99)).abs() < 1e-12);
    assert!((taken.candidate_share - 0.015 * 0.99 / taken.discordance).abs() < 1e-12);
}

#[test]
fn pairs_that_differ_less_tell_more_of_each() {
    let correlated = Expected { discordance: Some(0.006), ..USUAL }.sizes().unwrap();
    let independent = USUAL.sizes().unwrap();
    assert!(
        requests(&correlated, StrategyKind::Shadow).any_time
            < requests(&independent, StrategyKind::Shadow).any_time
    );
    let impossible = Expected { discordance: Some(0.004), ..USUAL }.sizes();
    assert!(impossible.unwrap_err().to_string().contains("the discordance is 0.004"));
}

#[test]
fn days_are_those_of_the_traffic() {
    let sizes = Expected { per_second: Some(0.5), ..USUAL }.sizes().unwrap();
    let days = sizes.of(StrategyKind::Ab).unwrap().days.unwrap();
    assert!((days.one_look - 15_500.0 / 43_200.0).abs() < 1e-12);
    assert_eq!(USUAL.sizes().unwrap().of(StrategyKind::Ab).unwrap().days, None);
}

#[test]
fn equal_rates_have_no_size_and_a_split_vote_leaves_the_others_theirs() {
    assert_eq!(Expected { candidate_rate: 0.01, ..USUAL }.sizes(), Err(Undefined::NoEffect));
    let torn = Expected { preference: Some(0.5), ..USUAL }.sizes().unwrap();
    let votes = torn.of(StrategyKind::Interleave).unwrap();
    assert_eq!((votes.requests, votes.undefined.as_deref()), (None, Some("there is no effect to find")));
    assert!(torn.of(StrategyKind::Ab).unwrap().requests.is_some());
    assert!(Expected { split: 1.0, ..USUAL }.sizes().unwrap_err().is_refusal());
}
