//! What the evidence says to whoever moves traffic: in short, for one experiment and one identity of evidence.

use std::sync::Mutex;
use std::sync::TryLockError;

use crate::analysis::Analysis;
use crate::analysis::PanelSummary;
use crate::analysis::sentence;
use crate::analysis::study::Study;
use crate::analysis::verdict::State;
use crate::analysis::verdict::verdict;
use crate::cost::Money;
use crate::vocab::JudgeName;
use crate::vocab::Role;

/// What the evidence says of one candidate. Without any it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opinion {
    /// Why it must be taken out.
    pub breach: Option<String>,
    /// Why it must not get more.
    pub hold: Option<String>,
    /// Whether every guardrail with a limit is proven inside it, and there is one.
    pub inside: bool,
    /// Whether it may be promoted.
    pub promote: bool,
    /// The verdict in a sentence.
    pub sentence: String,
}

/// What copies have come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copies {
    /// Those that were answered or failed.
    pub calls: u64,
    /// What they cost, in US dollars.
    pub money: Money,
}

impl Analysis {
    /// What is known, unless somebody else is busy with it: whoever asks every moment can wait for the next.
    pub fn look<T>(analysis: &Mutex<Analysis>, at: impl FnOnce(&Analysis) -> T) -> Option<T> {
        match analysis.try_lock() {
            Ok(analysis) => Some(at(&analysis)),
            Err(TryLockError::Poisoned(poisoned)) => Some(at(&poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What the evidence of an identity says of each candidate; empty while there is none.
    pub fn opinions(&self, experiment: &str, identity: &str) -> Vec<Opinion> {
        let Some(study) = self.study_like(experiment, identity) else { return Vec::new() };
        let Some(subject) = &study.subject else { return Vec::new() };
        let of = |candidate: usize| {
            let verdict = verdict(study, subject, candidate);
            let limits: Vec<bool> =
                verdict.guardrails.iter().filter_map(|guardrail| guardrail.within).collect();
            let holds = matches!(verdict.state, State::Invalid | State::Hold);
            let sound = !matches!(verdict.state, State::Invalid | State::Hold | State::Rollback);
            Opinion {
                breach: breach(study, candidate),
                hold: holds.then(|| verdict.reasons.join("; ")),
                inside: sound && !limits.is_empty() && limits.into_iter().all(|inside| inside),
                promote: verdict.state == State::Promote,
                sentence: verdict.sentence,
            }
        };
        (1..subject.arms.len()).map(of).collect()
    }

    /// Why candidates must be taken out, by candidate: the part of [`Analysis::opinions`] that takes no time.
    pub fn breaches(&self, experiment: &str, identity: &str) -> Vec<Option<String>> {
        let Some(study) = self.study_like(experiment, identity) else { return Vec::new() };
        (1..study.arms.len()).map(|candidate| breach(study, candidate)).collect()
    }

    /// Whether the verdict on every candidate of an experiment is reached: the part of a summary that this takes.
    pub fn is_decided(&self, experiment: &str) -> bool {
        let Some((_, study)) = self.studies.iter().find(|(name, _)| name.as_str() == experiment) else {
            return false;
        };
        let Some(subject) = &study.subject else { return false };
        let is_final = |candidate| {
            let state = verdict(study, subject, candidate).state;
            matches!(state, State::Rollback | State::Promote | State::Inconclusive)
        };
        subject.arms.len() > 1 && (1..subject.arms.len()).all(is_final)
    }

    /// How a judge of people judged, in one version; `None`: they did not yet.
    pub fn people(&self, experiment: &str, judge: &JudgeName, version: &str) -> Option<PanelSummary> {
        let (_, study) = self.studies.iter().find(|(name, _)| name.as_str() == experiment)?;
        study.people(judge, version)
    }

    /// What the copies of an identity have come to.
    pub fn copies(&self, experiment: &str, identity: &str) -> Copies {
        let mut copies = Copies::default();
        for arm in self.study_like(experiment, identity).iter().flat_map(|study| &study.arms) {
            for role in [Role::Shadow, Role::Control, Role::Pair] {
                let tally = arm.of(role);
                copies.calls += tally.requests;
                copies.money = copies.money + tally.cost.get("USD").copied().unwrap_or_default();
            }
        }
        copies
    }

    /// How many requests the candidate was assigned in a canary's stage.
    pub fn assigned_in(&self, experiment: &str, identity: &str, stage: u32) -> u64 {
        let Some(study) = self.study_like(experiment, identity) else { return 0 };
        let strata = study.strata.iter().filter(|stratum| stratum.stage == Some(stage));
        strata.filter_map(|stratum| stratum.assigned.get(1)).sum()
    }

    fn study_like(&self, experiment: &str, identity: &str) -> Option<&Study> {
        let (_, study) = self.studies.iter().find(|(name, _)| name.as_str() == experiment)?;
        study.is_of(identity).then_some(study)
    }
}

fn breach(study: &Study, candidate: usize) -> Option<String> {
    let breach = study.breaches.of(candidate)?;
    let name = sentence::watched_name(&breach.watched);
    let requests = sentence::grouped(breach.requests);
    Some(format!("guardrail `{name}` tipped after {requests} requests"))
}
