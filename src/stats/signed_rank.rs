//! Wilcoxon's signed-rank test: are differences within pairs symmetric around 0?
//!
//! For one look at a sample size fixed beforehand.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::RankNull;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::ranks::Ranks;
use crate::stats::tails::normal_p;

/// What becomes of differences that are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroDifferences {
    /// They are left out (Wilcoxon 1945).
    Drop,
    /// They are ranked with the others, and their ranks left out (Pratt 1959; variance by Cureton 1967).
    Pratt,
    /// Half of their ranks counts for either side.
    Split,
}

/// Up to this many differences the exact distribution is offered.
const EXACT_DIFFERENCES: usize = 1_000;

/// What the signed-rank test says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SignedRank {
    /// The sum of the ranks of positive differences; two-sided, the lesser of that and the sum of the others.
    pub w: f64,
    /// The p-value.
    pub p: f64,
}

/// The signed-rank test of these differences.
///
/// # Errors
/// Without differences; [`Undefined::NothingDecided`] when all are 0; `Exact` for more than 1,000 differences;
/// values that are not finite.
pub fn signed_rank(
    differences: &[f64],
    zeros: ZeroDifferences,
    null: RankNull,
    alternative: Alternative,
) -> Result<SignedRank, Undefined> {
    finite(differences)?;
    if differences.is_empty() {
        return Err(Undefined::NoObservations);
    }
    if differences.iter().all(|difference| *difference == 0.0) {
        return Err(Undefined::NothingDecided);
    }
    let sums = Sums::of(differences, zeros);
    let p = match null {
        RankNull::Exact => sums.exact_p(alternative)?,
        RankNull::Normal(continuity) => sums.normal_p(continuity.step(), alternative),
    };
    let w = match alternative {
        Alternative::TwoSided => sums.positive.min(sums.negative),
        Alternative::Greater | Alternative::Less => sums.positive,
    };
    Ok(SignedRank { w, p })
}

/// The rank sums and the moments of the positive one under the null.
struct Sums {
    positive: f64,
    negative: f64,
    ranked: usize,
    mean: f64,
    variance: f64,
}

impl Sums {
    fn of(differences: &[f64], zeros: ZeroDifferences) -> Self {
        let kept: Vec<f64> = match zeros {
            ZeroDifferences::Drop => differences.iter().copied().filter(|it| *it != 0.0).collect(),
            ZeroDifferences::Pratt | ZeroDifferences::Split => differences.to_vec(),
        };
        let ranks = Ranks::of(&kept.iter().map(|difference| difference.abs()).collect::<Vec<_>>());
        let sum_of = |keep: fn(f64) -> bool| {
            let each = kept.iter().zip(&ranks.ranks);
            each.filter(|(difference, _)| keep(**difference)).map(|(_, rank)| rank).sum::<f64>()
        };
        let (mut positive, mut negative) = (sum_of(|it| it > 0.0), sum_of(|it| it < 0.0));
        let (n, none) = (kept.len() as f64, kept.iter().filter(|it| **it == 0.0).count() as f64);
        let (mut mean, mut squares) = (n * (n + 1.0) / 4.0, n * (n + 1.0) * (2.0 * n + 1.0));
        let mut tied = ranks.tie_term();
        match zeros {
            ZeroDifferences::Drop => {}
            ZeroDifferences::Pratt => {
                mean -= none * (none + 1.0) / 4.0;
                squares -= none * (none + 1.0) * (2.0 * none + 1.0);
                tied -= none.powi(3) - none;
            }
            ZeroDifferences::Split => {
                let half = sum_of(|it| it == 0.0) / 2.0;
                positive += half;
                negative += half;
            }
        }
        Self { positive, negative, ranked: kept.len(), mean, variance: (squares - tied / 2.0) / 24.0 }
    }

    fn normal_p(&self, step: f64, alternative: Alternative) -> f64 {
        let above = self.positive - self.mean;
        let towards_mean = match alternative {
            Alternative::Greater => step,
            Alternative::Less => -step,
            Alternative::TwoSided if above == 0.0 => 0.0,
            Alternative::TwoSided => step * above.signum(),
        };
        normal_p((above - towards_mean) / self.variance.sqrt(), alternative)
    }

    /// Rank sums that ties made fractional are rounded away from what would reject.
    fn exact_p(&self, alternative: Alternative) -> Result<f64, Undefined> {
        let Self { positive, ranked, .. } = *self;
        if ranked > EXACT_DIFFERENCES {
            let expected = "at most 1,000 for the exact distribution";
            return Err(Undefined::Parameter { name: "differences", value: ranked as f64, expected });
        }
        let chances = rank_sum_distribution(ranked);
        let at_least = || chances[positive.floor() as usize..].iter().sum::<f64>();
        let at_most = || chances[..=positive.ceil() as usize].iter().sum::<f64>();
        Ok(match alternative {
            Alternative::Greater => at_least(),
            Alternative::Less => at_most(),
            Alternative::TwoSided => 2.0 * at_least().min(at_most()),
        }
        .min(1.0))
    }
}

/// The probability of each sum of the ranks 1 to n of which each counts with probability one half.
fn rank_sum_distribution(n: usize) -> Vec<f64> {
    let mut chances = vec![1.0];
    for rank in 1..=n {
        let mut next = vec![0.0; chances.len() + rank];
        for (sum, chance) in chances.iter().enumerate() {
            next[sum] += 0.5 * chance;
            next[sum + rank] += 0.5 * chance;
        }
        chances = next;
    }
    chances
}
