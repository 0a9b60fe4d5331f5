//! How good scores and probabilities are: ranking of two classes, likelihood, calibration, perplexity.
//!
//! Scores are ranked as they are, never put into buckets: two that differ in the last bit are not tied. Probabilities
//! of several classes come as rows that add up to 1.

mod binary;
mod calibration;
mod multiclass;
mod perplexity;

#[cfg(test)]
mod tests;

pub use binary::average_precision;
pub use binary::brier;
pub use binary::log_loss;
pub use binary::pr_auc_trapezoid;
pub use binary::roc_auc;
pub use calibration::Binning;
pub use calibration::Calibration;
pub use calibration::ReliabilityBin;
pub use calibration::calibration;
pub use multiclass::ClassAverage;
pub use multiclass::ClassProbabilities;
pub use multiclass::MultiClass;
pub use perplexity::LogBase;
pub use perplexity::corpus_perplexity;
pub use perplexity::perplexity;
