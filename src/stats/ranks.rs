//! Tests by rank, which no outlier sways: Mann and Whitney's, and Hodges and Lehmann's shift.
//!
//! For one look at a sample size fixed beforehand.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::checks::sorted;
use crate::stats::tails::normal_survival;

/// Where a rank test's p-value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankNull {
    /// All arrangements, as though no values were tied; for small samples.
    Exact,
    /// The normal approximation, its variance corrected for ties.
    Normal(Continuity),
}

/// Whether the normal approximation allows for the statistic's steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The statistic is moved half a step towards its mean.
    Corrected,
    /// It is taken as it is.
    Plain,
}

impl Continuity {
    pub(super) fn step(self) -> f64 {
        match self {
            Continuity::Corrected => 0.5,
            Continuity::Plain => 0.0,
        }
    }
}

/// Up to this product of both sample sizes the exact distribution is offered; it takes that many steps squared.
const EXACT_PAIRS: usize = 20_000;

/// What Mann and Whitney's test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MannWhitney {
    /// Of all pairs, in how many the first sample's value is the larger; ties count half.
    pub u: f64,
    /// The same as a share of all pairs: the probability of superiority.
    pub superiority: f64,
    /// The p-value.
    pub p: f64,
}

/// The test of Mann and Whitney (1947) that neither sample tends to larger values; `Greater` is the first one's.
///
/// # Errors
/// For an empty sample; [`Undefined::NothingDecided`] when all values are equal; `Exact` for samples whose sizes
/// multiply to more than 20,000; values that are not finite.
pub fn mann_whitney(
    a: &[f64],
    b: &[f64],
    null: RankNull,
    alternative: Alternative,
) -> Result<MannWhitney, Undefined> {
    finite(a)?;
    finite(b)?;
    if a.is_empty() || b.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let ranks = Ranks::of(&[a, b].concat());
    if ranks.ties == [(a.len() + b.len()) as f64] {
        return Err(Undefined::NothingDecided);
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = ranks.ranks[..a.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let other = n * m - u;
    let (extreme, sides) = match alternative {
        Alternative::Greater => (u, 1.0),
        Alternative::Less => (other, 1.0),
        Alternative::TwoSided => (u.max(other), 2.0),
    };
    let tail = match null {
        RankNull::Normal(continuity) => {
            let all = n + m;
            let variance = n * m / 12.0 * (all + 1.0 - ranks.tie_term() / (all * (all - 1.0)));
            normal_survival((extreme - n * m / 2.0 - continuity.step()) / variance.sqrt())
        }
        RankNull::Exact if a.len().saturating_mul(b.len()) > EXACT_PAIRS => {
            let expected = "at most 20,000 for the exact distribution";
            return Err(Undefined::Parameter { name: "the product of both sizes", value: n * m, expected });
        }
        RankNull::Exact => u_distribution(a.len(), b.len())[extreme as usize..].iter().sum(),
    };
    Ok(MannWhitney { u, superiority: u / (n * m), p: (sides * tail).min(1.0) })
}

/// The shift of the first sample against the second: the median of all differences between a value of the one and
/// a value of the other (Hodges and Lehmann 1963).
///
/// # Errors
/// For an empty sample; values that are not finite; [`Undefined::TooLarge`].
pub fn hodges_lehmann(a: &[f64], b: &[f64]) -> Result<f64, Undefined> {
    let (a, b) = (sorted(a)?, sorted(b)?);
    let pairs = a.len() as u64 * b.len() as u64;
    let (lower, upper) = (nth_difference(&a, &b, pairs.div_ceil(2)), nth_difference(&a, &b, pairs / 2 + 1));
    representable(f64::midpoint(lower, upper))
}

/// The n-th smallest difference of sorted samples, found by halving the range of all floating-point numbers: the
/// pairs are counted, never stored.
fn nth_difference(a: &[f64], b: &[f64], n: u64) -> f64 {
    let (mut below, mut at) = (key(f64::NEG_INFINITY) - 1, key(f64::INFINITY));
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if differences_up_to(a, b, number(middle)) >= n {
            at = middle;
        } else {
            below = middle;
        }
    }
    number(at)
}

fn differences_up_to(a: &[f64], b: &[f64], limit: f64) -> u64 {
    let (mut count, mut first) = (0, 0);
    for x in a {
        while first < b.len() && x - b[first] > limit {
            first += 1;
        }
        count += (b.len() - first) as u64;
    }
    count
}

/// Whole numbers in the order of the floating-point numbers that they stand for.
fn key(number: f64) -> i128 {
    let bits = i128::from(number.to_bits() & (u64::MAX >> 1));
    if number.is_sign_negative() { -bits } else { bits }
}

fn number(key: i128) -> f64 {
    let size = f64::from_bits(key.unsigned_abs() as u64);
    if key < 0 { -size } else { size }
}

/// Ranks from 1, equal values sharing their average, and how many shared each.
pub(super) struct Ranks {
    pub(super) ranks: Vec<f64>,
    pub(super) ties: Vec<f64>,
}

impl Ranks {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|i, j| values[*i].total_cmp(&values[*j]));
        let (mut ranks, mut ties, mut before) = (vec![0.0; values.len()], Vec::new(), 0.0);
        for group in order.chunk_by(|i, j| values[*i] == values[*j]) {
            let size = group.len() as f64;
            group.iter().for_each(|i| ranks[*i] = before + (size + 1.0) / 2.0);
            before += size;
            ties.push(size);
        }
        Self { ranks, ties }
    }

    /// The sum of t^3 - t over groups of t equal values.
    pub(super) fn tie_term(&self) -> f64 {
        self.ties.iter().map(|size| size.powi(3) - size).sum()
    }
}

/// The probability of each value of U when all arrangements are equally likely.
///
/// The largest value of all belongs to the first sample with probability n / (n + m), and then exceeds m others:
/// only positive numbers are added, so the tails are exact.
fn u_distribution(n: usize, m: usize) -> Vec<f64> {
    let mut of_fewer: Vec<Vec<f64>> = vec![vec![1.0]; m + 1];
    for i in 1..=n {
        let mut row: Vec<Vec<f64>> = vec![vec![1.0]];
        for j in 1..=m {
            let first = i as f64 / (i + j) as f64;
            let mut chances = vec![0.0; i * j + 1];
            of_fewer[j].iter().enumerate().for_each(|(u, chance)| chances[u + j] += first * chance);
            row[j - 1].iter().enumerate().for_each(|(u, chance)| chances[u] += (1.0 - first) * chance);
            row.push(chances);
        }
        of_fewer = row;
    }
    of_fewer.swap_remove(m)
}
