//! The design: what an experiment is, as its figures need it; each file of the log has it before the first pair.
//!
//! With it any file can be analysed by itself, long after the policy has changed.

use std::time::SystemTime;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::policy::Absent;
use crate::policy::Decision;
use crate::policy::Experiment;
use crate::policy::JudgeDraw;
use crate::policy::Metric;
use crate::policy::OutcomeKind;
use crate::policy::OutcomeRule;
use crate::policy::Policy;
use crate::record::recorded_identity;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// What an experiment is under one policy. The log's line of kind `design`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesignRecord {
    /// When the writer first met the experiment under this policy; the same in every file.
    pub time: Timestamp,
    /// The experiment.
    pub experiment: ExperimentName,
    /// The first 12 hexadecimal digits of the SHA-256 of the policy file.
    pub policy: String,
    /// What makes evidence comparable, as the pairs have it.
    pub identity: String,
    /// How the experiment treats its requests.
    pub strategy: StrategyKind,
    /// The arms' names, legacy first.
    pub arms: Vec<ModelName>,
    /// Whether the policy names a unit; otherwise each request is its own.
    pub unit_named: bool,
    /// The arms' shares follow what is learnt, so that their figures are no evidence for a verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adaptive: bool,
    /// What may be reported later of a request.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outcomes: IndexMap<OutcomeName, OutcomeDesign>,
    /// How answers are measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// Which requests its judges are to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeDraw>,
    /// What it is decided by.
    pub decision: Decision,
}

/// An outcome that may be reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutcomeDesign {
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: OutcomeKind,
    /// How long after the request it counts, in seconds.
    pub window_seconds: f64,
    /// What it means when none arrives.
    pub absent: Absent,
}

impl DesignRecord {
    /// The design of an experiment, met now.
    pub(super) fn of(policy: &Policy, experiment: &Experiment, attempt: u32) -> Self {
        let outcome = |(name, rule): (&OutcomeName, &OutcomeRule)| {
            let OutcomeRule { kind, window, absent } = *rule;
            (name.clone(), OutcomeDesign { kind, window_seconds: window.as_secs_f64(), absent })
        };
        Self {
            time: Timestamp::from(SystemTime::now()),
            experiment: experiment.name.clone(),
            policy: policy.hash.clone(),
            identity: recorded_identity(&experiment.identity, attempt),
            strategy: experiment.strategy.kind(),
            arms: experiment.arm_ids().map(|arm| experiment.arm_name(policy, arm).clone()).collect(),
            unit_named: !experiment.unit.is_empty(),
            adaptive: experiment.allocation().is_some(),
            outcomes: experiment.outcomes.iter().map(outcome).collect(),
            metrics: experiment.metrics.clone(),
            judges: experiment.judges.clone(),
            decision: experiment.decision.clone(),
        }
    }
}
