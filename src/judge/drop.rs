//! Why a request that was drawn for a judge is not judged.

/// Why a request that was drawn for a judge is not judged. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drop {
    /// Too many wait for the judge, by number or by bytes.
    Queue,
    /// The judge has taken what it may take today.
    Budget,
    /// The verdict on every candidate is reached, and more judgements would change nothing.
    Decided,
    /// The gateway stopped.
    Stopped,
    /// The policy has no such judge any more, or changed it.
    Replaced,
    /// Judging it failed, by a fault of the gateway's.
    Fault,
    /// The judgement found no room in the record's queue.
    Record,
}

impl Drop {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Drop::Queue => "queue",
            Drop::Budget => "budget",
            Drop::Decided => "decided",
            Drop::Stopped => "stopped",
            Drop::Replaced => "replaced",
            Drop::Fault => "fault",
            Drop::Record => "record",
        }
    }
}
