//! What a request works with: one policy with everything resolved for it, and what all requests share.
//!
//! A request takes one snapshot and keeps it to its end; a reload puts another in its place and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;

use crate::feedback::Feedback;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::proxy::copies::CopyLimits;
use crate::proxy::limits::Limits;
use crate::proxy::meters::ExperimentMeters;
use crate::proxy::meters::LegMeters;
use crate::proxy::retries::Retries;
use crate::record::Guard;
use crate::record::MemoryBudget;
use crate::record::Recorder;
use crate::telemetry::Metrics;
use crate::telemetry::Traces;
use crate::telemetry::metrics::LISTENER;
use crate::tls::Live;
use crate::tls::Renewed;
use crate::tls::ServerFiles;
use crate::upstream::Fleet;
use crate::upstream::Resolver;
use crate::upstream::Settings;

/// One policy, ready for requests.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) policy: Arc<Policy>,
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
    /// The present policy, for whoever stands beside the answer path.
    pub policy: Arc<ArcSwap<Policy>>,
    pub(super) snapshot: ArcSwap<Snapshot>,
    /// Where finished pairs go.
    pub recorder: Recorder,
    /// What remembers answers for outcomes.
    pub feedback: Arc<Feedback>,
    /// The metric catalogue.
    pub metrics: Arc<Metrics>,
    /// Where spans go.
    pub traces: Traces,
    /// What spans must not show.
    pub guard: Guard,
    /// How many bytes of a body are kept.
    pub body_cap_bytes: usize,
    /// The users' side of TLS; `None`: they speak plain HTTP.
    pub(super) tls: Option<Arc<Live<ServerFiles>>>,
    /// What clients may take.
    pub limits: Limits,
    /// What may be held in memory beside the answers.
    pub memory: MemoryBudget,
    /// Set when the gateway begins to drain; no copy begins any more.
    pub draining: Arc<AtomicBool>,
    resolver: Resolver,
    pub(super) retries: Retries,
}

/// The parts of the gateway that every thread of the data plane works with.
#[derive(Debug)]
pub struct Parts {
    /// Where finished pairs go.
    pub recorder: Recorder,
    /// What remembers answers for outcomes.
    pub feedback: Arc<Feedback>,
    /// The metric catalogue.
    pub metrics: Arc<Metrics>,
    /// Where spans go.
    pub traces: Traces,
    /// What spans must not show.
    pub guard: Guard,
    /// How many bytes of a body are kept.
    pub body_cap_bytes: usize,
    /// The users' side of TLS; `None`: they speak plain HTTP.
    pub tls: Option<Arc<Live<ServerFiles>>>,
    /// What finds the models' addresses.
    pub resolver: Resolver,
    /// What clients may take.
    pub limits: Limits,
    /// What may be held in memory beside the answers.
    pub memory: MemoryBudget,
}

impl Snapshot {
    /// Resolves a policy. What is unchanged since the previous snapshot keeps its state: models their calls in
    /// flight, experiments their copies.
    fn new(
        policy: Arc<Policy>,
        upstreams: Vec<Settings>,
        metrics: &Metrics,
        resolver: &Resolver,
        previous: Option<&Snapshot>,
    ) -> Self {
        let fleet =
            Fleet::new(&policy, upstreams, metrics, resolver, previous.map(|snapshot| &snapshot.fleet));
        let lane = |experiment| {
            let kept = previous.and_then(|snapshot| snapshot.copies_of(experiment));
            Lane {
                meters: ExperimentMeters::new(&policy, experiment, metrics),
                copies: kept.unwrap_or_else(|| Arc::new(CopyLimits::new(experiment, metrics))),
            }
        };
        let experiments = policy.experiments.iter().map(lane).collect();
        let default = policy.default.map(|model| Arc::new(LegMeters::of_default(policy.model(model))));
        Self { policy, fleet, experiments, default }
    }

    fn copies_of(&self, experiment: &Experiment) -> Option<Arc<CopyLimits>> {
        let place = self.policy.experiments.iter().position(|known| known.name == experiment.name)?;
        Some(Arc::clone(&self.experiments[place].copies))
    }
}

impl Shared {
    /// Joins the parts that every thread needs, under a first policy.
    pub fn new(policy: Arc<Policy>, upstreams: Vec<Settings>, parts: Parts) -> Self {
        let Parts {
            recorder,
            feedback,
            metrics,
            traces,
            guard,
            body_cap_bytes,
            tls,
            limits,
            memory,
            resolver,
        } = parts;
        let first = Snapshot::new(Arc::clone(&policy), upstreams, &metrics, &resolver, None);
        let snapshot = ArcSwap::from_pointee(first);
        if tls.is_some() {
            metrics.certificates_current.with_label_values(&[LISTENER]).set(1);
        }
        let (draining, retries) = (Arc::default(), Retries::default());
        let policy = Arc::new(ArcSwap::new(policy));
        Self {
            policy,
            snapshot,
            recorder,
            feedback,
            metrics,
            traces,
            guard,
            body_cap_bytes,
            tls,
            limits,
            memory,
            draining,
            resolver,
            retries,
        }
    }

    /// Puts another policy in place, for every request that begins from now on. One caller at a time.
    pub fn publish(&self, policy: Arc<Policy>, upstreams: Vec<Settings>) {
        let previous = self.snapshot.load();
        let next =
            Snapshot::new(Arc::clone(&policy), upstreams, &self.metrics, &self.resolver, Some(&previous));
        self.snapshot.store(Arc::new(next));
        self.policy.store(policy);
    }
}

impl Shared {
    /// Takes up certificates and keys whose files changed. Files that cannot be used leave the former in place; the
    /// metrics and the log tell. Blocks while it reads.
    pub fn renew_certificates(&self) {
        if let Some(tls) = &self.tls {
            self.tell(LISTENER, tls.renew());
        }
        for model in self.snapshot.load().fleet.models() {
            if let Some(tls) = &model.settings.tls {
                self.tell(model.name.as_str(), tls.renew());
            }
        }
    }

    fn tell(&self, whose: &str, renewed: Renewed) {
        let are_current = self.metrics.certificates_current.with_label_values(&[whose]);
        match renewed {
            Renewed::Unchanged => {}
            Renewed::Changed => {
                tracing::info!(model = whose, "changed certificates are in use");
                are_current.set(1);
            }
            Renewed::Rejected(error) => {
                tracing::error!(model = whose, %error, "changed certificates cannot be used; the former stay");
                are_current.set(0);
            }
        }
    }
}
