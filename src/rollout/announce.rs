//! Every change is an event: a line in the log, a count, and a message to whoever wants to be told.

use std::sync::Arc;

use serde::Serialize;

use crate::rollout::Change;
use crate::rollout::webhook::Hooks;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;
use crate::vocab::StrategyKind;

/// A change of an experiment, as everybody is told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// The experiment.
    pub experiment: ExperimentName,
    /// What is done with its requests.
    pub strategy: StrategyKind,
    /// How many steps its ramp has.
    pub steps: usize,
    /// Counts up each time that it begins again.
    pub attempt: u32,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
}

/// Where changes are told.
#[derive(Debug)]
pub(super) struct Announcer {
    pub(super) metrics: Arc<Metrics>,
    pub(super) hooks: Arc<Hooks>,
}

impl Announcer {
    /// Tells of a change. Waits for nobody.
    pub(super) fn announce(&self, event: Event) {
        let Change { stage, step, phase, weight, cause, reason, .. } = &event.change;
        tracing::info!(
            experiment = %event.experiment,
            stage,
            step,
            phase = phase.as_str(),
            weight = %weight,
            cause = cause.as_str(),
            reason,
            "the experiment moved"
        );
        let labels = [event.experiment.as_str(), phase.as_str(), cause.as_str()];
        self.metrics.rollout_changes.with_label_values(&labels).inc();
        self.hooks.tell(&event);
    }
}
