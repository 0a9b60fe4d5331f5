//! The only wiring: a config becomes parts, the parts run, and they stop in an order that loses nothing.
//!
//! The data plane has threads of its own; everything beside the answer path (admin, writer, rollout, watch) shares
//! one small runtime.

mod memory;
mod reload;
mod spending;

pub use reload::Reload;
pub use reload::Reloaded;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use http::StatusCode;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::admin::Admin;
use crate::analysis::Analysis;
use crate::analysis::FlatVerdict;
use crate::analysis::Kept;
use crate::app::spending::Ledger;
use crate::config;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::feedback::Feedback;
use crate::judge::Judges;
use crate::proxy;
use crate::proxy::Drain;
use crate::proxy::Parts;
use crate::proxy::Shared;
use crate::proxy::Workers;
use crate::record::Guard;
use crate::record::MemoryBudget;
use crate::record::Recorder;
use crate::record::Writer;
use crate::rollout::Decides;
use crate::rollout::Rollout;
use crate::rollout::State;
use crate::rollout::allocation::Allocation;
use crate::telemetry::Evaluations;
use crate::telemetry::Metrics;
use crate::telemetry::Traces;
use crate::upstream::Resolver;
use crate::vocab::ExperimentName;
use crate::vocab::Timestamp;

/// How often files of certificates are read: a replaced secret is in use at once, by the measure of its life.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long the last traces may take to leave.
const TRACES_PATIENCE: Duration = Duration::from_secs(2);

/// A running gateway. Shut it down; dropped, it leaves its threads to themselves.
pub struct Gateway {
    data: SocketAddr,
    admin: SocketAddr,
    side: Runtime,
    shared: Arc<Shared>,
    analysis: Arc<Mutex<Analysis>>,
    reload: Arc<Reload>,
    workers: Workers,
    drain: Drain,
    /// Ends what feeds the log, then the log itself.
    stops: Stops,
    traces: Traces,
    evaluations: Evaluations,
    ledger: Arc<Ledger>,
}

/// The orders to stop, in the order in which they are given.
struct Stops {
    rest: CancellationToken,
    resting: TaskTracker,
    writer: CancellationToken,
    writing: TaskTracker,
    deliveries: CancellationToken,
    delivering: TaskTracker,
}

