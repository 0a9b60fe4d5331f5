//! Do two samples have one distribution? The test of Kolmogorov and Smirnov.
//!
//! For one look at samples fixed beforehand.

use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::checks::sorted;
use crate::stats::kolmogorov_tail::kolmogorov_survival;

/// Where the p-value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmirnovNull {
    /// All orders in which the samples could have come, as though no values were tied.
    Exact,
    /// The distribution of one sample's distance from a known distribution, at the effective size n m / (n + m).
    Effective,
}

/// The product of both sizes up to which the exact distribution is offered; it takes that many steps.
const EXACT_PAIRS: f64 = 1e8;

/// How far apart two samples are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Smirnov {
    /// The largest distance between the empirical distribution functions.
    pub d: f64,
    /// The two-sided p-value.
    pub p: f64,
}

/// The two-sample test of Smirnov (1939).
///
/// # Errors
/// For an empty sample; values that are not finite; `Exact` for sizes whose product exceeds 100 million.
pub fn smirnov(a: &[f64], b: &[f64], null: SmirnovNull) -> Result<Smirnov, Undefined> {
    let (a, b) = (sorted(a)?, sorted(b)?);
    let (n, m) = (a.len(), b.len());
    let pairs = n as f64 * m as f64;
    let apart = largest_distance(&a, &b);
    let d = apart as f64 / pairs;
    let p = match null {
        SmirnovNull::Exact if pairs > EXACT_PAIRS => {
            let expected = "at most 100,000,000 for the exact distribution";
            return Err(Undefined::Parameter { name: "the product of both sizes", value: pairs, expected });
        }
        SmirnovNull::Exact => exact_survival(n, m, apart),
        SmirnovNull::Effective => {
            let size = (pairs / (n as f64 + m as f64)).round_ties_even();
            kolmogorov_survival(size.max(1.0), d)
        }
    };
    Ok(Smirnov { d, p: p.clamp(0.0, 1.0) })
}

/// The largest distance times the product of both sizes, which is whole.
fn largest_distance(a: &[f64], b: &[f64]) -> u128 {
    let (n, m) = (a.len() as u128, b.len() as u128);
    let (mut i, mut j, mut largest) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        i += a[i..].iter().take_while(|x| **x <= value).count();
        j += b[j..].iter().take_while(|x| **x <= value).count();
        largest = largest.max((i as u128 * m).abs_diff(j as u128 * n));
    }
    largest
}

/// The probability that the order of n and m values, all orders equally likely, is anywhere as far apart.
///
/// A walk over how many of each have come: what reaches the distance is taken out and summed, so that only positive
/// numbers are added and a small probability keeps its accuracy.
fn exact_survival(n: usize, m: usize, apart: u128) -> f64 {
    let reached = |i: usize, j: usize| (i as u128 * m as u128).abs_diff(j as u128 * n as u128) >= apart;
    if apart == 0 {
        return 1.0;
    }
    let (mut column, mut taken) = (vec![0.0; m + 1], 0.0);
    for i in 0..=n {
        for j in 0..=m {
            let left = (n + m + 1 - i - j) as f64;
            let from_a = if i == 0 { 0.0 } else { column[j] * (n - i + 1) as f64 / left };
            let from_b = if j == 0 { 0.0 } else { column[j - 1] * (m - j + 1) as f64 / left };
            let here = if (i, j) == (0, 0) { 1.0 } else { from_a + from_b };
            column[j] = if reached(i, j) {
                taken += here;
                0.0
            } else {
                here
            };
        }
    }
    taken
}
