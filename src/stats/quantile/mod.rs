//! Confidence sequences for quantiles, exact for any distribution of independent observations, with ties or without.
//!
//! Howard and Ramdas 2022. How many of n observations lie at or below the p-quantile is held against a coin of
//! probability p; the counts that are not refuted name the order statistics between which the quantile lies.

mod bands;
mod difference;

#[cfg(test)]
mod tests;

pub use bands::CdfBand;
pub use bands::DoubleStitching;
pub use difference::quantile_difference_p;

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::open_unit;
use crate::stats::positive;

/// The order statistics between which a quantile lies, counted from 1 for the least of n: 0 stands for minus
/// infinity, n + 1 for infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuantileRanks {
    /// The quantile is at least the observation of this rank.
    pub lower: u64,
    /// The quantile is at most the observation of this rank.
    pub upper: u64,
}

/// The observations of a histogram that lie from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// None of them lies below this.
    pub lowest: f64,
    /// None of them lies above this.
    pub highest: f64,
    /// How many they are.
    pub count: u64,
}

/// The ranks of the confidence sequence for the p-quantile of n observations: with a Beta(c p, c (1-p)) mixture, the
/// counts s whose log e-value stays below ln(1/alpha) reach from `lower` to `upper` - 1.
///
/// `strength` is c: how many observations the prior weighs, 100 as a rule, or
/// [`prior_strength`](crate::stats::prior_strength) of a planned number.
///
/// # Errors
/// Without observations, when `p` or `alpha` is not within (0, 1), or `strength` not above 0.
pub fn quantile_ranks(p: f64, n: u64, alpha: f64, strength: f64) -> Result<QuantileRanks, Undefined> {
    let needed = -open_unit("alpha", alpha)?.ln();
    let coin = coin(p, strength)?;
    if n == 0 {
        return Err(Undefined::NoObservations);
    }
    let kept = |s: u64| coin.log_e(s, n - s) < needed;
    // The evidence is convex in the count and least here, where one more success is as likely under both.
    let best = ((p * (n - 1) as f64).ceil() as u64).min(n);
    Ok(QuantileRanks {
        lower: best - last_kept(best, |fewer| kept(best - fewer)),
        upper: best + last_kept(n - best, |more| kept(best + more)) + 1,
    })
}

impl QuantileRanks {
    /// The interval among observations sorted upwards: those that the ranks were computed for.
    pub fn in_sorted(&self, sorted: &[f64]) -> Interval {
        let at = |rank: u64| usize::try_from(rank).ok()?.checked_sub(1).and_then(|place| sorted.get(place));
        Interval {
            lower: at(self.lower).copied().unwrap_or(f64::NEG_INFINITY),
            upper: at(self.upper).copied().unwrap_or(f64::INFINITY),
        }
    }

    /// The interval among observations counted in buckets, upwards and without overlap. It is rounded outwards, so
    /// that it holds the quantile as surely as the exact one.
    pub fn in_buckets(&self, buckets: impl IntoIterator<Item = Bucket>) -> Interval {
        let mut interval = Interval { lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        let mut below = 0;
        for Bucket { lowest, highest, count } in buckets {
            let holds = |rank: u64| rank > below && rank <= below + count;
            if holds(self.lower) {
                interval.lower = lowest;
            }
            if holds(self.upper) {
                interval.upper = highest;
            }
            below += count;
        }
        interval
    }
}

/// The two-sided test of a coin of probability `p` whose prior weighs `strength` throws.
fn coin(p: f64, strength: f64) -> Result<BetaBinomial, Undefined> {
    let p = open_unit("the quantile", p)?;
    let strength = positive("the strength of the prior", strength)?;
    BetaBinomial::new(strength * p, strength * (1.0 - p), p, Alternative::TwoSided)
}

/// The greatest number up to `most` that is kept, where 0 is and every number after one that is not is not either.
fn last_kept(most: u64, kept: impl Fn(u64) -> bool) -> u64 {
    let (mut inside, mut outside) = (0, most + 1);
    while outside - inside > 1 {
        let middle = inside + (outside - inside) / 2;
        if kept(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}
