//! The verdict as one flat JSON object with keys that stay, for programs that poll it: rollout controllers look at one
//! key and compare it.

use serde::Serialize;

use crate::analysis::ExperimentSummary;
use crate::analysis::effect::EffectScale;
use crate::analysis::verdict::State;
use crate::analysis::verdict::Verdict;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::Timestamp;

/// A verdict with every key always there; what is unknown is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlatVerdict {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The candidate.
    pub candidate: Option<ModelName>,
    /// invalid, rollback, hold, promote, inconclusive or waiting.
    pub state: State,
    /// Whether the state is `promote`.
    pub promote: bool,
    /// Whether the state is `rollback`.
    pub rollback: bool,
    /// The verdict in words.
    pub sentence: String,
    /// All requests of the experiment.
    pub requests: u64,
    /// The first of them.
    pub since: Option<Timestamp>,
    /// The last.
    pub until: Option<Timestamp>,
    /// The leading figure.
    pub figure: Option<String>,
    /// What the effect is measured in.
    pub scale: Option<EffectScale>,
    /// The effect.
    pub effect: Option<f64>,
    /// The lower end of its confidence sequence.
    pub effect_lower: Option<f64>,
    /// The upper end; null where it is infinite.
    pub effect_upper: Option<f64>,
    /// The natural logarithm of the e-value that the leading figure clears its margin.
    pub log_e: Option<f64>,
    /// What that must reach.
    pub log_e_needed: Option<f64>,
    /// Whether users reach the arms, and outcomes come in, as drawn.
    pub traffic_ok: bool,
    /// Whether no guardrail is breached.
    pub guardrails_ok: bool,
    /// How many more requests a decision would take.
    pub remaining_requests: Option<u64>,
    /// How many more seconds at the present rate.
    pub remaining_seconds: Option<f64>,
}

impl ExperimentSummary {
    /// The verdict on each candidate.
    pub fn flat_verdicts(&self) -> Vec<FlatVerdict> {
        self.verdicts.iter().map(|verdict| FlatVerdict::of(&self.experiment, verdict)).collect()
    }
}

impl FlatVerdict {
    /// What is said of an experiment without a request.
    pub fn of_nothing(experiment: &ExperimentName) -> Self {
        Self {
            experiment: experiment.clone(),
            candidate: None,
            state: State::Waiting,
            promote: false,
            rollback: false,
            sentence: "No request was recorded yet.".to_owned(),
            requests: 0,
            since: None,
            until: None,
            figure: None,
            scale: None,
            effect: None,
            effect_lower: None,
            effect_upper: None,
            log_e: None,
            log_e_needed: None,
            traffic_ok: true,
            guardrails_ok: true,
            remaining_requests: None,
            remaining_seconds: None,
        }
    }

    fn of(experiment: &ExperimentName, verdict: &Verdict) -> Self {
        let primary = verdict.primary.as_ref();
        Self {
            candidate: Some(verdict.candidate.clone()),
            state: verdict.state,
            promote: verdict.state == State::Promote,
            rollback: verdict.state == State::Rollback,
            sentence: verdict.sentence.clone(),
            requests: verdict.requests,
            since: Some(verdict.since),
            until: Some(verdict.until),
            figure: primary.map(|primary| primary.figure.clone()),
            scale: primary.map(|primary| primary.scale),
            effect: primary.and_then(|primary| primary.estimate),
            effect_lower: primary.and_then(|primary| primary.lower),
            effect_upper: primary.and_then(|primary| primary.upper),
            log_e: verdict.log_e_primary,
            log_e_needed: Some(verdict.log_e_needed),
            traffic_ok: !verdict.health.assigned_off && !verdict.health.joined_off,
            guardrails_ok: !verdict.guardrails.iter().any(|guardrail| guardrail.breached),
            remaining_requests: verdict.remaining.map(|remaining| remaining.requests),
            remaining_seconds: verdict.remaining.map(|remaining| remaining.seconds),
            ..Self::of_nothing(experiment)
        }
    }
}
