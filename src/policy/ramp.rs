//! Where a canary's ramp stands, as the answer path reads it.
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

/// The live position of one canary.
#[derive(Debug)]
pub struct Ramp(ArcSwap<Stage>);

/// A stretch of time with one weight. Records carry its number, and counts are never pooled across stages.
#[derive(Debug)]
pub struct Stage {
    /// Counts up from 1 with every change of weight or step, over the whole life of the ramp.
    pub number: u32,
    /// The step of the policy, from 0.
    pub step: usize,
    /// What the ramp is doing.
    pub phase: Phase,
    /// The share of units that the candidate answers.
    pub weight: Share,
    /// Requests that the candidate was assigned and that counted in this stage.
    assigned: AtomicU64,
}

/// What a ramp is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It steps as the policy says.
    Running,
    /// A person stopped the clock; the weight stays.
    Paused,
    /// The candidate is out, at 0 %, until a person begins again or the policy changes.
    RolledBack,
    /// Every step is done; the candidate keeps the last weight.
    Promoted,
}

impl Phase {
    /// Every phase, in the order of declaration.
    pub const ALL: [Phase; 4] = [Phase::Running, Phase::Paused, Phase::RolledBack, Phase::Promoted];

    /// The word that metrics, logs and answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::RolledBack => "rolled_back",
            Phase::Promoted => "promoted",
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
    /// A stage in which the candidate was assigned `assigned` requests so far.
    pub fn new(number: u32, step: usize, phase: Phase, weight: Share, assigned: u64) -> Self {
        Self { number, step, phase, weight, assigned: AtomicU64::new(assigned) }
    }

    /// Counts one request that the candidate was assigned.
    pub fn count_assigned(&self) {
        // Relaxed: a count that `rollout` polls; nothing is ordered by it.
        self.assigned.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that the candidate was assigned in this stage.
    pub fn assigned(&self) -> u64 {
        self.assigned.load(Ordering::Relaxed)
    }
}
