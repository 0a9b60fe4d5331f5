use crate::evaluate::measure::Choice;
use crate::evaluate::measure::Kind;

#[test]
fn every_measure_is_listed_once_by_the_word_that_the_policy_uses() {
    // serde alone knows all variants, and tells them when it is asked for one that does not exist.
    let refusal = serde_json::from_str::<Kind>("\"none\"").unwrap_err().to_string();
    let expected: Vec<&str> = refusal.split('`').skip(3).step_by(2).collect();
    assert_eq!(Kind::ALL.map(Kind::word).to_vec(), expected);
}

#[test]
fn a_measure_knows_the_option_that_it_cannot_do_without() {
    for kind in Kind::ALL {
        assert!(kind.required_choice().is_none_or(|needed| kind.choices().contains(&needed)), "{kind:?}");
        assert!(!kind.is_averaged() || kind.choices().contains(&Choice::Average), "{kind:?}");
    }
}
