//! Do two scores of the same examples differ in the area under the ROC curve? DeLong's test.
//!
//! DeLong, DeLong and Clarke-Pearson 1988, by mid-ranks (Sun and Xu 2014), so that n examples take n log n steps.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::same_length;
use crate::stats::ranks::Ranks;
use crate::stats::tails::normal_p;

/// Placements are multiples of one over the number of examples: a variance below this is rounding.
const ROUNDING: f64 = 1e-28;

/// Two areas and what chance allows between them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DeLong {
    /// The first score's area.
    pub auc_a: f64,
    /// The second score's area.
    pub auc_b: f64,
    /// The variance of the first area.
    pub var_a: f64,
    /// The variance of the second area.
    pub var_b: f64,
    /// Their covariance, as both are of the same examples.
    pub covariance: f64,
    /// The first area minus the second over its standard error.
    pub z: f64,
    /// The two-sided p-value.
    pub p: f64,
}

/// Compares two scores of the same examples, of which some are positive.
///
/// # Errors
/// [`Undefined::OneClass`]; below two examples of either class; [`Undefined::NoVariance`] when the difference does
/// not vary, as with equal scores; scores that are not finite, and lengths that differ.
pub fn delong(positive: &[bool], score_a: &[f64], score_b: &[f64]) -> Result<DeLong, Undefined> {
    same_length(positive.len(), score_a.len())?;
    same_length(positive.len(), score_b.len())?;
    finite(score_a)?;
    finite(score_b)?;
    let positives = positive.iter().filter(|it| **it).count();
    match (positives, positive.len() - positives) {
        (0, 0) => return Err(Undefined::NoObservations),
        (0, _) | (_, 0) => return Err(Undefined::OneClass),
        (1, _) | (_, 1) => return Err(Undefined::TooFew { needed: 2 }),
        _ => {}
    }
    let (a, b) = (Placements::of(positive, score_a), Placements::of(positive, score_b));
    let apart = Placements {
        positives: a.positives.iter().zip(&b.positives).map(|(a, b)| a - b).collect(),
        negatives: a.negatives.iter().zip(&b.negatives).map(|(a, b)| a - b).collect(),
    };
    let variance = apart.covariance(&apart);
    if variance <= ROUNDING {
        return Err(Undefined::NoVariance);
    }
    let (auc_a, auc_b) = (mean(&a.positives), mean(&b.positives));
    let z = (auc_a - auc_b) / variance.sqrt();
    Ok(DeLong {
        auc_a,
        auc_b,
        var_a: a.covariance(&a),
        var_b: b.covariance(&b),
        covariance: a.covariance(&b),
        z,
        p: normal_p(z, Alternative::TwoSided),
    })
}

/// For each example, the share of the other class's examples that it stands on the right side of; ties count half.
struct Placements {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Placements {
    fn of(positive: &[bool], scores: &[f64]) -> Self {
        let of_class = |class: bool| {
            let each = scores.iter().zip(positive).filter(move |(_, is)| **is == class);
            each.map(|(score, _)| *score).collect::<Vec<_>>()
        };
        let (above, below) = (of_class(true), of_class(false));
        let (m, n) = (above.len() as f64, below.len() as f64);
        let among_all = Ranks::of(&[above.as_slice(), &below].concat()).ranks;
        let (all_above, all_below) = among_all.split_at(above.len());
        let beaten =
            |all: &[f64], own: Vec<f64>| all.iter().zip(own).map(|(all, own)| all - own).collect::<Vec<_>>();
        Self {
            positives: beaten(all_above, Ranks::of(&above).ranks).iter().map(|it| it / n).collect(),
            negatives: beaten(all_below, Ranks::of(&below).ranks).iter().map(|it| 1.0 - it / m).collect(),
        }
    }

    fn covariance(&self, other: &Placements) -> f64 {
        let of_class = |one: &[f64], other: &[f64]| {
            let (mean_one, mean_other) = (mean(one), mean(other));
            let cross: f64 = one.iter().zip(other).map(|(x, y)| (x - mean_one) * (y - mean_other)).sum();
            cross / (one.len() - 1) as f64 / one.len() as f64
        };
        of_class(&self.positives, &other.positives) + of_class(&self.negatives, &other.negatives)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
