//! Analysis: one fold over records and outcomes, the same live and from the log.
//!
//! Live it is a sink of the writer; offline it reads lines back; both end in the same figures, because neither looks
//! at anything but the records. Only requests that take part in the comparison count: enrolled, not forced, not sent
//! before. What is remembered for later joins is bounded. When the policy changes what makes evidence comparable,
//! the figures of that experiment begin anew.

mod accord;
mod ballot;
mod bootstrap;
mod breach;
mod buckets;
mod effect;
mod evidence;
mod figures;
mod flat;
mod gauges;
mod health;
mod histogram;
mod join;
mod judged;
mod latency;
mod learnt;
mod ledger;
mod measured;
mod merge;
mod noise;
mod observe;
mod opinion;
mod pairs;
mod panel;
mod quality;
mod sentence;
mod snapshot;
mod spending;
mod stages;
mod standing;
mod stratum;
mod study;
mod summary;
mod tally;
mod track;
mod units;
mod verdict;
mod watch;
pub mod whatif;

#[cfg(test)]
mod tests;

pub use accord::AccordSummary;
pub use accord::CorrectedSummary;
pub use bootstrap::MetricDifference;
pub use breach::Breach;
pub use effect::Basis;
pub use effect::EffectScale;
pub use figures::EffectSummary;
pub use figures::GuardrailSummary;
pub use flat::FlatVerdict;
pub use health::Health;
pub use histogram::Bar;
pub use judged::JudgeSummary;
pub use measured::CallQuality;
pub use measured::ClassCount;
pub use measured::MetricSummary;
pub use noise::FieldSummary;
pub use noise::PathSummary;
pub use noise::PathVerdict;
pub use noise::PathsSummary;
pub use opinion::Copies;
pub use opinion::Opinion;
pub use panel::PanelSummary;
pub use panel::ReviewerSummary;
pub use sentence::grouped;
pub use sentence::significant;
pub use sentence::span;
pub use snapshot::Kept;
pub use spending::Estimate;
pub use spending::SpendingSummary;
pub use spending::SuccessSummary;
pub use stages::FigureCounts;
pub use stages::StageArmSummary;
pub use stages::StageSummary;
pub use standing::Standing;
pub use study::LeftOut;
pub use summary::AgreementSummary;
pub use summary::ArmSummary;
pub use summary::CallSummary;
pub use summary::ExperimentSummary;
pub use summary::InterleavingSummary;
pub use summary::LossSummary;
pub use summary::OutcomeSummary;
pub use summary::PairedSummary;
pub use summary::Quantiles;
pub use summary::TrackSummary;
pub use summary::VoteSummary;
pub use track::Look;
pub use verdict::Remaining;
pub use verdict::State;
pub use verdict::Verdict;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use indexmap::IndexMap;

use crate::analysis::study::Judged;
use crate::analysis::study::Study;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::JudgementRecord;
use crate::record::Line;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Sink;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::RequestId;

/// What is known of every experiment so far.
#[derive(Debug, Default)]
pub struct Analysis {
    origin: String,
    studies: IndexMap<ExperimentName, Study>,
    metrics: Option<Arc<Metrics>>,
}

impl Analysis {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows nothing yet, and will count answers that are held against a label in the metrics.
    pub fn counting(metrics: Arc<Metrics>) -> Self {
        Self { metrics: Some(metrics), ..Self::default() }
    }

    /// Takes in one line of the log.
    pub fn fold(&mut self, line: &Line) {
        match line {
            Line::Design(record) => self.fold_design(record),
            Line::Pair(record) => self.fold_pair(record),
            Line::Outcome(record) => self.fold_outcome(record),
            Line::Judgement(record) => self.fold_judgement(record),
            // Its pair follows, or a gap that tells of it.
            Line::Answered(_) => {}
            Line::Gap(gap) => self.fold_gap(gap),
        }
    }

    /// Waits no longer for what a request's outcomes may be: for readers that fold the requests of one log into many
    /// analyses, and bound what all of them hold together.
    pub fn forget(&mut self, experiment: &ExperimentName, request: RequestId) {
        if let Some(study) = self.studies.get_mut(experiment) {
            study.join.forget(request);
        }
    }

    /// What is known of one experiment; `None` before its first record.
    pub fn summary(&self, experiment: &str) -> Option<ExperimentSummary> {
        let (name, study) = self.studies.iter().find(|(name, _)| name.as_str() == experiment)?;
        study.summary(name)
    }

    /// What is known of each experiment, in the order of their first records.
    pub fn summaries(&self) -> impl Iterator<Item = ExperimentSummary> {
        self.studies.iter().filter_map(|(name, study)| study.summary(name))
    }

    /// [`Analysis::summaries`] with what takes too long to be computed live: intervals of metrics of many answers
    /// together, by a bootstrap that takes up to seconds a metric, and curves of calibration.
    pub fn detailed_summaries(&self) -> impl Iterator<Item = ExperimentSummary> {
        self.studies.iter().filter_map(|(name, study)| study.detailed_summary(name))
    }

    fn fold_design(&mut self, record: &DesignRecord) {
        self.study(&record.experiment).fold_design(record);
    }

    fn fold_pair(&mut self, record: &PairedRecord) {
        let judged = self.study(&record.experiment).fold_pair(record);
        self.count(&record.experiment, &judged);
    }

    fn fold_outcome(&mut self, record: &OutcomeRecord) {
        let judged = self.study(&record.experiment).fold_outcome(record);
        self.count(&record.experiment, &judged);
    }

    fn fold_judgement(&mut self, record: &JudgementRecord) {
        self.study(&record.experiment).fold_judgement(record);
    }

    fn fold_gap(&mut self, gap: &Gap) {
        self.study(&gap.experiment).fold_gap(gap);
    }

    fn study(&mut self, experiment: &ExperimentName) -> &mut Study {
        if !self.studies.contains_key(experiment) {
            self.studies.insert(experiment.clone(), Study::default());
        }
        &mut self.studies[experiment]
    }

    fn count(&self, experiment: &ExperimentName, judged: &[Judged]) {
        let Some(metrics) = &self.metrics else { return };
        for Judged { metric, arm, role, right } in judged {
            let result = if *right { "right" } else { "wrong" };
            let labels = [experiment.as_str(), arm.as_str(), role.as_str(), metric.as_str(), result];
            metrics.labelled.with_label_values(&labels).inc();
        }
    }
}

impl Sink for Arc<Mutex<Analysis>> {
    fn design(&mut self, record: &DesignRecord) {
        lock(self).fold_design(record);
    }

    fn pair(&mut self, _raw: &Pair, record: &PairedRecord) {
        lock(self).fold_pair(record);
    }

    fn outcome(&mut self, record: &OutcomeRecord) {
        lock(self).fold_outcome(record);
    }

    fn judgement(&mut self, record: &JudgementRecord) {
        lock(self).fold_judgement(record);
    }

    fn gap(&mut self, gap: &Gap) {
        lock(self).fold_gap(gap);
    }
}

/// A panic while the lock was held has left one record half counted, which is better than counting none any more.
fn lock(analysis: &Mutex<Analysis>) -> MutexGuard<'_, Analysis> {
    analysis.lock().unwrap_or_else(PoisonError::into_inner)
}
