//! Precision, recall, F and specificity: ratios of one class against the others, and their averages over classes.

use std::slice;

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::classification::confusion::Confusion;
use crate::evaluate::classification::confusion::TWICE;
use crate::evaluate::classification::confusion::Tally;
use crate::evaluate::sound;

/// What is measured of each class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// The share of what was predicted to be of the class that is.
    Precision,
    /// The share of what is of the class that was found; also known as sensitivity.
    Recall,
    /// The weighted harmonic mean of both, recall counting `beta` times as much (van Rijsbergen 1979); `beta` is a
    /// finite number of at least 0, and 1 gives F1.
    F {
        /// The weight of recall.
        beta: f64,
    },
    /// The share of what is not of the class that was not taken for it.
    Specificity,
}

/// How the classes' values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average<'a, T> {
    /// That of one class against all others.
    Binary {
        /// The class.
        positive: &'a T,
    },
    /// The mean over all these classes, also those that never occurred: declare them, or the metric changes with
    /// the batch.
    Macro(&'a [T]),
    /// The value of these classes' counts, pooled.
    Micro(&'a [T]),
    /// The mean over these classes, each by the weight of its true examples.
    Weighted(&'a [T]),
}

/// What a ratio of 0/0 comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroDivision {
    /// To nothing: the metric is undefined.
    Undefined,
    /// To 0, as in scikit-learn, and the score is marked.
    Zero,
}

/// A value between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// The value.
    pub value: f64,
    /// Whether it rests on a ratio of 0/0 that counted as 0.
    pub ill_defined: bool,
}

impl<T: Ord + Clone> Confusion<T> {
    /// A measure, averaged over classes.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples, without classes to average over, and at 0/0 unless that counts as
    /// 0; [`NoValue::Invalid`] when a class is named twice or `beta` is out of range.
    pub fn score(
        &self,
        measure: Measure,
        average: Average<'_, T>,
        zero_division: ZeroDivision,
    ) -> Result<Score, NoValue> {
        self.some_examples()?;
        match average {
            Average::Binary { positive } => {
                measure.of(&self.tallies(slice::from_ref(positive)), zero_division)
            }
            Average::Macro(labels) => {
                let scores = self.scores(measure, labels, zero_division)?;
                mean(scores.into_iter().map(|score| (score, 1.0)), zero_division)
            }
            Average::Micro(labels) => measure.of(&self.declared(labels)?, zero_division),
            Average::Weighted(labels) => {
                let tallies = self.declared(labels)?;
                let occurring = tallies.iter().filter(|tally| tally.support() > 0.0);
                let weighed = |tally: &Tally| Ok((measure.of(&[*tally], zero_division)?, tally.support()));
                mean(occurring.map(weighed).collect::<Result<Vec<_>, _>>()?, zero_division)
            }
        }
    }

    /// A measure of each of these classes, in this order.
    ///
    /// # Errors
    /// As [`Confusion::score`]; one class at 0/0 leaves the whole list undefined unless that counts as 0.
    pub fn scores(
        &self,
        measure: Measure,
        labels: &[T],
        zero_division: ZeroDivision,
    ) -> Result<Vec<Score>, NoValue> {
        self.some_examples()?;
        self.declared(labels)?.into_iter().map(|tally| measure.of(&[tally], zero_division)).collect()
    }

    fn declared(&self, labels: &[T]) -> Result<Vec<Tally>, NoValue> {
        sound::all_distinct(labels, TWICE)?;
        if labels.is_empty() {
            return Err(NoValue::Undefined("there are no classes to average over"));
        }
        Ok(self.tallies(labels))
    }
}

impl Measure {
    /// The ratio of these classes' pooled counts.
    fn of(self, tallies: &[Tally], zero_division: ZeroDivision) -> Result<Score, NoValue> {
        let sum = |count: fn(&Tally) -> f64| tallies.iter().map(count).sum::<f64>();
        let (hits, false_alarms) = (sum(|tally| tally.hits), sum(|tally| tally.false_alarms));
        let (misses, rejections) = (sum(|tally| tally.misses), sum(|tally| tally.rejections));
        let (numerator, denominator, by_zero) = match self {
            Self::Precision => (hits, hits + false_alarms, "the class was never predicted"),
            Self::Recall => (hits, hits + misses, "the class never occurred"),
            Self::F { beta } => {
                let squared = beta * beta;
                if !(beta >= 0.0 && squared.is_finite()) {
                    return Err(NoValue::Invalid("beta is not a finite number of at least 0"));
                }
                let found = (1.0 + squared) * hits;
                (
                    found,
                    found + false_alarms + squared * misses,
                    "the class neither occurred nor was predicted",
                )
            }
            Self::Specificity => {
                (rejections, rejections + false_alarms, "nothing else than the class occurred")
            }
        };
        match (sound::ratio(numerator, denominator, by_zero), zero_division) {
            (Err(_), ZeroDivision::Zero) if denominator == 0.0 => Ok(Score { value: 0.0, ill_defined: true }),
            (value, _) => Ok(Score { value: value?, ill_defined: false }),
        }
    }
}

fn mean(
    weighed: impl IntoIterator<Item = (Score, f64)>,
    zero_division: ZeroDivision,
) -> Result<Score, NoValue> {
    let (mut sum, mut total, mut ill_defined) = (0.0, 0.0, false);
    for (score, weight) in weighed {
        sum += score.value * weight;
        total += weight;
        ill_defined |= score.ill_defined;
    }
    if total > 0.0 {
        return Ok(Score { value: sound::in_range(sum / total)?, ill_defined });
    }
    match zero_division {
        ZeroDivision::Zero => Ok(Score { value: 0.0, ill_defined: true }),
        ZeroDivision::Undefined => Err(NoValue::Undefined("none of the classes occurred")),
    }
}
