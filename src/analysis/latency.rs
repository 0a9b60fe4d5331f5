//! What counts as slow: longer than legacy's own quantile at the beginning of a stage.
//!
//! The threshold is frozen after legacy's first thousand answers of the stage, which count no further, so that
//! "slower than that" is an event like any other and its evidence exact: no estimate moves under it. Failed answers are
//! no measure of speed; a timeout is both failed and slow.

use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::histogram::Histogram;
use crate::policy::Watched;
use crate::record::ObservationRecord;
use crate::vocab::Fate;

/// How many of legacy's answers set the threshold.
const CALIBRATION: u64 = 1_000;

/// The thresholds of one stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Frozen {
    seen: Histogram,
    /// Legacy's p95 and p99 in milliseconds, once they are known.
    pub(super) thresholds: Option<(f64, f64)>,
}

impl Frozen {
    /// Takes in one of legacy's answers while the thresholds are not known.
    pub(super) fn calibrate(&mut self, legacy: &ObservationRecord) {
        let Some(took) = took_ms(legacy).filter(|_| self.thresholds.is_none()) else { return };
        self.seen.add(took);
        if self.seen.count() >= CALIBRATION {
            self.thresholds = self.seen.quantile(0.95).zip(self.seen.quantile(0.99));
        }
    }

    /// Whether an answer was slow; `None`: it is not known yet what that is, or the answer tells nothing.
    pub(super) fn is_slow(&self, watched: &Watched, seen: &ObservationRecord) -> Option<bool> {
        let (p95, p99) = self.thresholds?;
        let threshold = if *watched == Watched::LatencyP99 { p99 } else { p95 };
        took_ms(seen).map(|took| took > threshold)
    }
}

/// How long an answer took: to its last byte, of a stream to its first.
fn took_ms(seen: &ObservationRecord) -> Option<f64> {
    if seen.fate == Fate::Cancelled || seen.fate.is_unsent() {
        return None;
    }
    let streamed = seen.headers.get(&CONTENT_TYPE).is_some_and(|kind| kind.contains("event-stream"));
    Some(seen.first_byte_ms.filter(|_| streamed).unwrap_or(seen.total_ms))
}
