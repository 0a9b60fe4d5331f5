//! Several classes: a row of probabilities for each example, held against the class that it truly is of.

use crate::evaluate::NoValue;
use crate::evaluate::probabilistic::binary::average_precision;
use crate::evaluate::probabilistic::binary::roc_auc;
use crate::evaluate::probabilistic::binary::surprise;
use crate::evaluate::probabilistic::binary::weighted_mean;
use crate::evaluate::sound;

/// By how much a row of probabilities may miss 1.
const ROW_TOLERANCE: f64 = 1e-6;

/// Rows of probabilities with the true classes, found sound.
#[derive(Debug, Clone, Copy)]
pub struct ClassProbabilities<'a> {
    truth: &'a [usize],
    rows: &'a [Vec<f64>],
    classes: usize,
}

/// How a ranking of two classes is made into one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiClass {
    /// Each class against all others.
    OneVsRest,
    /// Each pair of classes, on the examples of the two, in both directions (Hand and Till 2001).
    OneVsOne,
}

/// How the classes', or the pairs', values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassAverage {
    /// Each counts once.
    Macro,
    /// Each by its share of the examples; a pair by that of the two classes together.
    Weighted,
}

impl<'a> ClassProbabilities<'a> {
    /// Takes the true classes as numbers of columns, and one row of probabilities an example.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when lengths differ, a true class has no column, or a row is no distribution: a number
    /// outside [0, 1], or a sum that misses 1 by more than 1e-6.
    pub fn new(classes: usize, truth: &'a [usize], rows: &'a [Vec<f64>]) -> Result<Self, NoValue> {
        sound::same_length(truth.len(), rows.len())?;
        if truth.iter().any(|class| *class >= classes) {
            return Err(NoValue::Invalid("a true class has no column"));
        }
        for row in rows {
            sound::same_length(row.len(), classes)?;
            sound::all_probabilities(row)?;
            if (row.iter().sum::<f64>() - 1.0).abs() > ROW_TOLERANCE {
                return Err(NoValue::Invalid("a row of probabilities does not add up to 1"));
            }
        }
        Ok(Self { truth, rows, classes })
    }

    /// The area under the ROC curve, averaged over classes or pairs.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when there are less than two classes or one of them does not occur; weights as
    /// [`roc_auc`].
    pub fn roc_auc(
        &self,
        by: MultiClass,
        average: ClassAverage,
        weights: Option<&[f64]>,
    ) -> Result<f64, NoValue> {
        let prevalence = self.prevalence(weights)?;
        let values: Vec<(f64, f64)> = match by {
            MultiClass::OneVsRest => {
                let one = |class| {
                    let (truth, scores) = self.against_rest(class);
                    Ok((roc_auc(&truth, &scores, weights)?, prevalence[class]))
                };
                (0..self.classes).map(one).collect::<Result<_, _>>()?
            }
            MultiClass::OneVsOne => {
                let pairs = (0..self.classes).flat_map(|one| (0..one).map(move |other| (one, other)));
                let both = |(one, other): (usize, usize)| {
                    let sum = self.auc_of(one, other, weights)? + self.auc_of(other, one, weights)?;
                    Ok((sum / 2.0, prevalence[one] + prevalence[other]))
                };
                pairs.map(both).collect::<Result<_, _>>()?
            }
        };
        averaged(&values, average)
    }

    /// The average precision of each class against all others, averaged.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when a class does not occur; weights as [`roc_auc`].
    pub fn average_precision(&self, average: ClassAverage, weights: Option<&[f64]>) -> Result<f64, NoValue> {
        let prevalence = self.prevalence(weights)?;
        let one = |class| {
            let (truth, scores) = self.against_rest(class);
            Ok((average_precision(&truth, &scores, weights)?, prevalence[class]))
        };
        averaged(&(0..self.classes).map(one).collect::<Result<Vec<_>, _>>()?, average)
    }

    /// The mean negative natural logarithm of the probability given to the true class, in nats; clipped to
    /// [2^-52, 1 - 2^-52].
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples; weights as [`roc_auc`].
    pub fn log_loss(&self, weights: Option<&[f64]>) -> Result<f64, NoValue> {
        weighted_mean(self.truth.iter().zip(self.rows).map(|(class, row)| surprise(row[*class])), weights)
    }

    /// The mean, over examples, of the squared distances summed over classes (Brier 1950): between 0 and 2, twice the
    /// figure for two classes by one probability.
    ///
    /// # Errors
    /// As [`ClassProbabilities::log_loss`].
    pub fn brier(&self, weights: Option<&[f64]>) -> Result<f64, NoValue> {
        let distance = |(class, row): (&usize, &Vec<f64>)| {
            let happened = |at| f64::from(at == *class);
            row.iter().enumerate().map(|(at, probability)| (probability - happened(at)).powi(2)).sum()
        };
        weighted_mean(self.truth.iter().zip(self.rows).map(distance), weights)
    }

    /// The confidence in each example's likeliest class, the first of several, and whether it was right: what
    /// [`calibration`](crate::evaluate::probabilistic::calibration) takes.
    pub fn top_class(&self) -> (Vec<f64>, Vec<bool>) {
        let top = |(class, row): (&usize, &Vec<f64>)| {
            let (mut best, mut confidence) = (0, 0.0);
            for (at, probability) in row.iter().enumerate() {
                if *probability > confidence {
                    (best, confidence) = (at, *probability);
                }
            }
            (confidence, best == *class)
        };
        self.truth.iter().zip(self.rows).map(top).unzip()
    }

    /// Whether each example is of the class, and its probability of it.
    fn against_rest(&self, class: usize) -> (Vec<bool>, Vec<f64>) {
        let of_class = |(truth, row): (&usize, &Vec<f64>)| (*truth == class, row[class]);
        self.truth.iter().zip(self.rows).map(of_class).unzip()
    }

    /// How well the first class's probability tells the two classes apart, on the examples of the two.
    fn auc_of(&self, class: usize, other: usize, weights: Option<&[f64]>) -> Result<f64, NoValue> {
        let of_pair = |at: &usize| self.truth[*at] == class || self.truth[*at] == other;
        let examples: Vec<usize> = (0..self.truth.len()).filter(of_pair).collect();
        let truth: Vec<bool> = examples.iter().map(|at| self.truth[*at] == class).collect();
        let scores: Vec<f64> = examples.iter().map(|at| self.rows[*at][class]).collect();
        let weights: Option<Vec<f64>> =
            weights.map(|weights| examples.iter().map(|at| weights[*at]).collect());
        roc_auc(&truth, &scores, weights.as_deref())
    }

    /// The share of the examples that each class has.
    fn prevalence(&self, weights: Option<&[f64]>) -> Result<Vec<f64>, NoValue> {
        let share = |class| weighted_mean(self.truth.iter().map(|truth| f64::from(*truth == class)), weights);
        (0..self.classes).map(share).collect()
    }
}

fn averaged(values: &[(f64, f64)], average: ClassAverage) -> Result<f64, NoValue> {
    let weight = |weight: f64| match average {
        ClassAverage::Macro => 1.0,
        ClassAverage::Weighted => weight,
    };
    let sum: f64 = values.iter().map(|(value, share)| value * weight(*share)).sum();
    let total: f64 = values.iter().map(|(_, share)| weight(*share)).sum();
    sound::ratio(sum, total, "there are less than two classes")
}
