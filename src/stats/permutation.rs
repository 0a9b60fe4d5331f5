//! The exact permutation test of two means: every way in which the values could have been dealt to the two sides.

use crate::stats::Alternative;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::tails::ln_choose;

/// With more ways than this the test is refused.
const MOST_WAYS: f64 = 5e6;

/// Sums count as equal within this share of the largest value, which is rounding.
const ROUNDING: f64 = 1e-12;

/// The p-value of the mean of `a` minus the mean of `b` among all ways to deal the values (Fisher 1935): how often
/// the difference is at least as large as the one observed; two-sided, by its absolute value.
///
/// # Errors
/// For an empty sample; values that are not finite; more than five million ways.
pub fn permutation_mean_difference(a: &[f64], b: &[f64], alternative: Alternative) -> Result<f64, Undefined> {
    finite(a)?;
    finite(b)?;
    if a.is_empty() || b.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let (n, all) = (a.len(), [a, b].concat());
    let ways = ln_choose(all.len() as f64, n as f64).exp();
    if ways > MOST_WAYS {
        let expected = "at most 5,000,000";
        return Err(Undefined::Parameter {
            name: "the ways to deal the values",
            value: ways.round(),
            expected,
        });
    }
    // The difference of means grows with the sum of the first side, of which this is the expectation.
    let scale = all.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if scale == 0.0 {
        return Ok(1.0);
    }
    let all: Vec<f64> = all.iter().map(|value| value / scale).collect();
    let expected = all.iter().sum::<f64>() * n as f64 / all.len() as f64;
    let observed = all[..n].iter().sum::<f64>() - expected;
    let slack = ROUNDING * all.len() as f64;
    let mut counts = (0_u64, 0_u64);
    for_each_choice(all.len(), n, |chosen| {
        let difference = chosen.iter().map(|i| all[*i]).sum::<f64>() - expected;
        let extreme = match alternative {
            Alternative::Greater => difference >= observed - slack,
            Alternative::Less => difference <= observed + slack,
            Alternative::TwoSided => difference.abs() >= observed.abs() - slack,
        };
        counts = (counts.0 + u64::from(extreme), counts.1 + 1);
    });
    Ok(counts.0 as f64 / counts.1 as f64)
}

/// Calls back with each choice of `size` of the first `all` numbers, in lexicographic order.
fn for_each_choice(all: usize, size: usize, mut each: impl FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..size).collect();
    loop {
        each(&chosen);
        let Some(grows) = (0..size).rev().find(|place| chosen[*place] < all - size + place) else { return };
        chosen[grows] += 1;
        (grows + 1..size).for_each(|place| chosen[place] = chosen[place - 1] + 1);
    }
}
