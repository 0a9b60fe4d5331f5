//! Reports: everything that the analysis knows of the experiments in a log, read back from files alone.
//!
//! One pass over the log, whatever its length: figures are folded, slices too, and of single requests only the few
//! that a page shows are kept. A line that cannot be read is counted and passed over, for the rest of the log is worth
//! no less.

mod collect;
mod html;
mod lines;
mod slices;
mod state;
mod tables;
mod text;
mod words;
mod worst;

#[cfg(test)]
mod tests;

pub use collect::Part;
pub use collect::Partial;
pub use collect::Progress;
pub use collect::ReportError;
pub use collect::collect;
pub use html::as_html;
pub use lines::LineCounts;
pub use slices::Slice;
pub use slices::SliceDifference;
pub use slices::SliceField;
pub use slices::SliceFieldError;
pub use slices::SliceSummary;
pub use slices::Slices;
pub use state::StateError;
pub use text::as_text;
pub use worst::Answered;
pub use worst::Asked;
pub use worst::Disagreement;
pub use worst::Excerpt;

use serde::Serialize;

use crate::analysis::ExperimentSummary;
use crate::vocab::ExperimentName;

/// What a report is to hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Only these experiments; empty: all.
    pub experiments: Vec<ExperimentName>,
    /// Slices by each of these fields.
    pub slices: Vec<SliceField>,
}

/// Everything that a log tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version that made it.
    pub version: &'static str,
    /// The directories and files that were read, as they were named.
    pub sources: Vec<String>,
    /// What was read.
    pub lines: LineCounts,
    /// The experiments, in the order of their first records.
    pub experiments: Vec<ExperimentReport>,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// Its figures, as the admin API tells them live.
    pub summary: ExperimentSummary,
    /// The same by parts of the traffic, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slices>,
    /// The pairs whose answers disagree most, the worst first.
    pub worst: Vec<Disagreement>,
}

impl Wanted {
    /// Whether an experiment is wanted.
    pub fn holds(&self, experiment: &ExperimentName) -> bool {
        self.experiments.is_empty() || self.experiments.contains(experiment)
    }
}
