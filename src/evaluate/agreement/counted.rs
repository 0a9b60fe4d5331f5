//! What a judge's word is worth, from counts instead of lists: for figures that grow with every judgement.

use serde::Serialize;
use statrs::function::erf::erfc_inv;

use crate::evaluate::NoValue;
use crate::stats::AsymptoticCs;
use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::Tuning;
use crate::stats::Undefined;

/// At how many labels, and verdicts without one, the sequence of [`ppi_sequence`] is tightest.
const PLANNED: (f64, f64) = (200.0, 5_000.0);

/// Agreement beyond chance, with the interval of a single look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Kappa {
    /// Cohen's kappa: 1 is perfect, 0 what chance gives.
    pub kappa: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// Cohen's kappa (1960) of two raters, from how often one gave the label of the row while the other gave that of the
/// column; with the normal interval of its standard error in large samples (Fleiss, Cohen and Everitt 1969).
///
/// # Errors
/// [`NoValue::Invalid`] for a confidence that is not strictly between 0 and 1; [`NoValue::Undefined`] without counts, and
/// when both gave one and the same label throughout.
pub fn cohen_kappa_of<const K: usize>(counts: &[[u64; K]; K], confidence: f64) -> Result<Kappa, NoValue> {
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(NoValue::Invalid("the confidence is not between 0 and 1"));
    }
    let rows: [u64; K] = std::array::from_fn(|one| counts[one].iter().sum());
    let columns: [u64; K] = std::array::from_fn(|other| counts.iter().map(|row| row[other]).sum());
    let all = rows.iter().sum::<u64>() as f64;
    let share = |count: u64| count as f64 / all;
    let agreed: f64 = (0..K).map(|label| share(counts[label][label])).sum();
    let expected: f64 = rows.iter().zip(columns).map(|(one, other)| share(*one) * share(other)).sum();
    // Not by rounded shares: who always says one thing is told from who almost always does.
    let by_chance: u128 =
        rows.iter().zip(columns).map(|(one, other)| u128::from(*one) * u128::from(other)).sum();
    if by_chance == u128::from(rows.iter().sum::<u64>()).pow(2) {
        return Err(NoValue::Undefined("all ratings are the same, or there are none"));
    }
    let beyond = 1.0 - expected;
    let kappa = (agreed - expected) / beyond;
    let apart = 1.0 - agreed;
    let of_cell = |one: usize, other: usize| match one == other {
        true => share(counts[one][one]) * (beyond - share(rows[one] + columns[one]) * apart).powi(2),
        false => share(counts[one][other]) * (share(columns[one] + rows[other]) * apart).powi(2),
    };
    let cells: f64 = (0..K).map(|one| (0..K).map(|other| of_cell(one, other)).sum::<f64>()).sum();
    let variance = (cells - (agreed * expected - 2.0 * expected + agreed).powi(2)) / (all * beyond.powi(4));
    // Rounding makes a variance of nothing a little less than nothing.
    let half = std::f64::consts::SQRT_2 * erfc_inv(1.0 - confidence) * variance.max(0.0).sqrt();
    Ok(Kappa { kappa, lower: kappa - half, upper: (kappa + half).min(1.0) })
}

/// A mean over everything that a judge saw, put right by the part that people labelled too, with an interval that holds
/// at every look: [`crate::evaluate::agreement::ppi_mean`] with lambda 1, where the mean of the judge's verdicts without
/// a label and that of the differences (label less verdict) each have a confidence sequence at half of `alpha`.
///
/// # Errors
/// For an `alpha` outside (0, 1), and below two of a kind.
pub fn ppi_sequence(
    judged: &Moments,
    differences: &Moments,
    alpha: f64,
) -> Result<(f64, Interval), Undefined> {
    let of =
        |sample: &Moments, planned: f64| AsymptoticCs::new(alpha / 2.0, planned, Tuning::Exact)?.mean(sample);
    let (mean, put_right) = (of(judged, PLANNED.1)?, of(differences, PLANNED.0)?);
    let estimate = judged.mean()? + differences.mean()?;
    Ok((estimate, Interval { lower: mean.lower + put_right.lower, upper: mean.upper + put_right.upper }))
}
