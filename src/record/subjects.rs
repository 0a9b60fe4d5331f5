//! What the writer works out once for each experiment of a policy and not for each record.
//!
//! Around a reload requests of two policies end in turn, so the last few policies are known.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::policy::Policy;
use crate::record::DesignRecord;
use crate::record::Pair;
use crate::record::line;
use crate::record::reading::Looked;
use crate::record::recorded_identity;
use crate::vocab::ExperimentName;

/// How many policies are known. The one that was met first is let go first; met again, its designs are told again.
const POLICIES: usize = 8;

/// The experiments of the policies that pairs of late were served under.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    policies: VecDeque<Known>,
    met: u64,
}

/// One policy's experiments.
#[derive(Debug)]
struct Known {
    /// Kept, so that no other policy comes to stand in its place.
    policy: Arc<Policy>,
    subjects: Vec<Subject>,
}

/// One experiment under one policy.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) id: SubjectId,
    /// The latest attempt and its identity as records show it.
    identity: (u32, String),
    /// What its metrics look at.
    looked: Looked,
    /// Its design; `None` before its first pair.
    design: Option<Arc<Design>>,
}

/// Tells a subject from every other of this writer's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubjectId {
    policy: u64,
    experiment: usize,
}

/// A design with its line.
#[derive(Debug)]
pub(super) struct Design {
    pub(super) experiment: ExperimentName,
    pub(super) line: Vec<u8>,
}

impl Subjects {
    /// The subject of a pair.
    pub(super) fn of(&mut self, pair: &Pair) -> &mut Subject {
        let place = self.policies.iter().position(|known| Arc::ptr_eq(&known.policy, &pair.policy));
        let place = place.unwrap_or_else(|| self.meet(&pair.policy));
        &mut self.policies[place].subjects[pair.experiment]
    }

    /// Learns a policy and says where it is.
    fn meet(&mut self, policy: &Arc<Policy>) -> usize {
        if self.policies.len() == POLICIES {
            self.policies.pop_front();
        }
        let number = self.met;
        self.met += 1;
        let subjects = policy.experiments.iter().enumerate().map(|(place, experiment)| Subject {
            id: SubjectId { policy: number, experiment: place },
            identity: (1, recorded_identity(&experiment.identity, 1)),
            looked: Looked::at_by(&experiment.metrics),
            design: None,
        });
        let subjects = subjects.collect();
        self.policies.push_back(Known { policy: Arc::clone(policy), subjects });
        self.policies.len() - 1
    }
}

impl Subject {
    /// The identity of a pair as records show it, and what its metrics look at.
    pub(super) fn known_of(&mut self, pair: &Pair) -> (&str, &Looked) {
        if self.identity.0 != pair.attempt {
            self.identity = (pair.attempt, recorded_identity(&pair.experiment().identity, pair.attempt));
        }
        (&self.identity.1, &self.looked)
    }

    /// The design, told first to whoever wants to know when this is the subject's first pair.
    pub(super) fn design(&mut self, pair: &Pair, tell: impl FnOnce(&DesignRecord)) -> Arc<Design> {
        let design = self.design.get_or_insert_with(|| {
            let record = DesignRecord::of(&pair.policy, pair.experiment(), pair.attempt);
            tell(&record);
            let mut text = Vec::new();
            line::append(&mut text, &record);
            Arc::new(Design { experiment: record.experiment, line: text })
        });
        Arc::clone(design)
    }
}
