//! The bounded hand-over from the data plane to the writer.
//!
//! Handing on is a short lock and a push: it never waits and wakes nobody, for the writer comes by itself every few
//! milliseconds. What does not fit is counted by experiment, so that the log can say exactly what it lacks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::record::LineKind;
use crate::record::OutcomeRecord;
use crate::record::Pair;
use crate::record::Settings;
use crate::vocab::ExperimentName;

/// Both ends of the queue; cloning shares it.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max_records: usize,
    max_bytes: usize,
    waiting: Mutex<Waiting>,
}

/// One thing to be written.
#[derive(Debug)]
pub enum Entry {
    /// A request with its answers.
    Pair(Box<Pair>),
    /// What happened later.
    Outcome(Box<OutcomeRecord>),
}

/// What the writer finds: entries in order, and how many did not fit since it last came.
#[derive(Debug, Default)]
pub struct Taken {
    /// The entries, oldest first.
    pub entries: Vec<Entry>,
    /// What the entries hold in memory, in bytes.
    pub bytes: usize,
    /// How many requests of each experiment were lost.
    pub lost: HashMap<ExperimentName, u64>,
}

/// What is behind the lock.
#[derive(Debug, Default)]
struct Waiting {
    taken: Taken,
    /// The writer has come for the last time.
    closed: bool,
}

impl Entry {
    /// The experiment that the entry belongs to, and what its line will be.
    pub(super) fn subject(&self) -> (ExperimentName, LineKind) {
        match self {
            Entry::Pair(pair) => (pair.experiment().name.clone(), LineKind::Pair),
            Entry::Outcome(outcome) => (outcome.experiment.clone(), LineKind::Outcome),
        }
    }
}

impl Recorder {
    /// An empty queue with the bounds of the settings.
    pub fn new(settings: &Settings) -> Self {
        let Settings { queue_bytes, queue_records, .. } = settings;
        let waiting = Mutex::default();
        Self(Arc::new(Shared { max_records: *queue_records, max_bytes: *queue_bytes, waiting }))
    }

    /// Hands a finished pair on, or counts it as lost.
    pub fn hand(&self, mut pair: Pair) {
        let bytes = pair.hold();
        let mut waiting = self.lock();
        if self.fits(&waiting, bytes) {
            waiting.push(Entry::Pair(Box::new(pair)), bytes);
        } else {
            let experiment = pair.experiment().name.clone();
            *waiting.taken.lost.entry(experiment).or_default() += 1;
        }
    }

    /// Hands an outcome on; `false`: the queue is full or closed and the reporter must try again, for nothing was
    /// kept.
    #[must_use]
    pub fn hand_outcome(&self, outcome: OutcomeRecord) -> bool {
        let bytes = outcome.held_bytes();
        let mut waiting = self.lock();
        let fits = self.fits(&waiting, bytes);
        if fits {
            waiting.push(Entry::Outcome(Box::new(outcome)), bytes);
        }
        fits
    }

    /// Takes all that waits. The writer's side.
    pub fn take(&self) -> Taken {
        std::mem::take(&mut self.lock().taken)
    }

    /// Takes all that waits, for the last time: nothing fits any more.
    pub(super) fn close(&self) -> Taken {
        let mut waiting = self.lock();
        waiting.closed = true;
        std::mem::take(&mut waiting.taken)
    }

    /// How many records wait, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.taken.entries.len(), waiting.taken.bytes)
    }

    fn fits(&self, waiting: &Waiting, bytes: usize) -> bool {
        let Waiting { taken, closed } = waiting;
        !closed && taken.entries.len() < self.0.max_records && taken.bytes + bytes <= self.0.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic while the lock was held can only have left one entry out; the queue itself is sound.
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, entry: Entry, bytes: usize) {
        self.taken.bytes += bytes;
        self.taken.entries.push(entry);
    }
}