/// Why a gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be listened on.
    #[error("cannot listen on {address} (`listen.{key}`): {source}")]
    Listen {
        /// The policy's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The directory of the record cannot be made.
    #[error("cannot make the directory {path} (`record.dir`): {source}")]
    RecordDir {
        /// The directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl Gateway {
    /// Starts everything; both ports listen when it returns. Blocks, so not to be called on a runtime's thread.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let watching = Reload::watching(&config);
        let Config {
            path,
            listen,
            limits,
            record,
            deliveries,
            feedback,
            rollout,
            upstreams,
            judges,
            mut policy,
        } = config;
        let side =
            Builder::new_multi_thread().worker_threads(2).thread_name("crossfade-side").enable_all().build();
        let side = side.map_err(StartError::Thread)?;
        let data_listener = bind(&side, "data", listen.data)?;
        let admin_listener = bind(&side, "admin", listen.admin)?;
        std::fs::create_dir_all(&record.dir)
            .map_err(|source| StartError::RecordDir { path: record.dir.display().to_string(), source })?;

        let metrics = Arc::new(Metrics::new());
        let traces = Traces::from_environment(side.handle());
        let evaluations = Evaluations::from_environment(side.handle());
        let analysis = Arc::new(Mutex::new(Analysis::restored(&record.dir, Arc::clone(&metrics))));
        let decides = match &rollout.fleet {
            None => Decides::Here(Arc::clone(&analysis)),
            Some(_) => Decides::Elsewhere,
        };
        let decisions = rollout.fleet.map(|fleet| fleet.decisions);
        let rollout = Rollout::deciding(&record.dir, decides, rollout.webhooks, Arc::clone(&metrics));
        rollout.adopt(&mut policy);
        let ledger = Arc::new(Ledger::in_dir(&record.dir));
        ledger.restore(&policy);
        if let Some(decisions) = &decisions {
            obey(decisions, &rollout);
        }
        let deliveries: Vec<Delivery> = deliveries
            .into_iter()
            .map(|settings| Delivery::new(settings, &record.dir, Arc::clone(&metrics)))
            .collect();
        let recorder = Recorder::new(&record);
        let heard = Arc::new(Feedback::new(feedback.clone(), recorder.clone(), Arc::clone(&metrics)));
        let body_cap_bytes = record.body_cap_bytes;
        let judges =
            Judges::new(judges, &record.dir, recorder.clone(), Arc::clone(&analysis), Arc::clone(&metrics));
        let mut writer = Writer::new(
            &record,
            recorder.clone(),
            Arc::clone(&metrics),
            vec![Box::new(Kept::of(Arc::clone(&analysis), &record.dir)), Box::new(judges.desk())],
        )
        .telling(evaluations.clone());
        writer.enter();
        let resolver = Resolver::new(side.handle().clone());
        let budget = limits.memory_bytes.unwrap_or_else(memory::default_budget);
        let parts = Parts {
            recorder,
            feedback: heard,
            memory: MemoryBudget::new(budget, &metrics),
            metrics,
            traces: traces.clone(),
            guard: Guard::new(&record),
            body_cap_bytes,
            tls: listen.tls.clone(),
            limits,
            resolver,
        };
        let shared = Arc::new(Shared::new(Arc::new(policy), upstreams, parts));
        let reload = Arc::new(watching.of(Arc::clone(&shared), rollout.clone(), judges.clone()));

        let drain = Drain::new(listen.drain);
        let workers = listen.workers.unwrap_or_else(cpu_limit);
        let workers = Workers::start(workers, &shared, &drain).map_err(StartError::Thread)?;
        let stops = Stops::new();
        let Stops { writer: stop_writer, writing, rest, resting, deliveries: stop_deliveries, delivering } =
            &stops;
        let handle = side.handle();
        writing.spawn_on(writer.run(stop_writer.clone()), handle);
        for delivery in deliveries {
            delivering.spawn_on(delivery.run(stop_deliveries.clone()), handle);
        }
        resting.spawn_on(rollout.clone().run(rest.clone()), handle);
        resting.spawn_on(judges.clone().run(rest.clone()), handle);
        let allocation = Allocation {
            policy: Arc::clone(&shared.policy),
            analysis: Arc::clone(&analysis),
            metrics: Arc::clone(&shared.metrics),
        };
        resting.spawn_on(allocation.run(rest.clone()), handle);
        let (data, admin) = (local(&data_listener, listen.data), local(&admin_listener, listen.admin));
        let accepting =
            proxy::accept(data_listener, &workers, &shared, listen.max_connections as usize, drain.clone());
        resting.spawn_on(accepting, handle);
        resting.spawn_on(follow(path, Arc::clone(&reload), rest.clone()), handle);
        if let Some(decisions) = decisions {
            resting.spawn_on(obey_always(decisions, rollout.clone(), rest.clone()), handle);
        }
        resting.spawn_on(Arc::clone(&ledger).keep(Arc::clone(&shared.policy), rest.clone()), handle);
        resting.spawn_on(keep_certificates(Arc::clone(&shared), rest.clone()), handle);
        let state = Admin {
            policy: Arc::clone(&shared.policy),
            metrics: Arc::clone(&shared.metrics),
            rollout,
            token: listen.token,
            max_body_bytes: feedback.max_body_bytes,
            body_time: feedback.timeout,
            judges: Some(judges),
            gateway: Box::new(Operated {
                shared: Arc::clone(&shared),
                analysis: Arc::clone(&analysis),
                reload: Arc::clone(&reload),
            }),
            draining: Arc::clone(&shared.draining),
        };
        resting.spawn_on(admin::serve(admin_listener, state, rest.clone()), handle);
        tracing::info!(%data, %admin, policy = %shared.policy.load().hash, "serving");
        Ok(Self {
            data,
            admin,
            side,
            shared,
            analysis,
            reload,
            workers,
            drain,
            stops,
            traces,
            evaluations,
            ledger,
        })
    }

    /// The users' address, with the port that the system gave where the policy says 0.
    pub fn data_addr(&self) -> SocketAddr {
        self.data
    }

    /// The operators' address.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// What is known of every experiment so far.
    pub fn analysis(&self) -> &Mutex<Analysis> {
        &self.analysis
    }

    /// Puts the policy file's present content in place.
    pub fn reload(&self) -> &Arc<Reload> {
        &self.reload
    }

    /// Stops: readiness fails, what is in flight is finished within the drain time, every record is on disk when
    /// this returns. Blocks, so not to be called on a runtime's thread.
    pub fn shut_down(self) {
        let Self { side, shared, workers, drain, stops, traces, evaluations, ledger, .. } = self;
        tracing::info!("draining");
        // Relaxed: a flag; whoever misses it for a moment is cut off by the drain itself.
        shared.draining.store(true, Ordering::Relaxed);
        drain.begin();
        workers.join();
        side.block_on(async {
            // The log ends last: until the operators' side is gone, outcomes still arrive there.
            stops.rest.cancel();
            stops.resting.wait().await;
            stops.writer.cancel();
            stops.writing.wait().await;
            ledger.save(&shared.policy.load());
            // What was written last is carried too, where that is quick.
            stops.deliveries.cancel();
            stops.delivering.wait().await;
            tokio::join!(traces.shutdown(TRACES_PATIENCE), evaluations.shutdown(TRACES_PATIENCE));
        });
        side.shutdown_timeout(Duration::from_secs(1));
        tracing::info!("stopped");
    }
}

