use crate::evaluate::measure::Choice;
use crate::evaluate::measure::Kind;

#[test]
fn a_measure_knows_the_option_that_it_cannot_do_without() {
    for kind in Kind::ALL {
        assert!(kind.required_choice().is_none_or(|needed| kind.choices().contains(&needed)), "{kind:?}");
        assert!(!kind.is_averaged() || kind.choices().contains(&Choice::Average), "{kind:?}");
    }
}
