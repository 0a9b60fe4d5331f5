//! Where an experiment stands, as the answer path reads it: whether its candidates take part, and at which weight.
//!
//! `rollout` decides and stores; a request loads one stage, draws with its weight and counts itself in that same
//! stage, so that no request is counted in a stage whose weight it was not drawn with.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use serde::Deserialize;
use serde::Serialize;

use crate::assign::Share;

/// The live position of one experiment.
#[derive(Debug)]
pub struct Ramp(ArcSwap<Stage>);

/// A stretch of time with one weight. A canary's records carry its number, and counts are never pooled across stages.
#[derive(Debug)]
pub struct Stage {
    /// Counts up from 1 with every change of weight or step, over the whole life of the experiment.
    pub number: u32,
    /// Counts up from 1 each time that the experiment begins again: the evidence of one attempt is none for the next.
    pub attempt: u32,
    /// The canary's step, from 0; 0 under the other strategies.
    pub step: usize,
    /// What the experiment is doing.
    pub phase: Phase,
    /// The share of units that the canary's candidate answers; 0 under the other strategies.
    pub weight: Share,
    /// Requests that the candidate was assigned and that counted in this stage.
    assigned: AtomicU64,
}

/// What an experiment is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its time has not come: legacy alone answers.
    Scheduled,
    /// It goes on as the policy says.
    Running,
    /// It does not go on by itself: the verdict says to hold, or a step took too long. The weight stays.
    Held,
    /// A person stopped the clock; the weight stays.
    Paused,
    /// The candidates are out, until a person begins again or the policy changes.
    RolledBack,
    /// Every step is done; the candidate keeps the last weight.
    Promoted,
    /// It is over: legacy alone answers.
    Ended,
}

impl Phase {
    /// Every phase, in the order of declaration.
    pub const ALL: [Phase; 7] = [
        Phase::Scheduled,
        Phase::Running,
        Phase::Held,
        Phase::Paused,
        Phase::RolledBack,
        Phase::Promoted,
        Phase::Ended,
    ];

    /// The word that metrics, logs and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Scheduled => "scheduled",
            Phase::Running => "running",
            Phase::Held => "held",
            Phase::Paused => "paused",
            Phase::RolledBack => "rolled_back",
            Phase::Promoted => "promoted",
            Phase::Ended => "ended",
        }
    }

    /// Whether candidates take part in requests.
    pub fn is_open(self) -> bool {
        match self {
            Phase::Running | Phase::Held | Phase::Paused | Phase::Promoted => true,
            Phase::Scheduled | Phase::RolledBack | Phase::Ended => false,
        }
    }
}

impl Ramp {
    /// A ramp at this stage.
    pub fn new(stage: Stage) -> Self {
        Self(ArcSwap::from_pointee(stage))
    }

    /// The present stage. A request calls this once.
    pub fn load(&self) -> Arc<Stage> {
        self.0.load_full()
    }

    /// Moves the ramp.
    pub fn store(&self, stage: Stage) {
        self.0.store(Arc::new(stage));
    }
}

impl Stage {
    /// The first attempt's first stage.
    pub fn first(phase: Phase, weight: Share) -> Self {
        Self { number: 1, attempt: 1, step: 0, phase, weight, assigned: AtomicU64::new(0) }
    }

    /// Counts one request that the candidate was assigned.
    pub fn count_assigned(&self) {
        // Relaxed: a count that `rollout` polls; nothing is ordered by it.
        self.assigned.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets how many requests the candidate was assigned, where others count them.
    pub fn set_assigned(&self, assigned: u64) {
        self.assigned.store(assigned, Ordering::Relaxed);
    }

    /// Requests that the candidate was assigned in this stage.
    pub fn assigned(&self) -> u64 {
        self.assigned.load(Ordering::Relaxed)
    }
}
