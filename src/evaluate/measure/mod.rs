//! Measures: a metric with its options, fed with the JSON values that an answer, a request and its outcomes hold.
//!
//! The policy names a measure, the fold keeps what it needs of each [`Example`], and a report asks for its value. Where
//! a measure is a mean over examples each has a score of its own, which streams; the others are taken over a sample.

mod choice;
mod kind;

pub use choice::Choice;
pub use kind::Average;
pub use kind::Better;
pub use kind::Kind;
pub use kind::Scale;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::evaluate::NoValue;

/// A metric with its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Which metric.
    pub kind: Kind,
    /// The classes; they are declared because the value would change with what a batch happens to hold. Empty: those seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The class that counts as positive; absent: `1`, `true` or `yes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// How classes are averaged; absent: binary with a positive class, else macro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<Average>,
    /// How many items from the top count; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<usize>,
    /// F-beta's weight of recall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// How many features a regression has, for adjusted R2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<usize>,
}

/// The JSON values of one request that a measure may need.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'v> {
    /// What the model answered: a class, a number, a list of ids, a text, boxes.
    pub prediction: Option<&'v Value>,
    /// How sure it is: a probability, a list of them in the order of the labels, log-probabilities of tokens.
    pub score: Option<&'v Value>,
    /// What was true.
    pub truth: Option<&'v Value>,
    /// What else counts: retrieved passages, a point's features.
    pub context: Option<&'v Value>,
}

/// One of the values that a measure may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// [`Inputs::prediction`].
    Prediction,
    /// [`Inputs::score`].
    Score,
    /// [`Inputs::truth`].
    Truth,
    /// [`Inputs::context`].
    Context,
}

/// One request as a measure sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Example {
    /// A class and the true one.
    Classes {
        /// What the model said.
        predicted: String,
        /// What was true.
        truth: String,
    },
}

impl Example {
    /// What it holds in memory, in bytes, roughly.
    pub fn held_bytes(&self) -> usize {
        64 + match self {
            Example::Classes { predicted, truth } => predicted.len() + truth.len(),
        }
    }
}

impl Measure {
    /// The measure of a kind, with no option.
    pub fn of(kind: Kind) -> Self {
        Self { kind, labels: Vec::new(), positive: None, average: None, k: None, beta: None, features: None }
    }

    /// Reads one request's values.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when a value is missing or of the wrong shape.
    pub fn example(&self, inputs: Inputs<'_>) -> Result<Example, NoValue> {
        let class = |value: Option<&Value>| value.and_then(crate::protocol::class_text);
        let predicted = class(inputs.prediction).ok_or(NoValue::Invalid("the prediction is no class"))?;
        let truth = class(inputs.truth).ok_or(NoValue::Invalid("the truth is no class"))?;
        Ok(Example::Classes { predicted, truth })
    }

    /// One example's own score, where the measure is a mean of such scores; within [`Kind::scale`].
    ///
    /// # Errors
    /// Where the example has none, or the measure is defined over many examples only.
    pub fn score(&self, example: &Example) -> Result<f64, NoValue> {
        match (self.kind, example) {
            (Kind::Accuracy, Example::Classes { predicted, truth }) => {
                Ok(f64::from(u8::from(predicted == truth)))
            }
            _ => Err(NoValue::Undefined("this measure has no score for one example")),
        }
    }

    /// The value over examples with how often each counts, a whole number or not.
    ///
    /// # Errors
    /// Where it is undefined, and for examples of another shape than the measure's.
    pub fn over(&self, examples: &[(&Example, f64)]) -> Result<f64, NoValue> {
        let mut sums = (0.0, 0.0);
        for (example, weight) in examples {
            sums = (sums.0 + weight * self.score(example)?, sums.1 + weight);
        }
        if sums.1 == 0.0 { Err(NoValue::Undefined("there is no example")) } else { Ok(sums.0 / sums.1) }
    }

    /// The score of an answer that gave no prediction at all: the worst that a bounded measure has; `None`: the scale
    /// has no worst, and such an answer is left out and counted.
    pub fn worst(&self) -> Option<f64> {
        match (self.kind.scale(), self.kind.better()) {
            (Scale::Binary, _) => Some(0.0),
            (Scale::Bounded { lower, .. }, Better::Higher) => Some(lower),
            (Scale::Bounded { upper, .. }, Better::Lower) => Some(upper),
            (Scale::Unbounded | Scale::Whole, _) => None,
        }
    }
}
