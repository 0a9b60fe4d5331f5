use proptest::collection::vec;
use proptest::prop_assert;
use proptest::prop_assert_eq;
use proptest::proptest;

use crate::analysis::histogram::Histogram;
use crate::analysis::units::Units;

proptest! {
    #[test]
    fn a_quantile_is_within_one_per_cent_in_any_order(mut millis in vec(0.001_f64..600_000.0, 1..400), share in 0.01_f64..1.0) {
        let mut histogram = Histogram::default();
        millis.iter().for_each(|it| histogram.add(*it));
        millis.sort_by(f64::total_cmp);
        let mut sorted = Histogram::default();
        millis.iter().for_each(|it| sorted.add(*it));
        prop_assert_eq!(&histogram, &sorted);
        let rank = ((share * millis.len() as f64).ceil() as usize).clamp(1, millis.len());
        let (exact, found) = (millis[rank - 1], histogram.quantile(share).unwrap());
        // Half a microsecond is lost by showing whole ones.
        prop_assert!((found - exact).abs() <= 0.0101 * exact + 0.0005, "{} for {}", found, exact);
    }
}

#[test]
fn nothing_has_no_quantile_and_an_instant_is_zero() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile(0.5), None);
    histogram.add(0.0);
    assert_eq!(histogram.quantile(0.99), Some(0.0));
}

#[test]
fn a_unit_is_counted_once() {
    let mut units = Units::default();
    assert_eq!(["a", "b", "a", "b"].map(|unit| units.count(Some(unit))), [true, true, false, false]);
}
