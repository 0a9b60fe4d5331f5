//! Moments of the errors of predicted numbers, streaming and mergeable, and the metrics that follow from them.

use crate::evaluate::NoValue;
use crate::evaluate::regression::moments::Moments;
use crate::evaluate::sound;
use crate::evaluate::sound::Weights;
use crate::evaluate::sum::Sum;

/// The least target that [`ZeroTarget::Epsilon`] divides by.
const LEAST_TARGET: f64 = f64::EPSILON;

/// What is kept of the examples seen: some sums, of constant size. Errors are predicted minus true.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Residuals {
    examples: u64,
    weight: Sum,
    absolute: Sum,
    squared: Sum,
    largest: f64,
    truth: Moments,
    error: Moments,
    relative: Relative,
}

/// What is kept for the relative errors.
#[derive(Debug, Clone, PartialEq, Default)]
struct Relative {
    zero_targets: u64,
    weight: Sum,
    to_truth: Sum,
    to_truth_or_epsilon: Sum,
    symmetric: Sum,
}

/// What a relative error of a true 0 comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroTarget {
    /// To nothing: the metric is undefined.
    Undefined,
    /// The example is left out.
    Skip,
    /// Targets below 2^-52 count as 2^-52, as in scikit-learn: one true 0 makes the metric astronomical.
    Epsilon,
}

