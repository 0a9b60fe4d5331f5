//! Items in the order of a model's scores, which may be tied.

use crate::evaluate::NoValue;
use crate::evaluate::ranking::judged::Gain;
use crate::evaluate::ranking::judged::discount;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// The NDCG of items ranked by descending score. Items of one score share their average gain, the expectation over the
/// orders they could stand in (McSherry and Najork 2008).
///
/// # Errors
/// [`NoValue::Undefined`] without a relevant item; [`NoValue::Invalid`] for numbers that are not finite, lengths that
/// differ, a cutoff of 0.
pub fn ndcg_by_scores(
    judgements: &[f64],
    scores: &[f64],
    k: Option<usize>,
    gain: Gain,
) -> Result<f64, NoValue> {
    sound::same_length(judgements.len(), scores.len())?;
    sound::all_finite(judgements)?;
    sound::all_finite(scores)?;
    let depth = sound::depth(k)?;
    let gains: Vec<f64> = judgements.iter().map(|judgement| gain.of(*judgement)).collect();
    let ideal = sound::in_range(dcg(&gains, &gains, depth))?;
    sound::ratio(dcg(&gains, scores, depth), ideal, "no item is relevant")
}

fn dcg(gains: &[f64], scores: &[f64], depth: usize) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|one, other| sound::ascending(scores[*other], scores[*one]));
    let (mut sum, mut rank) = (Sum::default(), 1);
    for tied in order.chunk_by(|one, other| scores[*one] == scores[*other]) {
        let ranks = rank..rank + tied.len();
        rank = ranks.end;
        let gain: Sum = tied.iter().map(|item| gains[*item]).collect();
        let worth: Sum = ranks.filter(|rank| *rank <= depth).map(discount).collect();
        sum.add(gain.value() / tied.len() as f64 * worth.value());
    }
    sum.value()
}
