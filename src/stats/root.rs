//! Finds where a set of numbers ends, by bisection: the ends of confidence sequences and boundaries.
//!
//! Every set that is inverted here is an interval, so that one end at a time has one answer.

/// Bisects between a point that is excluded and one that is not, down to neighbouring numbers.
pub(super) fn edge(mut outside: f64, mut inside: f64, excluded: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = 0.5 * (outside + inside);
        if middle == outside || middle == inside {
            return middle;
        }
        if excluded(middle) {
            outside = middle;
        } else {
            inside = middle;
        }
    }
}

/// The first number from 0 upwards that is excluded, looked for beyond `start` by doubling; infinite when the
/// doubling finds none.
pub(super) fn first_excluded(start: f64, excluded: impl Fn(f64) -> bool) -> f64 {
    const DOUBLINGS: i32 = 60;
    let outside = (0..DOUBLINGS).map(|times| start * 2_f64.powi(times)).find(|outside| excluded(*outside));
    outside.map_or(f64::INFINITY, |outside| edge(outside, 0.0, excluded))
}
