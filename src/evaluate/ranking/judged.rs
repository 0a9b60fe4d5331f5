//! A ranked list held against judged items: whether what is relevant comes first.

use std::collections::BTreeMap;

use crate::evaluate::NoValue;
use crate::evaluate::ranking::TWICE;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// What a judgement is worth in DCG; one below 0 is worth 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gain {
    /// The judgement itself (Jarvelin and Kekalainen 2002).
    Linear,
    /// 2^judgement - 1, which favours the best (Burges and others 2005).
    Exponential,
}

/// One ranked list as judged: an item is relevant when its judgement is above 0, unjudged ones count 0.
///
/// A cutoff k looks at the first k places only; `None` at all. A list that is shorter than k has nothing in the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    ranked: Vec<f64>,
    relevant: Vec<f64>,
}

impl Judged {
    /// Judges a ranking, best first.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when the ranking names an item twice or a judgement is not finite.
    pub fn new<T: Ord>(ranking: &[T], judgements: &BTreeMap<T, f64>) -> Result<Self, NoValue> {
        sound::all_distinct(ranking, TWICE)?;
        let all: Vec<f64> = judgements.values().copied().collect();
        sound::all_finite(&all)?;
        let worth = |item| judgements.get(item).copied().unwrap_or(0.0);
        Ok(Self::of(ranking.iter().map(worth).collect(), all))
    }

    /// The judgements in the order of the ranking, and those of all items.
    pub(super) fn of(ranked: Vec<f64>, all: Vec<f64>) -> Self {
        let mut relevant: Vec<f64> = all.into_iter().filter(|judgement| *judgement > 0.0).collect();
        relevant.sort_by(|one, other| sound::ascending(*other, *one));
        Self { ranked, relevant }
    }

    /// Normalised discounted cumulative gain, with a discount of 1/log2(rank + 1): the share of what the ideal list of
    /// all judged items would gain (Jarvelin and Kekalainen 2002).
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without a relevant item; [`NoValue::Invalid`] at a cutoff of 0. So all others.
    pub fn ndcg(&self, k: Option<usize>, gain: Gain) -> Result<f64, NoValue> {
        let depth = self.depth_with_relevant(k)?;
        let ideal = sound::in_range(dcg(&self.relevant, depth, gain))?;
        sound::in_range(dcg(&self.ranked, depth, gain) / ideal)
    }

    /// 1/rank of the first relevant item; 0 when there is none within the cutoff. Its mean over queries is the MRR.
    ///
    /// # Errors
    /// As [`Judged::ndcg`].
    pub fn reciprocal_rank(&self, k: Option<usize>) -> Result<f64, NoValue> {
        let depth = self.depth_with_relevant(k)?;
        Ok(self.hits(depth).next().map_or(0.0, |rank| 1.0 / rank as f64))
    }

    /// The mean, over all relevant items, of the precision at their ranks, 0 for those that were not found; its mean
    /// over queries is the MAP. Divided by the number of all relevant items, also where the cutoff is smaller.
    ///
    /// # Errors
    /// As [`Judged::ndcg`].
    pub fn average_precision(&self, k: Option<usize>) -> Result<f64, NoValue> {
        let depth = self.depth_with_relevant(k)?;
        let precisions: Sum =
            self.hits(depth).zip(1..).map(|(rank, found)| f64::from(found) / rank as f64).collect();
        Ok(precisions.value() / self.relevant.len() as f64)
    }

    /// The share of the first k places that hold a relevant item; of all places without a cutoff. A query without
    /// relevant items has 0.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] for an empty list without a cutoff; [`NoValue::Invalid`] at a cutoff of 0.
    pub fn precision_at(&self, k: Option<usize>) -> Result<f64, NoValue> {
        let depth = sound::depth(k)?;
        let places = k.unwrap_or(self.ranked.len());
        sound::ratio(self.hits(depth).count() as f64, places as f64, "the list is empty")
    }

    /// The share of the relevant items that the first k places hold.
    ///
    /// # Errors
    /// As [`Judged::ndcg`].
    pub fn recall_at(&self, k: Option<usize>) -> Result<f64, NoValue> {
        let depth = self.depth_with_relevant(k)?;
        Ok(self.hits(depth).count() as f64 / self.relevant.len() as f64)
    }

    /// 1 when the first k places hold a relevant item, otherwise 0.
    ///
    /// # Errors
    /// As [`Judged::ndcg`].
    pub fn hit_at(&self, k: Option<usize>) -> Result<f64, NoValue> {
        let depth = self.depth_with_relevant(k)?;
        Ok(if self.hits(depth).next().is_some() { 1.0 } else { 0.0 })
    }

    /// The ranks of relevant items down to a depth.
    fn hits(&self, depth: usize) -> impl Iterator<Item = usize> {
        let ranked = self.ranked.iter().zip(1..).take(depth);
        ranked.filter(|(judgement, _)| **judgement > 0.0).map(|(_, rank)| rank)
    }

    fn depth_with_relevant(&self, k: Option<usize>) -> Result<usize, NoValue> {
        let depth = sound::depth(k)?;
        if self.relevant.is_empty() { Err(NoValue::Undefined("no item is relevant")) } else { Ok(depth) }
    }
}

/// The mean reciprocal rank of queries whose first relevant item is known by rank; 0: it was not found.
///
/// # Errors
/// [`NoValue::Undefined`] without queries.
pub fn mean_reciprocal_rank(first_relevant: &[u64]) -> Result<f64, NoValue> {
    let found = first_relevant.iter().filter(|rank| **rank > 0);
    let sum: Sum = found.map(|rank| 1.0 / *rank as f64).collect();
    sound::ratio(sum.value(), first_relevant.len() as f64, "there are no queries")
}

/// The NDCG of a candidate's list when the reference list is taken for the truth: of its K items the first is worth K,
/// the last 1; linear gain.
///
/// # Errors
/// [`NoValue::Undefined`] for an empty reference; [`NoValue::Invalid`] when a list names an item twice, and at a
/// cutoff of 0.
pub fn ndcg_vs_reference<T: Ord + Clone>(
    candidate: &[T],
    reference: &[T],
    k: Option<usize>,
) -> Result<f64, NoValue> {
    sound::all_distinct(reference, TWICE)?;
    let worths = (1..=reference.len()).rev().map(|worth| worth as f64);
    let judgements = reference.iter().cloned().zip(worths).collect();
    Judged::new(candidate, &judgements)?.ndcg(k, Gain::Linear)
}

impl Gain {
    pub(super) fn of(self, judgement: f64) -> f64 {
        match self {
            Self::Linear => judgement.max(0.0),
            Self::Exponential => judgement.max(0.0).exp2() - 1.0,
        }
    }
}

/// What a place is worth, by its rank from 1.
pub(super) fn discount(rank: usize) -> f64 {
    1.0 / (rank as f64 + 1.0).log2()
}

fn dcg(judgements: &[f64], depth: usize, gain: Gain) -> f64 {
    let places = judgements.iter().zip(1..).take(depth);
    places.map(|(judgement, rank)| gain.of(*judgement) * discount(rank)).collect::<Sum>().value()
}
