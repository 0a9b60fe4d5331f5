//! The bounded hand-over from the data plane to the writer.
//!
//! Handing on is a short lock and a push: it never waits and wakes nobody, for the writer comes by itself every few
//! milliseconds. What does not fit is counted by experiment, so that the log can say exactly what it lacks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::watch;

use crate::record::JudgementRecord;
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
    /// How long whoever asks for it waits until an entry is written; `None`: nobody may ask.
    patience: Option<Duration>,
    /// Wakes the writer, for somebody waits.
    hurry: Notify,
    /// How many entries were written, or lost, of those that were handed on.
    settled: watch::Sender<u64>,
    /// Somebody was answered who is perhaps not in the log.
    impatient: AtomicBool,
}

/// One thing to be written.
#[derive(Debug)]
pub enum Entry {
    /// A request with its answers.
    Pair(Box<Pair>),
    /// What is known of a request whose user is about to have the answer.
    Answered(Box<Pair>),
    /// What happened later.
    Outcome(Box<OutcomeRecord>),
    /// What a judge said.
    Judgement(Box<JudgementRecord>),
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
    /// How many entries were handed on ever, up to these.
    pub(super) up_to: u64,
}

/// What is behind the lock.
#[derive(Debug, Default)]
struct Waiting {
    taken: Taken,
    /// How many entries were handed on ever.
    handed: u64,
    /// The writer has come for the last time.
    closed: bool,
}

impl Entry {
    /// The experiment that the entry belongs to, and what its line will be.
    pub(super) fn subject(&self) -> (ExperimentName, LineKind) {
        match self {
            Entry::Pair(pair) => (pair.experiment().name.clone(), LineKind::Pair),
            Entry::Answered(pair) => (pair.experiment().name.clone(), LineKind::Answered),
            Entry::Outcome(outcome) => (outcome.experiment.clone(), LineKind::Outcome),
            Entry::Judgement(judgement) => (judgement.experiment.clone(), LineKind::Judgement),
        }
    }
}

impl Recorder {
    /// An empty queue with the bounds of the settings.
    pub fn new(settings: &Settings) -> Self {
        let Settings { queue_bytes, queue_records, strict, .. } = settings;
        Self(Arc::new(Shared {
            max_records: *queue_records,
            max_bytes: *queue_bytes,
            waiting: Mutex::default(),
            patience: *strict,
            hurry: Notify::new(),
            settled: watch::Sender::new(0),
            impatient: AtomicBool::new(false),
        }))
    }

    /// Says whether users have their whole answer only when the record has it.
    pub fn is_strict(&self) -> bool {
        self.0.patience.is_some()
    }

    /// Hands on what is known of a request, and waits until it is written; `false`: it is not, or not in time. Dropped,
    /// it is written all the same.
    pub async fn see_written(&self, mut answered: Pair) -> bool {
        let Some(patience) = self.0.patience else { return false };
        let bytes = answered.hold();
        let mine = {
            let mut waiting = self.lock();
            if !self.fits(&waiting, bytes) {
                self.0.impatient.store(true, Ordering::Relaxed);
                return false;
            }
            waiting.push(Entry::Answered(Box::new(answered)), bytes);
            waiting.handed
        };
        self.0.hurry.notify_one();
        let mut settled = self.0.settled.subscribe();
        let written = settled.wait_for(|settled| *settled >= mine);
        let is_written = matches!(tokio::time::timeout(patience, written).await, Ok(Ok(_)));
        if !is_written {
            self.0.impatient.store(true, Ordering::Relaxed);
        }
        is_written
    }

    /// Says whether somebody was answered before the record had the answer.
    pub(super) fn was_impatient(&self) -> bool {
        self.0.impatient.load(Ordering::Relaxed)
    }

    /// Waits until somebody waits for the writer.
    pub(super) async fn hurried(&self) {
        self.0.hurry.notified().await;
    }

    /// Tells who waits that entries up to here are written, or lost.
    pub(super) fn settle(&self, up_to: u64) {
        self.0.settled.send_if_modified(|settled| {
            let moves = *settled < up_to;
            *settled = up_to.max(*settled);
            moves
        });
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

    /// Hands a judgement on; `false`: the queue is full or closed, and nothing was kept.
    #[must_use]
    pub fn hand_judgement(&self, judgement: JudgementRecord) -> bool {
        let bytes = judgement.held_bytes();
        let mut waiting = self.lock();
        let fits = self.fits(&waiting, bytes);
        if fits {
            waiting.push(Entry::Judgement(Box::new(judgement)), bytes);
        }
        fits
    }

    /// Takes all that waits. The writer's side.
    pub fn take(&self) -> Taken {
        self.lock().take()
    }

    /// Takes all that waits, for the last time: nothing fits any more.
    pub(super) fn close(&self) -> Taken {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.take()
    }

    /// How many records wait, and their bytes.
    pub fn depth(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.taken.entries.len(), waiting.taken.bytes)
    }

    fn fits(&self, waiting: &Waiting, bytes: usize) -> bool {
        let Waiting { taken, closed, .. } = waiting;
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
        self.handed += 1;
    }

    fn take(&mut self) -> Taken {
        Taken { up_to: self.handed, ..std::mem::take(&mut self.taken) }
    }
}