impl Stops {
    fn new() -> Self {
        let [writing, resting, delivering] = [(); 3].map(|()| {
            let tracker = TaskTracker::new();
            tracker.close();
            tracker
        });
        let [writer, rest, deliveries] = [(); 3].map(|()| CancellationToken::new());
        Self { rest, resting, writer, writing, deliveries, delivering }
    }
}

/// The gateway as operators reach it.
struct Operated {
    shared: Arc<Shared>,
    analysis: Arc<Mutex<Analysis>>,
    reload: Arc<Reload>,
}

impl admin::Gateway for Operated {
    fn reload(&self) -> admin::Reload {
        match self.reload.now() {
            Ok(Reloaded::Unchanged { hash }) => admin::Reload::Applied { hash, needs_restart: Vec::new() },
            Ok(Reloaded::Changed { hash, needs_restart }) => admin::Reload::Applied { hash, needs_restart },
            Err(problems) => {
                admin::Reload::Refused { problems: problems.0.iter().map(ToString::to_string).collect() }
            }
        }
    }

    fn take_feedback(&self, report: &[u8]) -> (StatusCode, Value) {
        let now = Timestamp::from(SystemTime::now());
        let reply = self.shared.feedback.report(&self.shared.policy.load(), report, now);
        (reply.status, reply.body)
    }

    fn refresh(&self) {
        Analysis::publish(&self.analysis, &self.shared.metrics);
    }

    fn verdicts(&self, experiment: &ExperimentName) -> Value {
        let analysis = self.analysis.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = analysis.summary(experiment.as_str());
        let verdicts = summary.map(|summary| summary.flat_verdicts()).filter(|verdicts| !verdicts.is_empty());
        json!(verdicts.unwrap_or_else(|| vec![FlatVerdict::of_nothing(experiment)]))
    }

    fn evidence(&self) -> Vec<u8> {
        self.analysis.lock().unwrap_or_else(PoisonError::into_inner).evidence()
    }

    fn summary(&self, experiment: &str) -> Option<Value> {
        // A panic under the lock can only have left one record half counted.
        let analysis = self.analysis.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_value(analysis.summary(experiment)?).ok()
    }
}

/// Reloads whenever the policy file changes, until it is told to stop.
async fn follow(path: std::path::PathBuf, reload: Arc<Reload>, stop: CancellationToken) {
    let (ticks, mut changes) = mpsc::channel(1);
    let watching = config::watch(&path, ticks);
    let reloading = async {
        while changes.recv().await.is_some() {
            let reload = Arc::clone(&reload);
            // Its result is logged and counted there; reading and checking a file would hold this thread up.
            let _ = tokio::task::spawn_blocking(move || reload.now().is_ok()).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = reloading => {}
        () = stop.cancelled() => {}
    }
}

/// Goes where the fleet's controller says whenever its file changes, until it is told to stop.
async fn obey_always(decisions: std::path::PathBuf, rollout: Rollout, stop: CancellationToken) {
    let (ticks, mut changes) = mpsc::channel(1);
    let watching = config::watch(&decisions, ticks);
    let obeying = async {
        // What changed between the first look and the watch is found here.
        loop {
            let (path, rollout) = (decisions.clone(), rollout.clone());
            let _ = tokio::task::spawn_blocking(move || obey(&path, &rollout)).await;
            if changes.recv().await.is_none() {
                return;
            }
        }
    };
    tokio::select! {
        () = watching => {}
        () = obeying => {}
        () = stop.cancelled() => {}
    }
}

/// Reads what the fleet's controller decided. Until it has, legacy alone answers.
fn obey(decisions: &std::path::Path, rollout: &Rollout) {
    let told = match std::fs::read(decisions) {
        Ok(told) if told.trim_ascii().is_empty() => return,
        Ok(told) => State::from_json(&told),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => Err(error.to_string()),
    };
    let followed = told.and_then(|told| rollout.follow(&told).map_err(|error| error.to_string()));
    if let Err(problem) = followed {
        let path = decisions.display();
        tracing::error!(%path, problem, "what the controller decided cannot be read; weights stay");
    }
}

/// Looks every few seconds whether files of certificates changed, until it is told to stop.
async fn keep_certificates(shared: Arc<Shared>, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => return,
        }
        let shared = Arc::clone(&shared);
        // What comes of it is logged and counted there; reading files would hold this thread up.
        let _ = tokio::task::spawn_blocking(move || shared.renew_certificates()).await;
    }
}

fn bind(side: &Runtime, key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    side.block_on(TcpListener::bind(address)).map_err(|source| StartError::Listen { key, address, source })
}

fn local(listener: &TcpListener, wanted: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(wanted)
}

/// What the container or the machine lets this process use.
fn cpu_limit() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
