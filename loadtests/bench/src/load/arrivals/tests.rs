//! An open loop keeps its moments, a closed one takes what there is.

use std::time::Duration;

use crate::load::Length;
use crate::load::arrivals::Arrivals;

#[test]
fn an_open_loop_charges_a_stall_to_every_request_it_held_up() {
    let mut arrivals = Arrivals::new(Length::Time(Duration::from_micros(1)), Some(1e7), 1_000);
    assert_eq!(arrivals.take(1_000), Some(1_000));
    assert_eq!(arrivals.take(1_050), None, "the second is due at 1,100");
    assert_eq!(arrivals.next_ns(1_050), Some(1_100));
    let late: Vec<_> = std::iter::from_fn(|| arrivals.take(9_000)).collect();
    assert_eq!(late, [1_100, 1_200, 1_300, 1_400, 1_500, 1_600, 1_700, 1_800, 1_900]);
}

#[test]
fn a_closed_loop_is_always_ready_until_its_end() {
    let mut arrivals = Arrivals::new(Length::Time(Duration::from_nanos(100)), None, 0);
    assert_eq!((arrivals.take(0), arrivals.take(99), arrivals.take(100)), (Some(0), Some(99), None));
    let mut arrivals = Arrivals::new(Length::Requests(2), None, 0);
    assert_eq!((arrivals.take(5), arrivals.take(5), arrivals.take(5)), (Some(5), Some(5), None));
}

#[test]
fn what_was_due_and_never_begun_is_counted() {
    let mut arrivals = Arrivals::new(Length::Time(Duration::from_micros(1)), Some(1e7), 0);
    assert_eq!(arrivals.take(0), Some(0));
    assert_eq!(arrivals.abandon(5_000), 9);
    assert_eq!(arrivals.next_ns(5_000), None);
}
