//! What the log lacks, until the log itself says so.
//!
//! A loss is counted in the metrics at once and kept here until a gap record that tells of it is on the disk.

use std::collections::BTreeMap;

use crate::record::Gap;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// Losses that no gap record tells of yet.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<(ExperimentName, LineKind, LossReason), Span>);

#[derive(Debug)]
struct Span {
    lost: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Losses {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts records as lost.
    pub(super) fn add(&mut self, metrics: &Metrics, what: (ExperimentName, LineKind, LossReason), lost: u64) {
        let (experiment, of, reason) = &what;
        metrics
            .records_lost
            .with_label_values(&[experiment.as_str(), of.as_str(), reason.as_str()])
            .inc_by(lost);
        let now = Timestamp::from(std::time::SystemTime::now());
        let span = self.0.entry(what).or_insert(Span { lost: 0, since: now, until: now });
        span.lost += lost;
        span.until = now;
    }

    /// The gap records to be written.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |((experiment, of, reason), span): (&(ExperimentName, LineKind, LossReason), &Span)| Gap {
            experiment: experiment.clone(),
            of: *of,
            lost: span.lost,
            reason: *reason,
            since: span.since,
            until: span.until,
        };
        self.0.iter().map(gap).collect()
    }

    /// Forgets what these gap records tell of; what was lost since they were made stays to be told.
    pub(super) fn told(&mut self, gaps: &[Gap]) {
        for gap in gaps {
            let what = (gap.experiment.clone(), gap.of, gap.reason);
            if let Some(span) = self.0.get_mut(&what) {
                span.lost -= gap.lost;
                span.since = gap.until;
            }
        }
        self.0.retain(|_, span| span.lost > 0);
    }
}
