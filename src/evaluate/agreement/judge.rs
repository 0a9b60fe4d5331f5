//! What a judge's word is worth: its two verdicts when the answers change places, and the truth behind its rates.
//!
//! The share of comparisons that a model wins, with its interval, is [`crate::stats::Votes::summary`].

use serde::Deserialize;
use serde::Serialize;
use statrs::function::erf::erfc_inv;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// Which of two models' answers a judge prefers, already mapped back to the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Choice {
    /// The first model's.
    A,
    /// The second model's.
    B,
    /// Neither.
    #[serde(rename = "tie")]
    Tie,
}

/// What verdicts in both orders come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PositionSwap {
    /// The verdict on each pair: what both orders said, or a tie when they differ.
    #[serde(rename = "final")]
    pub verdicts: Vec<Choice>,
    /// Pairs that the first model wins.
    pub wins_a: u64,
    /// Pairs that the second model wins.
    pub wins_b: u64,
    /// The others.
    pub ties: u64,
    /// The share of pairs on which both orders said the same; below 0.7 the judge is of no use for this question.
    pub consistency: f64,
    /// The share of pairs that the first model wins, a tie counted half.
    pub win_rate_a_half_ties: f64,
}

/// How much of the judge's opinion enters a prediction-powered estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lambda {
    /// This much, at least 0: 1 is all of it, 0 ignores the judge.
    Fixed(f64),
    /// As much as makes the interval narrowest, from 0 to 1 (Angelopoulos, Duchi and Zrnic 2023).
    Tuned,
}

/// A mean estimated from labels and a judge, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PpiMean {
    /// The estimate.
    pub estimate: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// Reconciles a judge's verdicts on the same pairs in both orders (Zheng and others 2023): a judge that changes its
/// mind with the order has none.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] without pairs.
pub fn judge_position_swap(order_1: &[Choice], order_2: &[Choice]) -> Result<PositionSwap, NoValue> {
    sound::same_length(order_1.len(), order_2.len())?;
    let pairs = order_1.iter().zip(order_2);
    let verdicts: Vec<Choice> =
        pairs.clone().map(|(one, other)| if one == other { *one } else { Choice::Tie }).collect();
    let count = |choice| verdicts.iter().filter(|verdict| **verdict == choice).count() as u64;
    let (wins_a, wins_b, ties) = (count(Choice::A), count(Choice::B), count(Choice::Tie));
    let all = verdicts.len() as f64;
    let consistent = pairs.filter(|(one, other)| one == other).count() as f64;
    Ok(PositionSwap {
        wins_a,
        wins_b,
        ties,
        consistency: sound::ratio(consistent, all, "there are no pairs")?,
        win_rate_a_half_ties: (wins_a as f64 + ties as f64 / 2.0) / all,
        verdicts,
    })
}

/// The true rate behind the rate that a judge reports, given how often it is right about positives (sensitivity) and
/// about negatives (specificity); kept between 0 and 1 (Rogan and Gladen 1978).
///
/// # Errors
/// [`NoValue::Invalid`] for a rate outside [0, 1]; [`NoValue::Undefined`] when sensitivity and specificity add up to
/// 1, for such a judge tosses coins.
pub fn rogan_gladen(observed_rate: f64, sensitivity: f64, specificity: f64) -> Result<f64, NoValue> {
    sound::all_probabilities(&[observed_rate, sensitivity, specificity])?;
    let informedness = sensitivity + specificity - 1.0;
    // A sum of two decimals that make 1 may miss it by a rounding.
    if informedness.abs() < 4.0 * f64::EPSILON {
        return Err(NoValue::Undefined("the judge is as good as a coin"));
    }
    Ok(((observed_rate + specificity - 1.0) / informedness).clamp(0.0, 1.0))
}

/// A mean over everything that a judge saw, put right by the part that people labelled too (Angelopoulos and others
/// 2023): lambda mean(judge on unlabelled) + mean(label - lambda judge on labelled), with a normal interval from
/// variances that divide by n.
///
/// # Errors
/// [`NoValue::Invalid`] when labels and verdicts differ in number, a number is not finite, the confidence is not
/// strictly between 0 and 1, or lambda is negative; [`NoValue::Undefined`] with fewer than two labels or two
/// unlabelled verdicts.
pub fn ppi_mean(
    labels: &[f64],
    judge_on_labelled: &[f64],
    judge_on_unlabelled: &[f64],
    lambda: Lambda,
    confidence: f64,
) -> Result<PpiMean, NoValue> {
    sound::same_length(labels.len(), judge_on_labelled.len())?;
    [labels, judge_on_labelled, judge_on_unlabelled].into_iter().try_for_each(sound::all_finite)?;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(NoValue::Invalid("the confidence is not between 0 and 1"));
    }
    if labels.len() < 2 || judge_on_unlabelled.len() < 2 {
        return Err(NoValue::Undefined("there are fewer than two of a kind"));
    }
    let lambda = match lambda {
        Lambda::Fixed(lambda) if lambda >= 0.0 && lambda.is_finite() => lambda,
        Lambda::Fixed(_) => return Err(NoValue::Invalid("lambda is negative or not finite")),
        Lambda::Tuned => tuned(labels, judge_on_labelled, judge_on_unlabelled),
    };
    let rest: Vec<f64> =
        labels.iter().zip(judge_on_labelled).map(|(label, judge)| label - lambda * judge).collect();
    let imputed: Vec<f64> = judge_on_unlabelled.iter().map(|judge| lambda * judge).collect();
    let estimate = sound::in_range(mean(&imputed) + mean(&rest))?;
    let variance = variance(&imputed) / imputed.len() as f64 + variance(&rest) / rest.len() as f64;
    let half = std::f64::consts::SQRT_2 * erfc_inv(1.0 - confidence) * sound::in_range(variance)?.sqrt();
    Ok(PpiMean { estimate, lower: estimate - half, upper: estimate + half })
}

/// The lambda of least variance; 1 for a judge that says one thing only, which then does not matter.
fn tuned(labels: &[f64], on_labelled: &[f64], on_unlabelled: &[f64]) -> f64 {
    let (mean_label, mean_judge) = (mean(labels), mean(on_labelled));
    let products =
        labels.iter().zip(on_labelled).map(|(label, judge)| (label - mean_label) * (judge - mean_judge));
    let covariance = products.sum::<f64>() / labels.len() as f64;
    let all = [on_labelled, on_unlabelled].concat();
    let judge_variance = variance(&all) * all.len() as f64 / (all.len() - 1) as f64;
    if judge_variance == 0.0 {
        return 1.0;
    }
    let size_ratio = labels.len() as f64 / on_unlabelled.len() as f64;
    (covariance / ((1.0 + size_ratio) * judge_variance)).clamp(0.0, 1.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}
