//! Two classes: how well scores rank the positive examples above the others, and how likely the truth was.

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::sound::Weights;
use crate::evaluate::sum::Sum;

/// Probabilities are kept this far from 0 and 1, so that one sure and wrong answer costs 36 and not infinity.
const CLIP: f64 = f64::EPSILON;

/// The weights of the examples that share one score.
#[derive(Debug, Clone, Copy, Default)]
struct Tie {
    positive: f64,
    negative: f64,
}

/// The probability that a positive example scores above a negative one, ties counting half: the area under the ROC
/// curve (Hanley and McNeil 1982), by weight of examples. Scores need only be ordered.
///
/// # Errors
/// [`NoValue::Undefined`] unless both classes occur; [`NoValue::Invalid`] for numbers that are not finite, lengths
/// that differ, weights that are negative.
pub fn roc_auc(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64, NoValue> {
    let ties = ties_descending(truth, scores, weights)?;
    let positive: f64 = ties.iter().map(|tie| tie.positive).sum();
    let negative: f64 = ties.iter().map(|tie| tie.negative).sum();
    if positive == 0.0 || negative == 0.0 {
        return Err(NoValue::Undefined("only one class occurs"));
    }
    let (mut above, mut won) = (0.0, Sum::default());
    for tie in ties {
        won.add(tie.negative * (above + tie.positive / 2.0));
        above += tie.positive;
    }
    sound::in_range(won.value() / negative / positive)
}

/// The mean precision over the thresholds at which recall rises, each by the rise (step-wise, as in scikit-learn).
///
/// # Errors
/// [`NoValue::Undefined`] without positive examples; otherwise as [`roc_auc`].
pub fn average_precision(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64, NoValue> {
    precision_area(truth, scores, weights, |_, precision| precision)
}

/// The area under the precision-recall curve whose points are joined by straight lines, from recall 0 at precision 1.
///
/// It is optimistic (Davis and Goadrich 2006): [`average_precision`] is the one to decide by.
///
/// # Errors
/// As [`average_precision`].
pub fn pr_auc_trapezoid(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<f64, NoValue> {
    precision_area(truth, scores, weights, |before, precision| (before + precision) / 2.0)
}

/// The mean negative natural logarithm of the probability given to the truth, in nats; probabilities, of the positive
/// class, are clipped to [2^-52, 1 - 2^-52].
///
/// # Errors
/// [`NoValue::Undefined`] without examples; [`NoValue::Invalid`] for numbers that are no probabilities, lengths that
/// differ, weights that are negative.
pub fn log_loss(truth: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64, NoValue> {
    mean_loss(truth, probabilities, weights, |is_positive, probability| {
        surprise(if is_positive { probability } else { 1.0 - probability })
    })
}

/// The mean squared distance of the probability of the positive class from what happened, 0 or 1 (Brier 1950, halved).
///
/// # Errors
/// As [`log_loss`].
pub fn brier(truth: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64, NoValue> {
    mean_loss(truth, probabilities, weights, |is_positive, probability| {
        (probability - f64::from(is_positive)).powi(2)
    })
}

/// The negative logarithm of a probability, after clipping.
pub(super) fn surprise(probability: f64) -> f64 {
    -probability.clamp(CLIP, 1.0 - CLIP).ln()
}

fn mean_loss(
    truth: &[bool],
    probabilities: &[f64],
    weights: Option<&[f64]>,
    loss: impl Fn(bool, f64) -> f64,
) -> Result<f64, NoValue> {
    sound::same_length(truth.len(), probabilities.len())?;
    sound::all_probabilities(probabilities)?;
    weighted_mean(
        truth.iter().zip(probabilities).map(|(truth, probability)| loss(*truth, *probability)),
        weights,
    )
}

/// The mean of values by weight.
pub(super) fn weighted_mean(
    values: impl ExactSizeIterator<Item = f64>,
    weights: Option<&[f64]>,
) -> Result<f64, NoValue> {
    let weights = Weights::of(weights, values.len())?;
    let (mut sum, mut total) = (Sum::default(), Sum::default());
    for (index, value) in values.enumerate() {
        sum.add(value * weights.at(index));
        total.add(weights.at(index));
    }
    sound::ratio(sum.value(), total.value(), "there are no examples")
}

/// Adds up, over the thresholds, the rise in recall times a height made of the precision before and after it.
fn precision_area(
    truth: &[bool],
    scores: &[f64],
    weights: Option<&[f64]>,
    height: impl Fn(f64, f64) -> f64,
) -> Result<f64, NoValue> {
    let ties = ties_descending(truth, scores, weights)?;
    let all: f64 = ties.iter().map(|tie| tie.positive).sum();
    let (mut found, mut taken, mut before, mut area) = (0.0, 0.0, 1.0, Sum::default());
    for tie in ties {
        found += tie.positive;
        taken += tie.positive + tie.negative;
        let precision = found / taken;
        area.add(tie.positive * height(before, precision));
        before = precision;
    }
    sound::ratio(area.value(), all, "there are no positive examples")
}

/// The groups of examples of equal score, best first. Examples of weight 0 are left out.
fn ties_descending(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Vec<Tie>, NoValue> {
    sound::same_length(truth.len(), scores.len())?;
    sound::all_finite(scores)?;
    let weights = Weights::of(weights, scores.len())?;
    let mut order: Vec<usize> = (0..scores.len()).filter(|index| weights.at(*index) > 0.0).collect();
    order.sort_by(|one, other| sound::ascending(scores[*other], scores[*one]));
    let groups = order.chunk_by(|one, other| scores[*one] == scores[*other]);
    let tie = |group: &[usize]| {
        let mut tie = Tie::default();
        for index in group {
            let side = if truth[*index] { &mut tie.positive } else { &mut tie.negative };
            *side += weights.at(*index);
        }
        tie
    };
    Ok(groups.map(tie).collect())
}
