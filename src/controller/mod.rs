//! `crossfade controller`: many gateways, one decision.
//!
//! Gateways of a fleet hold no shared state: users are assigned by hash, the policy comes by file. The controller gathers
//! every gateway's figures, merges them, decides by the very code by which a single gateway decides for itself, and
//! publishes where every experiment stands: to a file that the gateways share, or to a ConfigMap that is mounted in them.
//! It also tells each gateway at once, so that a roll back does not wait for a mount.
//!
//! What may go wrong hurts nobody. Without the controller, gateways keep the weights that they have. While a gateway is
//! silent, or nobody knows where they are, no candidate gets more traffic; a candidate that fails is still taken out. Of
//! two controllers, the one that publishes second finds that out, and goes on from what the other decided, with what
//! people have ordered of it meanwhile.

mod evidence;
mod file;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod replicas;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::admin::Admin;
use crate::analysis::Analysis;
use crate::analysis::FlatVerdict;
use crate::config;
use crate::config::Config;
use crate::policy::Policy;
use crate::record::recorded_identity;
use crate::rollout::ControllerSettings;
use crate::rollout::Decides;
use crate::rollout::FleetSettings;
use crate::rollout::Rollout;
use crate::rollout::State;
use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::contained_future;
use crate::vocab::ExperimentName;

use evidence::Gathered;
use replicas::Fleet;
use store::PutError;
use store::Store;
use store::Version;

/// How often clocks and counts are published while nothing else changes.
const PUBLISH_EVERY: Duration = Duration::from_secs(30);

/// A running controller.
pub struct Controller {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a controller could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policy says nothing of it.
    #[error(
        "the policy {path} has no `fleet.controller`; hint: say where the gateways are, under `replicas`"
    )]
    NoController {
        /// The policy file.
        path: String,
    },
    /// Its address could not be listened on.
    #[error("cannot listen on {address} (`fleet.controller.listen`): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Where decisions go could not be reached.
    #[error("cannot read what was decided before: {0}")]
    Store(String),
}

/// What the loop works with.
struct Loop {
    config: PathBuf,
    policy: Arc<ArcSwap<Policy>>,
    analysis: Arc<Mutex<Analysis>>,
    rollout: Rollout,
    metrics: Arc<Metrics>,
    fleet: Fleet,
    gathered: Gathered,
    store: Store,
    version: Version,
    published: State,
    published_at: Instant,
    /// Whether what was published is kept, too.
    kept: bool,
    /// Why not all evidence was known at the last look.
    doubt: Option<String>,
}

