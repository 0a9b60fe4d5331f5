use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::breaker::Breaker;
use crate::upstream::breaker::BreakerSettings;
use crate::upstream::breaker::Pass;

/// What happens to a breaker, at a moment in milliseconds since it was made.
#[derive(Debug, Clone, Copy)]
enum Event {
    Fails,
    Succeeds,
    Crowds,
    /// A call asks to pass, and this is the answer.
    Asks(Option<Pass>),
}

use Event::Asks;
use Event::Crowds;
use Event::Fails;
use Event::Succeeds;

const FREELY: Event = Asks(Some(Pass::Freely));
const AS_PROBE: Event = Asks(Some(Pass::AsProbe));
const NOT: Event = Asks(None);

/// Runs events through a breaker that opens at three failures and probes every two seconds at last.
fn check(events: &[(u64, Event)]) {
    let begun = Instant::now();
    let breaker = Breaker::new(BreakerSettings { failures: 3, pause: Duration::from_secs(2) }, begun);
    for (place, (millis, event)) in events.iter().enumerate() {
        let now = begun + Duration::from_millis(*millis);
        match event {
            Fails => drop(breaker.failed(now)),
            Succeeds => drop(breaker.succeeded()),
            Crowds => drop(breaker.crowded(now)),
            Asks(expected) => {
                assert_eq!(breaker.refuses(|| now), expected.is_none(), "event {place} of {events:?}");
                assert_eq!(breaker.admit(|| now), *expected, "event {place} of {events:?}");
            }
        }
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_them_does_not_let_them() {
    check(&[(0, FREELY), (0, Fails), (1, Fails), (2, FREELY), (2, Fails), (3, NOT)]);
    check(&[(0, Fails), (1, Fails), (2, Succeeds), (3, Fails), (4, Fails), (5, FREELY)]);
}

#[test]
fn probes_pass_one_at_a_time_at_growing_intervals_that_stay_below_the_longest() {
    let opened = [(0, Fails), (0, Fails), (0, Fails)];
    let probes = [250, 750, 1_750, 3_750, 5_750, 7_750];
    let asked = probes.into_iter().flat_map(|at| [(at - 1, NOT), (at, AS_PROBE), (at, NOT), (at, Fails)]);
    check(&opened.into_iter().chain(asked).collect::<Vec<_>>());
}

#[test]
fn the_first_call_that_goes_well_closes_it_and_the_next_time_begins_with_the_shortest_pause() {
    let failing = |at| [(at, Fails), (at, Fails), (at, Fails)];
    let first = [(250, AS_PROBE), (800, AS_PROBE), (900, Succeeds), (900, FREELY), (900, FREELY)];
    let second = [(1_100, NOT), (1_250, AS_PROBE)];
    let events = [&failing(0)[..], &first, &failing(1_000), &second];
    check(&events.concat());
}

#[test]
fn a_full_bound_opens_it_only_when_no_answer_comes_for_a_second() {
    check(&[(0, Crowds), (500, Crowds), (999, FREELY), (1_000, Crowds), (1_001, NOT), (1_250, AS_PROBE)]);
    check(&[(0, Crowds), (900, Succeeds), (1_000, Crowds), (1_900, Crowds), (1_900, FREELY)]);
    // Two crowds far apart are not one that lasts.
    check(&[
        (0, Crowds),
        (60_000, Crowds),
        (60_000, FREELY),
        (60_500, Crowds),
        (61_000, Crowds),
        (61_000, NOT),
    ]);
}

#[test]
fn only_the_call_that_changes_it_is_told_so() {
    let now = Instant::now();
    let breaker = Breaker::new(BreakerSettings { failures: 1, ..BreakerSettings::default() }, now);
    assert!(!breaker.succeeded());
    assert!(breaker.failed(now) && !breaker.failed(now) && !breaker.crowded(now));
    assert!(breaker.succeeded() && !breaker.succeeded());
}

#[test]
fn of_many_threads_that_ask_at_once_one_probes() {
    let now = Instant::now();
    let breaker = Arc::new(Breaker::new(BreakerSettings { failures: 1, ..BreakerSettings::default() }, now));
    breaker.failed(now);
    let due = now + Duration::from_secs(1);
    let asking = (0..8).map(|_| {
        let breaker = Arc::clone(&breaker);
        std::thread::spawn(move || (0..1_000).filter(|_| breaker.admit(|| due).is_some()).count())
    });
    let passed: usize = asking.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(passed, 1);
}

/// What happens to a breaker's calls, at a moment in milliseconds.
#[derive(Debug, Clone, Copy)]
enum Call {
    /// One begins, and this says whether that opens the breaker.
    Begins(bool),
    /// The call of this number goes well.
    Answers(usize),
    /// It ends in another way, which is no failure.
    Leaves(usize),
    /// It fails, and this says whether that opens the breaker.
    Fails(usize, bool),
}

/// Runs calls through a breaker that opens at ten failures.
fn check_calls(events: &[(u64, Call)]) {
    let begun = Instant::now();
    let breaker = Breaker::new(BreakerSettings::default(), begun);
    let mut calls = Vec::new();
    for (place, (millis, event)) in events.iter().enumerate() {
        let now = begun + Duration::from_millis(*millis);
        match *event {
            Call::Begins(opens) => {
                let (sits, opened) = breaker.begins(now);
                assert_eq!(opened, opens, "event {place} of {events:?}");
                calls.push((now, sits));
            }
            Call::Answers(call) => {
                breaker.hears(now - calls[call].0);
                breaker.succeeded();
            }
            Call::Leaves(call) => breaker.ends(calls[call].1),
            Call::Fails(call, opens) => {
                assert_eq!(breaker.failed(now), opens, "event {place} of {events:?}");
                breaker.ends(calls[call].1);
            }
        }
    }
}

#[test]
fn calls_that_sit_without_one_answer_for_a_second_open_it_however_few_they_are() {
    use Call::Begins;
    check_calls(&[(0, Begins(false)), (999, Begins(false)), (1_000, Begins(true)), (1_001, Begins(false))]);
    check_calls(&[(0, Begins(false)), (5_000, Call::Fails(0, true))]);
}

#[test]
fn one_answer_speaks_for_all_calls_that_began_before_it() {
    use Call::Answers;
    use Call::Begins;
    check_calls(&[
        (0, Begins(false)),
        (100, Begins(false)),
        (200, Answers(1)),
        // The first hangs on, and is no sign.
        (3_000, Begins(false)),
        (3_900, Begins(false)),
        (4_000, Begins(true)),
        (4_100, Answers(2)),
        (4_100, Begins(false)),
        // Its end is no other's.
        (4_200, Call::Leaves(0)),
        (6_299, Begins(false)),
        (6_300, Begins(true)),
    ]);
}

#[test]
fn a_second_without_a_call_is_no_silence() {
    use Call::Begins;
    use Call::Fails;
    use Call::Leaves;
    check_calls(&[
        (0, Begins(false)),
        (300, Fails(0, false)),
        (2_000, Begins(false)),
        (2_300, Leaves(1)),
        (9_000, Begins(false)),
        (9_300, Fails(2, false)),
    ]);
}

#[test]
fn an_endpoint_that_takes_long_over_its_answers_is_given_twice_as_long() {
    use Call::Answers;
    use Call::Begins;
    check_calls(&[
        (0, Begins(false)),
        (10_000, Answers(0)),
        (20_000, Begins(false)),
        (39_999, Begins(false)),
        (40_000, Begins(true)),
    ]);
    let quick = (0..400).flat_map(|call| {
        let at = 20_000 + 100 * call as u64;
        [(at, Begins(false)), (at + 100, Answers(1 + call))]
    });
    let once = [(0, Begins(false)), (10_000, Answers(0))];
    let hung = [(70_000, Begins(false)), (70_999, Begins(false)), (71_000, Begins(true))];
    check_calls(&once.into_iter().chain(quick).chain(hung).collect::<Vec<_>>());
}

#[test]
fn a_thread_that_read_the_clock_before_another_opens_nothing() {
    use Call::Begins;
    check_calls(&[(5_000, Begins(false)), (4_999, Begins(false))]);
}
