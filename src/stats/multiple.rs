//! Many tests at once: adjusted p-values, and the e-values that may be called discoveries.
//!
//! For p-values, the family-wise error (Bonferroni; Holm 1979) or the false discovery rate (Benjamini and Hochberg
//! 1995 for independent tests, Benjamini and Yekutieli 2001 for any) is kept at a level; for e-values the false
//! discovery rate under any dependence (Wang and Ramdas 2022).

use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::closed_unit;
use crate::stats::open_unit;

/// What is kept at the level, and under which dependence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// The probability of any false rejection, under any dependence.
    Bonferroni,
    /// The same, by steps: rejects whatever Bonferroni's does, and more.
    Holm,
    /// The expected share of false rejections, of independent tests.
    BenjaminiHochberg,
    /// The same, under any dependence.
    BenjaminiYekutieli,
}

/// P-values after adjustment, in the order they came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adjusted {
    /// The smallest level at which each would be rejected, at most 1.
    pub adjusted: Vec<f64>,
    /// Which are rejected at the level asked for.
    pub reject: Vec<bool>,
}

/// Adjusts p-values for their number.
///
/// # Errors
/// Without p-values; one that is no probability; an alpha outside (0, 1).
pub fn adjust_p(p: &[f64], adjustment: Adjustment, alpha: f64) -> Result<Adjusted, Undefined> {
    let alpha = open_unit("alpha", alpha)?;
    p.iter().try_for_each(|p| closed_unit("a p-value", *p).map(|_| ()))?;
    if p.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let tests = p.len();
    let harmonic: f64 = (1..=tests).map(|rank| 1.0 / rank as f64).sum();
    let mut order: Vec<usize> = (0..tests).collect();
    order.sort_by(|i, j| p[*i].total_cmp(&p[*j]));
    // The factor by which the p-value of each rank, counted from 0, grows.
    let factor = |rank: usize| match adjustment {
        Adjustment::Bonferroni => tests as f64,
        Adjustment::Holm => (tests - rank) as f64,
        Adjustment::BenjaminiHochberg => tests as f64 / (rank + 1) as f64,
        Adjustment::BenjaminiYekutieli => tests as f64 / (rank + 1) as f64 * harmonic,
    };
    let passes = |rank: usize| p[order[rank]] <= alpha / factor(rank);
    let mut grown: Vec<f64> = (0..tests).map(|rank| (p[order[rank]] * factor(rank)).min(1.0)).collect();
    let rejected = match adjustment {
        Adjustment::Bonferroni | Adjustment::Holm => {
            (1..tests).for_each(|rank| grown[rank] = grown[rank].max(grown[rank - 1]));
            (0..tests).take_while(|rank| passes(*rank)).count()
        }
        Adjustment::BenjaminiHochberg | Adjustment::BenjaminiYekutieli => {
            (1..tests).rev().for_each(|rank| grown[rank - 1] = grown[rank - 1].min(grown[rank]));
            (0..tests).rev().find(|rank| passes(*rank)).map_or(0, |rank| rank + 1)
        }
    };
    let mut result = Adjusted { adjusted: vec![0.0; tests], reject: vec![false; tests] };
    for (rank, test) in order.into_iter().enumerate() {
        result.adjusted[test] = grown[rank];
        result.reject[test] = rank < rejected;
    }
    Ok(result)
}

/// Which of these e-values, which may be infinite, are discoveries: of K the k largest, for the greatest k whose
/// k-th largest is at least K / (k alpha).
///
/// # Errors
/// Without e-values; one that is negative or NaN; an alpha outside (0, 1).
pub fn e_discoveries(e: &[f64], alpha: f64) -> Result<Vec<bool>, Undefined> {
    let alpha = open_unit("alpha", alpha)?;
    if let Some(&value) = e.iter().find(|e| e.is_nan() || **e < 0.0) {
        return Err(Undefined::Parameter { name: "an e-value", value, expected: "0 or more" });
    }
    if e.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let mut order: Vec<usize> = (0..e.len()).collect();
    order.sort_by(|i, j| e[*j].total_cmp(&e[*i]));
    let suffices = |k: &usize| *k as f64 * e[order[k - 1]] / e.len() as f64 >= 1.0 / alpha;
    let discoveries = (1..=e.len()).rev().find(suffices).unwrap_or(0);
    let mut found = vec![false; e.len()];
    order[..discoveries].iter().for_each(|test| found[*test] = true);
    Ok(found)
}