impl Residuals {
    /// Takes in examples given as two lists; without weights each counts once.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] for numbers that are not finite, lengths that differ, weights that are negative.
    pub fn of(truth: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<Self, NoValue> {
        sound::same_length(truth.len(), predicted.len())?;
        let weights = Weights::of(weights, truth.len())?;
        let mut residuals = Self::default();
        for (index, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
            residuals.add_weighted(*truth, *predicted, weights.at(index))?;
        }
        Ok(residuals)
    }

    /// Takes in one example.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a number is not finite; nothing is taken in then.
    pub fn add(&mut self, truth: f64, predicted: f64) -> Result<(), NoValue> {
        self.add_weighted(truth, predicted, 1.0)
    }

    /// Takes in one example with a weight; one of weight 0 leaves no trace.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a number is not finite or the weight is negative; nothing is taken in then.
    pub fn add_weighted(&mut self, truth: f64, predicted: f64, weight: f64) -> Result<(), NoValue> {
        sound::all_finite(&[truth, predicted])?;
        sound::weight_is_sound(weight)?;
        if weight == 0.0 {
            return Ok(());
        }
        let error = predicted - truth;
        self.examples += 1;
        self.weight.add(weight);
        self.absolute.add(weight * error.abs());
        self.squared.add(weight * error * error);
        self.largest = self.largest.max(error.abs());
        self.truth.add(truth, weight);
        self.error.add(error, weight);
        self.relative.add(truth, predicted, weight);
        Ok(())
    }

    /// Adds the examples of another.
    pub fn merge(&mut self, other: &Self) {
        self.examples += other.examples;
        self.weight.merge(&other.weight);
        self.absolute.merge(&other.absolute);
        self.squared.merge(&other.squared);
        self.largest = self.largest.max(other.largest);
        self.truth.merge(&other.truth);
        self.error.merge(&other.error);
        self.relative.merge(&other.relative);
    }

    /// How many examples were taken in.
    pub fn examples(&self) -> u64 {
        self.examples
    }

    /// The mean absolute error, in the unit of the target.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples, as with every metric here, and where a value exceeds `f64`.
    pub fn mae(&self) -> Result<f64, NoValue> {
        self.mean(&self.absolute)
    }

    /// The mean squared error, in the unit of the target squared.
    ///
    /// # Errors
    /// As [`Residuals::mae`].
    pub fn mse(&self) -> Result<f64, NoValue> {
        self.mean(&self.squared)
    }

    /// The root of the mean squared error, in the unit of the target.
    ///
    /// # Errors
    /// As [`Residuals::mae`].
    pub fn rmse(&self) -> Result<f64, NoValue> {
        Ok(self.mse()?.sqrt())
    }

    /// The largest absolute error, in the unit of the target.
    ///
    /// # Errors
    /// As [`Residuals::mae`].
    pub fn max_error(&self) -> Result<f64, NoValue> {
        self.some_examples()?;
        sound::in_range(self.largest)
    }

    /// The coefficient of determination: 1 - squared errors / squared deviations of the truth from its mean. Below 0
    /// the mean would have done better. A constant truth gives 1 when every prediction hits it, otherwise 0.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] with less than two examples; otherwise as [`Residuals::mae`].
    pub fn r2(&self) -> Result<f64, NoValue> {
        self.some_examples()?;
        if self.examples < 2 {
            return Err(NoValue::Undefined("one example has no spread to explain"));
        }
        explained(self.squared.value(), self.truth.squares())
    }

    /// R2 that charges for the number of features: 1 - (1 - R2)(n - 1)/(n - features - 1) (Ezekiel 1930).
    ///
    /// # Errors
    /// [`NoValue::Undefined`] unless there are more than features + 1 examples; otherwise as [`Residuals::r2`].
    pub fn adjusted_r2(&self, features: u64) -> Result<f64, NoValue> {
        let r2 = self.r2()?;
        let free = self.examples.checked_sub(features.saturating_add(1)).filter(|free| *free > 0);
        let free = free.ok_or(NoValue::Undefined("there are not enough examples for so many features"))?;
        sound::in_range(1.0 - (1.0 - r2) * (self.examples - 1) as f64 / free as f64)
    }

    /// The share of the truth's variance that the predictions explain, whatever their constant bias: 1 - variance of
    /// the errors / variance of the truth. A constant truth gives 1 when the errors are constant too, otherwise 0.
    ///
    /// # Errors
    /// As [`Residuals::mae`].
    pub fn explained_variance(&self) -> Result<f64, NoValue> {
        self.some_examples()?;
        explained(self.error.squares(), self.truth.squares())
    }

    /// The mean absolute error relative to the truth, as a fraction.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] when a true 0 is to make it so, or when all were skipped; otherwise as
    /// [`Residuals::mae`].
    pub fn mape(&self, zero_target: ZeroTarget) -> Result<f64, NoValue> {
        self.some_examples()?;
        let Relative { zero_targets, weight, to_truth, to_truth_or_epsilon, .. } = &self.relative;
        match zero_target {
            ZeroTarget::Undefined if *zero_targets > 0 => Err(NoValue::Undefined("a true value is 0")),
            ZeroTarget::Undefined | ZeroTarget::Skip => {
                sound::ratio(to_truth.value(), weight.value(), "all true values are 0")
            }
            ZeroTarget::Epsilon => self.mean(to_truth_or_epsilon),
        }
    }

    /// The mean absolute error relative to the mean size of truth and prediction (Makridakis 1993), between 0 and 2;
    /// 0 where both are 0.
    ///
    /// # Errors
    /// As [`Residuals::mae`].
    pub fn smape(&self) -> Result<f64, NoValue> {
        self.mean(&self.relative.symmetric)
    }

    fn mean(&self, sum: &Sum) -> Result<f64, NoValue> {
        self.some_examples()?;
        sound::in_range(sum.value() / self.weight.value())
    }

    fn some_examples(&self) -> Result<(), NoValue> {
        if self.examples > 0 { Ok(()) } else { Err(NoValue::Undefined("there are no examples")) }
    }
}

impl Relative {
    fn add(&mut self, truth: f64, predicted: f64, weight: f64) {
        let error = (predicted - truth).abs();
        if truth == 0.0 {
            self.zero_targets += 1;
        } else {
            self.weight.add(weight);
            self.to_truth.add(weight * (error / truth.abs()));
        }
        self.to_truth_or_epsilon.add(weight * (error / truth.abs().max(LEAST_TARGET)));
        if error > 0.0 {
            // Relative to the larger of the two, since their sum may exceed the range, and their halves vanish.
            let larger = truth.abs().max(predicted.abs());
            let sizes = truth.abs() / larger + predicted.abs() / larger;
            self.symmetric.add(weight * (2.0 * (error / larger) / sizes));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.zero_targets += other.zero_targets;
        self.weight.merge(&other.weight);
        self.to_truth.merge(&other.to_truth);
        self.to_truth_or_epsilon.merge(&other.to_truth_or_epsilon);
        self.symmetric.merge(&other.symmetric);
    }
}

/// 1 - unexplained / all; where there is nothing to explain 1, or 0 when something was left unexplained.
fn explained(unexplained: f64, all: f64) -> Result<f64, NoValue> {
    let (unexplained, all) = (sound::in_range(unexplained)?, sound::in_range(all)?);
    match (unexplained == 0.0, all == 0.0) {
        (true, true) => Ok(1.0),
        (false, true) => Ok(0.0),
        (_, false) => sound::in_range(1.0 - unexplained / all),
    }
}
