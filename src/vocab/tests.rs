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
    assert_eq!(serde_json::from_str::<Timestamp>(&written).unwrap(), moment);
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

#[test]
fn a_moment_is_read_as_jiff_reads_it() {
    let texts = [
        "2026-02-28T23:59:59.999999Z",
        "2026-02-29T00:00:00.000000Z",
        "2024-02-29T00:00:00.000001Z",
        "2026-13-01T00:00:00.000000Z",
        "2026-00-10T00:00:00.000000Z",
        "2026-01-00T00:00:00.000000Z",
        "2026-04-31T00:00:00.000000Z",
        "2026-01-01T24:00:00.000000Z",
        "2026-01-01T00:60:00.000000Z",
        "2026-01-01T00:00:60.000000Z",
        "2026-01-01T00:00:61.000000Z",
        "2026-01-01 00:00:00.000000Z",
        "2026-01-01T00:00:00.00000+Z",
        "1969-12-31T23:59:59.999999Z",
        "1970-01-01T00:00:00.000000Z",
        "9999-12-30T22:00:00.000000Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T02:00:00+02:00",
        "2026-01-01T00:00:00.1234567",
        "tomorrow",
    ];
    for text in texts {
        let read = text.parse::<Timestamp>().ok().map(Timestamp::as_micros);
        let expected = text.parse::<jiff::Timestamp>().ok().map(|moment| moment.as_microsecond());
        assert_eq!(read, expected, "{text}");
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
