//! Agreement of raters beyond chance.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

const NO_RATINGS: NoValue = NoValue::Undefined("there are no ratings");
const ONE_VALUE: NoValue = NoValue::Undefined("all ratings are the same, so chance explains them");

/// How much a disagreement counts, by how many labels lie between, in sorted order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KappaWeights {
    /// Any counts alike.
    #[default]
    None,
    /// By the distance.
    Linear,
    /// By its square.
    Quadratic,
}

impl KappaWeights {
    fn weight(self, one: usize, other: usize) -> f64 {
        let distance = one.abs_diff(other) as f64;
        match self {
            Self::None => f64::from(u8::from(one != other)),
            Self::Linear => distance,
            Self::Quadratic => distance * distance,
        }
    }
}

/// What the values of ratings mean, and so how far two of them are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Names: equal or not.
    Nominal,
    /// An order: by how many ratings lie between.
    Ordinal,
    /// Amounts: by their difference.
    Interval,
    /// Amounts with a zero: by their difference over their sum.
    Ratio,
}

/// The share of items on which two raters agree.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] without items.
pub fn agreement_rate<L: Eq>(one: &[L], other: &[L]) -> Result<f64, NoValue> {
    sound::same_length(one.len(), other.len())?;
    let agreed = one.iter().zip(other).filter(|(one, other)| one == other).count();
    sound::ratio(agreed as f64, one.len() as f64, "there are no items")
}

/// Cohen's kappa (1960), weighted (1968): 1 minus the disagreement as a share of that expected from how often each
/// rater gives each label. Strings are compared byte by byte. Takes time in proportion to the items plus the square
/// of the number of labels.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] without items, and when both raters give one and
/// the same label throughout.
pub fn cohen_kappa<L: Ord>(one: &[L], other: &[L], weights: KappaWeights) -> Result<f64, NoValue> {
    sound::same_length(one.len(), other.len())?;
    if one.is_empty() {
        return Err(NO_RATINGS);
    }
    let mut labels: Vec<&L> = one.iter().chain(other).collect();
    labels.sort();
    labels.dedup();
    let rank = |label: &L| labels.partition_point(|known| *known < label);
    let (mut by_one, mut by_other) = (vec![0.0; labels.len()], vec![0.0; labels.len()]);
    let mut observed = 0.0;
    for (one, other) in one.iter().zip(other) {
        let (one, other) = (rank(one), rank(other));
        by_one[one] += 1.0;
        by_other[other] += 1.0;
        observed += weights.weight(one, other);
    }
    let mut expected = 0.0;
    for (one, count) in by_one.iter().enumerate() {
        for (other, also) in by_other.iter().enumerate() {
            expected += weights.weight(one, other) * count * also;
        }
    }
    if expected == 0.0 { Err(ONE_VALUE) } else { Ok(1.0 - observed * one.len() as f64 / expected) }
}

/// Fleiss's kappa (1971) from counts: a row for each item, with how many raters gave it each category.
///
/// # Errors
/// [`NoValue::Invalid`] when items have different numbers of raters or categories; [`NoValue::Undefined`] without
/// items, with fewer than two raters, and when all ratings are of one category.
pub fn fleiss_kappa(counts: &[Vec<u64>]) -> Result<f64, NoValue> {
    let Some(first) = counts.first() else { return Err(NO_RATINGS) };
    let raters: u64 = first.iter().sum();
    let mut by_category = vec![0_u64; first.len()];
    let mut agreeing = 0.0;
    for row in counts {
        sound::same_length(row.len(), first.len())?;
        if row.iter().sum::<u64>() != raters {
            return Err(NoValue::Invalid("the items have different numbers of raters"));
        }
        by_category.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        agreeing += row.iter().map(|count| *count as f64 * (*count as f64 - 1.0)).sum::<f64>();
    }
    if raters < 2 {
        return Err(NoValue::Undefined("there are fewer than two raters"));
    }
    let (items, raters) = (counts.len() as f64, raters as f64);
    let ratings = items * raters;
    if by_category.iter().any(|count| *count as f64 == ratings) {
        return Err(ONE_VALUE);
    }
    let observed = agreeing / (ratings * (raters - 1.0));
    let expected: f64 = by_category.iter().map(|count| (*count as f64 / ratings).powi(2)).sum();
    Ok((observed - expected) / (1.0 - expected))
}

