//! What became of the traffic, counted while it runs.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// What became of the traffic so far. Counters are read for display and after the end, so nothing is ordered by them.
#[derive(Debug, Default)]
pub struct Counts {
    answered: AtomicU64,
    failed: AtomicU64,
    reported: AtomicU64,
    unreported: AtomicU64,
    first_problem: OnceLock<String>,
}

impl Counts {
    /// Requests that were answered 2xx.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests that were answered otherwise, or not at all.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Outcomes that were taken and joined with their request.
    pub fn reported(&self) -> u64 {
        self.reported.load(Ordering::Relaxed)
    }

    /// Outcomes that were not.
    pub fn unreported(&self) -> u64 {
        self.unreported.load(Ordering::Relaxed)
    }

    /// What went wrong first, for a person to read.
    pub fn first_problem(&self) -> Option<&str> {
        self.first_problem.get().map(String::as_str)
    }

    pub(in crate::demo) fn count_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::demo) fn count_failed(&self, problem: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.note(problem);
    }

    pub(in crate::demo) fn count_reported(&self) {
        self.reported.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::demo) fn count_unreported(&self, problem: String) {
        self.unreported.fetch_add(1, Ordering::Relaxed);
        self.note(problem);
    }

    pub(in crate::demo) fn note(&self, problem: String) {
        // Only the first is kept: the others mostly follow from it.
        let _ = self.first_problem.set(problem);
    }
}
