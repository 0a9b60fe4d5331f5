//! What a request works with: one policy with everything resolved for it, and what all requests share.
//!
//! A request takes one snapshot and keeps it to its end; a reload puts another in its place and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;

use crate::feedback::Feedback;
use crate::policy::Policy;
use crate::proxy::copies::CopyLimits;
use crate::proxy::meters::ExperimentMeters;
use crate::proxy::meters::LegMeters;
use crate::proxy::retries::Retries;
use crate::record::Recorder;
use crate::strategy::Strategy;
use crate::strategy::shadow::Budget;
use crate::telemetry::Metrics;
use crate::upstream::Fleet;
use crate::upstream::Settings;

/// One policy, ready for requests.
#[derive(Debug)]
pub struct Snapshot {
    /// The policy.
    pub policy: Arc<Policy>,
    pub(super) fleet: Fleet,
    pub(super) experiments: Vec<Lane>,
    pub(super) default: Option<Arc<LegMeters>>,
}

/// What is resolved for one experiment.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) meters: ExperimentMeters,
    pub(super) copies: Arc<CopyLimits>,
}

/// What all threads of the data plane share.
#[derive(Debug)]
pub struct Shared {
    /// The present policy.
    pub snapshot: ArcSwap<Snapshot>,
    /// Where finished pairs go.
    pub recorder: Recorder,
    /// What remembers answers for outcomes.
    pub feedback: Arc<Feedback>,
    /// The metric catalogue.
    pub metrics: Arc<Metrics>,
    /// How many bytes of a body are kept.
    pub body_cap_bytes: usize,
    /// Set when the gateway begins to drain; no copy begins any more.
    pub draining: AtomicBool,
    pub(super) retries: Retries,
}

impl Snapshot {
    /// Resolves a policy. What is unchanged since the previous snapshot keeps its state: models their calls in
    /// flight, experiments their copies.
    pub fn new(
        policy: Arc<Policy>,
        upstreams: Vec<Settings>,
        metrics: &Metrics,
        previous: Option<&Snapshot>,
    ) -> Self {
        let fleet = Fleet::new(&policy, upstreams, metrics, previous.map(|snapshot| &snapshot.fleet));
        let lane = |experiment| {
            let kept = previous.and_then(|snapshot| snapshot.copies_of(experiment));
            Lane {
                meters: ExperimentMeters::new(&policy, experiment),
                copies: kept.unwrap_or_else(|| Arc::new(CopyLimits::new(experiment, metrics))),
            }
        };
        let experiments = policy.experiments.iter().map(lane).collect();
        let default = policy.default.map(|model| Arc::new(LegMeters::of_default(&policy.model(model).name)));
        Self { policy, fleet, experiments, default }
    }

    fn copies_of(&self, experiment: &crate::policy::Experiment) -> Option<Arc<CopyLimits>> {
        let place = self.policy.experiments.iter().position(|known| known.name == experiment.name)?;
        Some(Arc::clone(&self.experiments[place].copies))
    }
}

impl Shared {
    /// Joins the parts that every thread needs.
    pub fn new(
        snapshot: Snapshot,
        recorder: Recorder,
        feedback: Arc<Feedback>,
        metrics: Arc<Metrics>,
        body_cap_bytes: usize,
    ) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            recorder,
            feedback,
            metrics,
            body_cap_bytes,
            draining: AtomicBool::new(false),
            retries: Retries::default(),
        }
    }
}

/// The bounds on an experiment's copies; interleaving makes none.
pub(super) fn budget(strategy: &Strategy) -> Option<&Budget> {
    match strategy {
        Strategy::Shadow(settings) => Some(&settings.budget),
        Strategy::Canary(settings) => Some(&settings.budget),
        Strategy::Ab(settings) => Some(&settings.budget),
        Strategy::Interleave(_) => None,
    }
}
