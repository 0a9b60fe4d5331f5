//! Quiet hours, starts and stops.

use crate::policy::Hours;
use crate::policy::Quiet;
use crate::policy::Schedule;
use crate::policy::Weekday;
use crate::vocab::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn quiet(days: &[Weekday], hours: Option<(u16, u16)>) -> Schedule {
    let hours = hours.map(|(from, to)| Hours { from: from * 60, to: to * 60 });
    Schedule { quiet: vec![Quiet { days: days.to_vec(), hours }], ..Schedule::default() }
}

#[test]
fn quiet_hours_may_go_over_midnight_and_belong_to_the_day_they_begin_on() {
    let nightly = quiet(&[], Some((22, 6)));
    let friday_night = quiet(&[Weekday::Fri], Some((22, 6)));
    let weekend = quiet(&[Weekday::Sat, Weekday::Sun], None);
    let office = quiet(&[], Some((9, 17)));
    // 2026-11-27 is a Friday.
    let cases = [
        ("2026-11-27T21:59:59Z", [false, false, false, false]),
        ("2026-11-27T22:00:00Z", [true, true, false, false]),
        ("2026-11-28T05:59:59Z", [true, true, true, false]),
        ("2026-11-28T06:00:00Z", [false, false, true, false]),
        ("2026-11-28T23:00:00Z", [true, false, true, false]),
        ("2026-11-29T00:00:00Z", [true, false, true, false]),
        ("2026-11-30T00:00:00Z", [true, false, false, false]),
        ("2026-11-30T09:00:00Z", [false, false, false, true]),
        ("2026-11-30T17:00:00Z", [false, false, false, false]),
    ];
    for (now, expected) in cases {
        let found = [&nightly, &friday_night, &weekend, &office].map(|quiet| quiet.is_quiet(at(now)));
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn an_experiment_runs_from_its_start_up_to_its_stop() {
    let schedule = Schedule {
        start: Some(at("2026-12-01T00:00:00Z")),
        stop: Some(at("2026-12-02T00:00:00Z")),
        ..Schedule::default()
    };
    let cases = [
        ("2026-11-30T23:59:59Z", (false, false)),
        ("2026-12-01T00:00:00Z", (true, false)),
        ("2026-12-01T23:59:59Z", (true, false)),
        ("2026-12-02T00:00:00Z", (true, true)),
    ];
    for (now, expected) in cases {
        assert_eq!((schedule.has_begun(at(now)), schedule.is_over(at(now))), expected, "{now}");
    }
    let always = Schedule::default();
    assert!(always.has_begun(at("1970-01-01T00:00:00Z")) && !always.is_over(at("2999-01-01T00:00:00Z")));
}
