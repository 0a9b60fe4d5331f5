//! The metrics by which models are measured: classes, probabilities, numbers, clusters, ranked lists, texts, times to
//! an event, pictures, generated answers and their sources.
//!
//! Pure: typed data in, a number out. What has no value is [`NoValue`] with its reason, never 0 or NaN; data that
//! cannot be right (NaN, lengths that differ) is refused with a reason of its own. Conventions follow the libraries
//! that practitioners hold their numbers against, and each function says where it departs from them.

pub mod agreement;
pub mod classification;
pub mod clustering;
pub mod generation;
pub mod measure;
pub mod probabilistic;
pub mod ranking;
pub mod regression;
mod sound;
mod sum;
pub mod survival;
pub mod text;
pub mod vision;

use serde::Serialize;

/// Why a metric has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoValue {
    /// The data is sound, and the metric is not defined on it.
    #[error("undefined: {0}")]
    Undefined(&'static str),
    /// The data or an option cannot be right.
    #[error("invalid: {0}")]
    Invalid(&'static str),
}
