use crate::report::html::plots::axis::Axis;
use crate::report::html::plots::axis::Spread;

#[test]
fn values_stand_between_the_ends_in_their_order_and_never_beyond() {
    for spread in [Spread::Linear, Spread::Logarithmic] {
        let axis = Axis::new(spread, (0.5, 50.0), (10.0, 110.0));
        let places =
            [f64::NEG_INFINITY, 0.5, 1.0, 7.0, 50.0, f64::INFINITY, f64::NAN].map(|value| axis.at(value));
        assert_eq!((places[0], places[1], places[4], places[5], places[6]), (10.0, 10.0, 110.0, 110.0, 10.0));
        assert!(places[1] < places[2] && places[2] < places[3] && places[3] < places[4], "{places:?}");
    }
}

#[test]
fn marks_are_round_few_and_within_the_range() {
    let ranges =
        [(0.0, 1.0), (-0.3, 0.07), (0.001, 1_000.0), (0.9, 1.1), (3.0, 3.0), (1.0, 1e12), (0.2, 5_000.0)];
    for (low, high) in ranges {
        for spread in [Spread::Linear, Spread::Logarithmic] {
            if spread == Spread::Logarithmic && low <= 0.0 {
                continue;
            }
            let axis = Axis::new(spread, (low, high), (0.0, 100.0));
            let marks = axis.marks();
            assert!((1..=13).contains(&marks.len()), "{low} to {high}, {spread:?}: {marks:?}");
            assert!(marks.iter().all(|mark| (-1e-9..=100.0 + 1e-9).contains(&axis.at(*mark))), "{marks:?}");
            assert!(marks.windows(2).all(|pair| pair[0] < pair[1]), "{marks:?}");
        }
    }
}
