//! Whether two orders agree: rank correlations.

use std::collections::BTreeMap;

use crate::evaluate::NoValue;
use crate::evaluate::ranking::TWICE;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

const CONSTANT: NoValue = NoValue::Undefined("one side is constant");

/// Kendall's tau of the items that both lists name, from -1 to 1.
///
/// # Errors
/// [`NoValue::Undefined`] with less than two items in common; [`NoValue::Invalid`] when a list names an item twice.
pub fn kendall_tau_ranked<T: Ord>(one: &[T], other: &[T]) -> Result<f64, NoValue> {
    sound::all_distinct(one, TWICE)?;
    sound::all_distinct(other, TWICE)?;
    let places: BTreeMap<&T, usize> = one.iter().zip(0..).collect();
    let places_in_one: Vec<f64> =
        other.iter().filter_map(|item| places.get(item)).map(|at| *at as f64).collect();
    if places_in_one.len() < 2 {
        return Err(NoValue::Undefined("the lists have less than two items in common"));
    }
    let places_in_other: Vec<f64> = (0..places_in_one.len()).map(|at| at as f64).collect();
    kendall_tau_b(&places_in_one, &places_in_other)
}

/// Kendall's tau-b: pairs that agree in order minus those that do not, over what is left when ties are set aside
/// (Kendall 1945). O(n log n), by counting the exchanges of a merge sort (Knight 1966).
///
/// # Errors
/// [`NoValue::Undefined`] with less than two pairs of numbers, or when one side is constant; [`NoValue::Invalid`] for
/// numbers that are not finite and lengths that differ.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Result<f64, NoValue> {
    let mut points = points_of(x, y)?;
    points.sort_by(|one, other| sound::ascending(one.0, other.0).then(sound::ascending(one.1, other.1)));
    let tied_in_x = tied_pairs(&points, |one, other| one.0 == other.0);
    let tied_in_both = tied_pairs(&points, |one, other| one == other);
    let mut second: Vec<f64> = points.into_iter().map(|(_, y)| y).collect();
    let discordant = sort_counting_exchanges(&mut second);
    let tied_in_y = tied_pairs(&second, |one, other| one == other);
    let n = second.len() as u64;
    let all = n * (n - 1) / 2;
    let (free_in_x, free_in_y) = (all - tied_in_x, all - tied_in_y);
    if free_in_x == 0 || free_in_y == 0 {
        return Err(CONSTANT);
    }
    let untied = all - tied_in_x - (tied_in_y - tied_in_both);
    let agreement = (untied - discordant) as f64 - discordant as f64;
    Ok((agreement / (free_in_x as f64).sqrt() / (free_in_y as f64).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's rho: the correlation of the ranks, tied numbers sharing their average rank (Spearman 1904).
///
/// # Errors
/// As [`kendall_tau_b`].
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64, NoValue> {
    let points = points_of(x, y)?;
    let mean = (points.len() + 1) as f64 / 2.0;
    let centred = |side: &[f64]| -> Vec<f64> { ranks(side).into_iter().map(|rank| rank - mean).collect() };
    let (x, y) = (centred(x), centred(y));
    let sum_of_products = |one: &[f64], other: &[f64]| -> f64 {
        one.iter().zip(other).map(|(a, b)| a * b).collect::<Sum>().value()
    };
    let (spread_x, spread_y) = (sum_of_products(&x, &x), sum_of_products(&y, &y));
    if spread_x == 0.0 || spread_y == 0.0 {
        return Err(CONSTANT);
    }
    Ok((sum_of_products(&x, &y) / spread_x.sqrt() / spread_y.sqrt()).clamp(-1.0, 1.0))
}

fn points_of(x: &[f64], y: &[f64]) -> Result<Vec<(f64, f64)>, NoValue> {
    sound::same_length(x.len(), y.len())?;
    sound::all_finite(x)?;
    sound::all_finite(y)?;
    if x.len() < 2 {
        return Err(NoValue::Undefined("there are less than two pairs of numbers"));
    }
    Ok(x.iter().copied().zip(y.iter().copied()).collect())
}

/// The pairs within runs of equal elements.
fn tied_pairs<P>(sorted: &[P], equal: impl FnMut(&P, &P) -> bool) -> u64 {
    sorted.chunk_by(equal).map(|run| run.len() as u64 * (run.len() as u64 - 1) / 2).sum()
}

/// Sorts, and counts the pairs that stood in strictly falling order.
fn sort_counting_exchanges(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut exchanges = sort_counting_exchanges(left) + sort_counting_exchanges(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut first, mut second) = (0, 0);
    while first < left.len() && second < right.len() {
        if left[first] <= right[second] {
            merged.push(left[first]);
            first += 1;
        } else {
            merged.push(right[second]);
            second += 1;
            exchanges += (left.len() - first) as u64;
        }
    }
    merged.extend_from_slice(&left[first..]);
    merged.extend_from_slice(&right[second..]);
    values.copy_from_slice(&merged);
    exchanges
}

/// The ranks from 1, equal numbers sharing the average of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| sound::ascending(values[*one], values[*other]));
    let (mut ranks, mut before) = (vec![0.0; values.len()], 0);
    for tied in order.chunk_by(|one, other| values[*one] == values[*other]) {
        let average = before as f64 + (tied.len() + 1) as f64 / 2.0;
        tied.iter().for_each(|at| ranks[*at] = average);
        before += tied.len();
    }
    ranks
}
