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
pub(super) struct Losses {
    counted: BTreeMap<(ExperimentName, LineKind, LossReason), Span>,
    /// What a run before this one lost when it was killed.
    crashes: Vec<Gap>,
}

#[derive(Debug)]
struct Span {
    lost: u64,
    since: Timestamp,
    until: Timestamp,
}

impl Losses {
    pub(super) fn is_empty(&self) -> bool {
        self.counted.is_empty() && self.crashes.is_empty()
    }

    /// Notes that what was in hand is lost since a run before this one was killed.
    /// Of pairs it may be known how many were answered.
    pub(super) fn add_crash(
        &mut self,
        unpaired: BTreeMap<ExperimentName, Option<u64>>,
        last_heard: Timestamp,
    ) {
        let until = Timestamp::from(std::time::SystemTime::now());
        let gap = |experiment, of, lost| Gap {
            experiment,
            of,
            lost,
            reason: LossReason::Crash,
            since: last_heard,
            until,
        };
        for (name, lost) in unpaired {
            if lost != Some(0) {
                self.crashes.push(gap(name.clone(), LineKind::Pair, lost));
            }
            self.crashes.push(gap(name, LineKind::Outcome, None));
        }
    }

    /// Says whether a crash is still to be told of.
    pub(super) fn has_crash(&self) -> bool {
        !self.crashes.is_empty()
    }

    /// Counts records as lost.
    pub(super) fn add(&mut self, metrics: &Metrics, what: (ExperimentName, LineKind, LossReason), lost: u64) {
        let (experiment, of, reason) = &what;
        metrics
            .records_lost
            .with_label_values(&[experiment.as_str(), of.as_str(), reason.as_str()])
            .inc_by(lost);
        let now = Timestamp::from(std::time::SystemTime::now());
        let span = self.counted.entry(what).or_insert(Span { lost: 0, since: now, until: now });
        span.lost += lost;
        span.until = now;
    }

    /// The gap records to be written.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let gap = |((experiment, of, reason), span): (&(ExperimentName, LineKind, LossReason), &Span)| Gap {
            experiment: experiment.clone(),
            of: *of,
            lost: Some(span.lost),
            reason: *reason,
            since: span.since,
            until: span.until,
        };
        self.crashes.iter().cloned().chain(self.counted.iter().map(gap)).collect()
    }

    /// Forgets what these gap records tell of; what was lost since they were made stays to be told.
    pub(super) fn told(&mut self, gaps: &[Gap]) {
        self.crashes.retain(|crash| !gaps.contains(crash));
        for gap in gaps {
            let what = (gap.experiment.clone(), gap.of, gap.reason);
            if let (Some(span), Some(lost)) = (self.counted.get_mut(&what), gap.lost) {
                span.lost -= lost;
                span.since = gap.until;
            }
        }
        self.counted.retain(|_, span| span.lost > 0);
    }
}