impl Controller {
    /// Starts on the present runtime; the operators' port listens when it returns.
    ///
    /// # Errors
    /// When the policy has no controller, its address is taken, or what was decided before cannot be read.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let Config { path, listen, feedback, rollout, mut policy, .. } = config;
        let Some(FleetSettings { decisions, controller: Some(settings) }) = rollout.fleet else {
            return Err(StartError::NoController { path: path.display().to_string() });
        };
        let address = settings.listen;
        let listening = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let store = Store::of(&decisions, settings.config_map.as_ref()).await.map_err(StartError::Store)?;
        let (state, version) = store.load().await.map_err(StartError::Store)?;
        let metrics = Arc::new(Metrics::new());
        let analysis = Arc::new(Mutex::new(Analysis::new()));
        let decides = Decides::ForFleet(Arc::clone(&analysis));
        let rollout = Rollout::from_state(state, decides, rollout.webhooks, Arc::clone(&metrics));
        let published = rollout.state();
        rollout.adopt(&mut policy);
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let admin = Admin {
            policy: Arc::clone(&policy),
            metrics: Arc::clone(&metrics),
            rollout: rollout.clone(),
            token: listen.token.clone(),
            max_body_bytes: feedback.max_body_bytes,
            body_time: feedback.timeout,
            judges: None,
            gateway: Box::new(Operated { analysis: Arc::clone(&analysis), metrics: Arc::clone(&metrics) }),
            draining: Arc::new(AtomicBool::new(false)),
        };
        tasks.spawn(admin::serve(listener, admin, stop.clone()));
        let telling = rollout.clone();
        let told_to_stop = stop.clone();
        tasks.spawn(async move { telling.tell(told_to_stop).await });
        let ControllerSettings { every, patience, .. } = settings;
        let work = Loop {
            fleet: Fleet::new(&settings, listen.token),
            gathered: Gathered::new(patience),
            config: path,
            policy,
            analysis,
            rollout,
            metrics,
            store,
            version,
            published,
            published_at: Instant::now(),
            kept: true,
            doubt: None,
        };
        tasks.spawn(work.run(every, stop.clone()));
        tasks.close();
        tracing::info!(%address, "deciding for the fleet");
        Ok(Self { address, stop, tasks })
    }

    /// The operators' address, with the port that the system gave where the policy says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops; gateways keep what was decided last.
    pub async fn shut_down(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Loop {
    async fn run(mut self, every: Duration, stop: CancellationToken) {
        let (ticks, mut changes) = mpsc::channel(1);
        let watching = config::watch(&self.config, ticks);
        let mut watching = std::pin::pin!(watching);
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = &mut watching => return,
                changed = changes.recv() => if changed.is_some() { self.reload() },
                _ = tick.tick() => {
                    let metrics = Arc::clone(&self.metrics);
                    // Figures that make no sense must not end the looks: the next one may find others.
                    let look = std::pin::pin!(self.look());
                    let _ = contained_future(Plane::Admin, &metrics, look).await;
                }
            }
        }
    }

    /// One look: gather, decide, publish, tell.
    async fn look(&mut self) {
        self.listen().await;
        let found = self.fleet.find().await;
        let evidence = self.fleet.gather().await;
        let doubt = self.gathered.take(found, evidence, &self.metrics);
        self.gathered.keep(&self.known_identities());
        {
            let mut analysis = self.analysis.lock().unwrap_or_else(PoisonError::into_inner);
            *analysis = self.gathered.merged(&analysis);
        }
        if doubt != self.doubt {
            match &doubt {
                Some(doubt) => tracing::warn!(doubt, "no candidate gets more until this is known"),
                None => tracing::info!("all gateways are heard of"),
            }
            self.doubt.clone_from(&doubt);
        }
        self.rollout.doubt(doubt);
        self.rollout.step_on();
        self.publish().await;
        self.fleet.tell(&self.published).await;
    }

    /// What evidence is of: everything else that a gateway knows is past.
    fn known_identities(&self) -> Vec<(ExperimentName, String)> {
        let policy = self.policy.load();
        let known = policy.experiments.iter().map(|experiment| {
            let attempt = experiment.ramp.load().attempt;
            (experiment.name.clone(), recorded_identity(&experiment.identity, attempt))
        });
        known.collect()
    }

    async fn publish(&mut self) {
        let (state, orders) = self.rollout.unpublished();
        let recent = self.published_at.elapsed() < PUBLISH_EVERY;
        if self.kept && recent && state.is_like(&self.published) {
            return;
        }
        let next = state.next();
        match self.store.put(&next, &self.version).await {
            Ok(version) => {
                self.version = version;
                self.kept = true;
            }
            // The next look learns of it and goes on from there.
            Err(PutError::Conflict) => return,
            Err(PutError::Failed(problem)) => {
                if self.kept {
                    tracing::error!(problem, "decisions cannot be kept; gateways are told all the same");
                }
                self.kept = false;
            }
        }
        // What cannot be kept is told nevertheless: a roll back waits for nobody.
        self.rollout.stands_at(next.revision, orders);
        self.published = next;
        self.published_at = Instant::now();
    }

    /// Goes on from what another controller decided, if one did.
    async fn listen(&mut self) {
        match self.store.load().await {
            Ok((_, version)) if version == self.version => {}
            Ok((Some(state), version)) => {
                tracing::warn!(revision = state.revision, "another controller decided; going on from there");
                self.version = version;
                self.published = state.clone();
                self.rollout.restore(state);
                self.reload();
                self.rollout.obey_again();
            }
            Ok((None, version)) => self.version = version,
            Err(problem) => tracing::debug!(problem, "what another controller decided cannot be read"),
        }
    }

    /// Puts the policy file's present content in place, if it can be.
    fn reload(&mut self) {
        match config::load(&self.config) {
            Ok(Config { mut policy, .. }) => {
                self.rollout.adopt(&mut policy);
                tracing::info!(policy = policy.hash, "the policy is in place");
                self.policy.store(Arc::new(policy));
                self.metrics.policy_ok.set(1);
            }
            Err(problems) => {
                tracing::error!(%problems, "the policy has problems; the one before stays");
                self.metrics.policy_ok.set(0);
            }
        }
    }
}

/// The controller as operators reach it.
struct Operated {
    analysis: Arc<Mutex<Analysis>>,
    metrics: Arc<Metrics>,
}

impl Operated {
    fn at<T>(&self, look: impl FnOnce(&mut Analysis) -> T) -> T {
        look(&mut self.analysis.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl admin::Gateway for Operated {
    fn reload(&self) -> admin::Reload {
        let problem =
            "the controller follows its policy file by itself, within a second of a change".to_owned();
        admin::Reload::Refused { problems: vec![problem] }
    }

    fn take_feedback(&self, _report: &[u8]) -> (StatusCode, Value) {
        let error = "a controller takes no outcomes; hint: report them to the gateways";
        (StatusCode::NOT_FOUND, json!({"error": error}))
    }

    fn refresh(&self) {
        Analysis::publish(&self.analysis, &self.metrics);
    }

    fn verdicts(&self, experiment: &ExperimentName) -> Value {
        let summary = self.at(|analysis| analysis.summary(experiment.as_str()));
        let verdicts = summary.map(|summary| summary.flat_verdicts()).filter(|verdicts| !verdicts.is_empty());
        json!(verdicts.unwrap_or_else(|| vec![FlatVerdict::of_nothing(experiment)]))
    }

    fn evidence(&self) -> Vec<u8> {
        self.at(Analysis::evidence)
    }

    fn summary(&self, experiment: &str) -> Option<Value> {
        serde_json::to_value(self.at(|analysis| analysis.summary(experiment))?).ok()
    }
}