/// Krippendorff's alpha (2011): a row for each rater, a column for each unit, `None` where a rating is missing. Units
/// with fewer than two ratings are left out. Takes time in proportion to units times the square of the raters plus
/// the square of the number of distinct values.
///
/// # Errors
/// [`NoValue::Invalid`] when rows differ in length or a rating is not finite; [`NoValue::Undefined`] when no unit has
/// two ratings or all ratings are the same.
pub fn krippendorff_alpha(ratings: &[Vec<Option<f64>>], level: Level) -> Result<f64, NoValue> {
    let units = ratings.first().map_or(0, Vec::len);
    for row in ratings {
        sound::same_length(row.len(), units)?;
        sound::all_finite(&row.iter().flatten().copied().collect::<Vec<_>>())?;
    }
    let of_unit = |unit| ratings.iter().filter_map(|row| row[unit]).collect::<Vec<f64>>();
    let pairable: Vec<Vec<f64>> = (0..units).map(of_unit).filter(|unit| unit.len() >= 2).collect();
    let scale = Scale::of(&pairable, level);
    let mut observed = 0.0;
    for unit in &pairable {
        let ranks: Vec<usize> = unit.iter().map(|value| scale.rank(*value)).collect();
        let pairs = ranks.iter().flat_map(|one| ranks.iter().map(|other| scale.distance(*one, *other)));
        observed += pairs.sum::<f64>() / (unit.len() - 1) as f64;
    }
    let expected = scale.expected();
    if pairable.is_empty() {
        Err(NO_RATINGS)
    } else if expected == 0.0 {
        Err(ONE_VALUE)
    } else {
        sound::in_range(1.0 - observed / expected)
    }
}

/// The distinct values of ratings, ascending, with how often each occurs.
struct Scale {
    level: Level,
    values: Vec<f64>,
    counts: Vec<f64>,
    /// How many ratings are below each value.
    below: Vec<f64>,
}

impl Scale {
    fn of(units: &[Vec<f64>], level: Level) -> Self {
        let mut ratings = units.concat();
        ratings.sort_by(|one, other| sound::ascending(*one, *other));
        let mut scale = Self { level, values: Vec::new(), counts: Vec::new(), below: Vec::new() };
        let mut passed = 0;
        for same in ratings.chunk_by(|one, other| one == other) {
            scale.values.push(same[0]);
            scale.counts.push(same.len() as f64);
            scale.below.push(passed as f64);
            passed += same.len();
        }
        scale
    }

    fn rank(&self, value: f64) -> usize {
        self.values.partition_point(|known| *known < value)
    }

    /// The squared difference of two values, by their ranks.
    fn distance(&self, one: usize, other: usize) -> f64 {
        let (lower, higher) = (one.min(other), one.max(other));
        let difference = self.values[higher] - self.values[lower];
        let distance = match self.level {
            _ if lower == higher => 0.0,
            Level::Nominal => 1.0,
            Level::Ordinal => {
                self.below[higher] - self.below[lower] + (self.counts[higher] - self.counts[lower]) / 2.0
            }
            Level::Interval => difference,
            Level::Ratio => match self.values[higher] + self.values[lower] {
                0.0 => 0.0,
                sum => difference / sum,
            },
        };
        distance * distance
    }

    /// The sum of distances over all pairs of ratings, whatever their units, on the scale of the observed sum.
    fn expected(&self) -> f64 {
        let mut sum = 0.0;
        for (one, count) in self.counts.iter().enumerate() {
            for (other, also) in self.counts.iter().enumerate() {
                sum += count * also * self.distance(one, other);
            }
        }
        sum / (self.counts.iter().sum::<f64>() - 1.0)
    }
}
