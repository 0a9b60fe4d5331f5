//! Measures: a metric with its options, fed with the JSON values that an answer, a request and its outcomes hold.
//!
//! The policy names a measure, the fold keeps what it needs of each [`Example`], and a report asks for its value. Where
//! a measure is a mean over examples each has a score of its own, which streams; the others are taken over a sample.

mod choice;
mod example;
mod json;
mod kind;
mod over;
mod pictures;
mod read;
mod score;

#[cfg(test)]
mod tests;

pub use choice::Choice;
pub use example::Example;
pub use example::FoundBox;
pub use example::Mark;
pub use example::TrueBox;
pub use kind::Average;
pub use kind::Better;
pub use kind::Kind;
pub use kind::Scale;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

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

impl Input {
    /// The key that the policy uses.
    pub fn key(self) -> &'static str {
        match self {
            Input::Prediction => "prediction",
            Input::Score => "score",
            Input::Truth => "truth",
            Input::Context => "context",
        }
    }
}

impl Measure {
    /// The measure of a kind, with no option.
    pub fn of(kind: Kind) -> Self {
        Self { kind, labels: Vec::new(), positive: None, average: None, k: None, beta: None, features: None }
    }

    /// On what scale one example's score lies, with these options.
    pub fn scale(&self) -> Scale {
        let is_of_one_class = self.labels.len() <= 2 || self.positive.is_some();
        match self.kind {
            // By one probability: the square of a distance of at most 1.
            Kind::Brier if is_of_one_class => Scale::Bounded { lower: 0.0, upper: 1.0 },
            kind => kind.scale(),
        }
    }

    /// The score of an answer that gave no prediction at all: the worst that a bounded measure has; `None`: the scale
    /// has no worst, and such an answer is left out and counted.
    pub fn worst(&self) -> Option<f64> {
        match (self.scale(), self.kind.better()) {
            (Scale::Binary, _) => Some(0.0),
            (Scale::Bounded { lower, .. }, Better::Higher) => Some(lower),
            (Scale::Bounded { upper, .. }, Better::Lower) => Some(upper),
            (Scale::Unbounded | Scale::Whole, _) => None,
        }
    }
}
