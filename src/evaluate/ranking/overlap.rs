//! How much two ranked lists have in common, whatever is relevant.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::evaluate::NoValue;
use crate::evaluate::ranking::TWICE;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// The share of k that the first k places of both lists have in common.
///
/// # Errors
/// [`NoValue::Undefined`] when both lists are empty; [`NoValue::Invalid`] when one names an item twice, and for a k
/// of 0.
pub fn overlap_at<T: Ord>(one: &[T], other: &[T], k: usize) -> Result<f64, NoValue> {
    let Shared { both, .. } = Shared::at(one, other, k)?;
    Ok(both as f64 / k as f64)
}

/// The items that the first k places of both lists have in common, over those that either has (Jaccard 1912).
///
/// # Errors
/// As [`overlap_at`].
pub fn jaccard_at<T: Ord>(one: &[T], other: &[T], k: usize) -> Result<f64, NoValue> {
    let Shared { both, either } = Shared::at(one, other, k)?;
    Ok(both as f64 / either as f64)
}

/// Rank-biased overlap, extrapolated from what is seen of both lists, which may differ in length (Webber, Moffat and
/// Zobel 2010, equation 32). Between 0 and 1; the persistence p, between 0 and 1, is the chance that a reader goes on
/// from one rank to the next.
///
/// # Errors
/// [`NoValue::Undefined`] when a list is empty; [`NoValue::Invalid`] when one names an item twice, or p is not
/// strictly between 0 and 1.
pub fn rbo_ext<T: Ord>(one: &[T], other: &[T], p: f64) -> Result<f64, NoValue> {
    if !(p > 0.0 && p < 1.0) {
        return Err(NoValue::Invalid("the persistence is not between 0 and 1"));
    }
    sound::all_distinct(one, TWICE)?;
    sound::all_distinct(other, TWICE)?;
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short.is_empty() {
        return Err(NoValue::Undefined("a list is empty"));
    }
    let common = common_by_depth(short, long);
    let (seen_short, seen_long) = (common[short.len() - 1], common[long.len() - 1]);
    let (short, long) = (short.len() as f64, long.len() as f64);
    let (mut sum, mut power) = (Sum::default(), 1.0);
    for (common, depth) in common.iter().zip(1..) {
        let depth = f64::from(depth);
        // p^depth / p, so that the factor (1 - p)/p in front becomes 1 - p.
        sum.add(common / depth * power);
        if depth > short {
            sum.add(seen_short * (depth - short) / (short * depth) * power);
        }
        power *= p;
    }
    Ok((1.0 - p) * sum.value() + ((seen_long - seen_short) / long + seen_short / short) * power)
}

/// How many items the lists have in common down to each depth of the longer one.
fn common_by_depth<T: Ord>(short: &[T], long: &[T]) -> Vec<f64> {
    let places: BTreeMap<&T, usize> = short.iter().zip(0..).collect();
    let mut new_at = vec![0_u32; long.len()];
    for (place, item) in long.iter().enumerate() {
        if let Some(other) = places.get(item) {
            new_at[place.max(*other)] += 1;
        }
    }
    let running = new_at.into_iter().scan(0, |common, new| {
        *common += new;
        Some(f64::from(*common))
    });
    running.collect()
}

/// The numbers of items in the first places of two lists.
struct Shared {
    both: usize,
    either: usize,
}

impl Shared {
    fn at<T: Ord>(one: &[T], other: &[T], k: usize) -> Result<Self, NoValue> {
        let depth = sound::depth(Some(k))?;
        sound::all_distinct(one, TWICE)?;
        sound::all_distinct(other, TWICE)?;
        let (one, other) = (&one[..depth.min(one.len())], &other[..depth.min(other.len())]);
        let items: BTreeSet<&T> = one.iter().collect();
        let both = other.iter().filter(|item| items.contains(item)).count();
        let either = one.len() + other.len() - both;
        if either == 0 { Err(NoValue::Undefined("both lists are empty")) } else { Ok(Self { both, either }) }
    }
}
