use proptest::prop_assert_eq;
use proptest::proptest;

use crate::vocab::Timestamp;

const DAY: i64 = 86_400_000_000;

/// What jiff writes, and what the record does.
fn check(micros: i64) -> (String, String) {
    let moment = Timestamp::from_micros(micros);
    let expected = format!("{:.6}", jiff::Timestamp::from_microsecond(moment.as_micros()).unwrap());
    let written = serde_json::to_string(&moment).unwrap();
    assert_eq!(written, format!("\"{moment}\""));
    (moment.to_string(), expected)
}

#[test]
fn a_moment_is_written_right_on_every_day_of_four_centuries_and_at_the_bounds() {
    for day in 0..=146_097 {
        let (written, expected) = check(day * DAY + day);
        assert_eq!(written, expected);
    }
    for micros in [0, -1, 1, DAY - 1, i64::MIN, i64::MAX] {
        let (written, expected) = check(micros);
        assert_eq!(written, expected);
    }
}

proptest! {
    #[test]
    fn a_moment_is_written_as_rfc_3339_with_microseconds(micros: i64, near in 0..4_000_000_000_000_000i64) {
        for micros in [micros, near] {
            let (written, expected) = check(micros);
            prop_assert_eq!(written, expected);
        }
    }
}
