//! A request that waits to be judged: its record, and which of its answers count as the arms' own.

use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// A request that waits to be judged.
#[derive(Debug, Clone)]
pub struct Case {
    /// The record, as it was written.
    pub record: PairedRecord,
}

impl Case {
    /// The answers that are the arms' own, in the order of the arms: no second call to measure noise, and none that
    /// stepped in for another.
    pub fn answers(&self) -> impl Iterator<Item = &ObservationRecord> {
        let own = |arm: &ModelName| {
            let is_own = |seen: &&ObservationRecord| {
                seen.arm == *arm && !matches!(seen.role, Role::Control | Role::Fallback)
            };
            self.record.observations.iter().find(is_own)
        };
        self.record.arms.iter().filter_map(own)
    }

    /// What the case holds in memory, roughly, in bytes.
    pub fn held_bytes(&self) -> usize {
        let bodies = self.record.observations.iter().map(|seen| seen.bytes);
        let bodies: u64 = bodies.chain([self.record.request.bytes]).sum();
        4096 + usize::try_from(bodies).unwrap_or(usize::MAX / 2)
    }
}

/// What became of a call, as a judge needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer.
    Answer,
    /// None: the worst that there is.
    Failed,
    /// Nothing can be said: the client left.
    Unknown,
}

impl Came {
    pub(super) fn of(seen: &ObservationRecord) -> Self {
        match seen.fate {
            Fate::Cancelled => Came::Unknown,
            _ if seen.is_error() => Came::Failed,
            _ => Came::Answer,
        }
    }
}
