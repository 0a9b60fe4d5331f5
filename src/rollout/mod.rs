//! How experiments go on: which step of a canary comes next, when a candidate is taken out, when a test is over, what a
//! person may order, and how all that survives a restart.
//!
//! What an experiment does next is a pure function, [`ramp::next`], of where it stands, what the policy says, what the
//! evidence says, and the time; a thin loop calls it a few times a second and stores the outcome where the answer path
//! reads it. A reload hands the new policy to [`Rollout::adopt`] before it is published. It never touches traffic: a
//! phase and a weight is all it sets. In a fleet the gateways leave all of this to a controller and follow.

pub mod allocation;
mod announce;
mod course;
pub mod ramp;
mod settings;
mod state;
mod webhook;

#[cfg(test)]
mod tests;

pub use announce::Event;
pub use ramp::Cause;
pub use ramp::Command;
pub use ramp::Refusal;
pub use settings::ConfigMap;
pub use settings::ControllerSettings;
pub use settings::FleetSettings;
pub use settings::Replicas;
pub use settings::Settings;
pub use settings::Webhook;
pub use state::State;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::analysis::Analysis;
use crate::assign::Share;
use crate::policy::Phase;
use crate::policy::Policy;
use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::contained;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

use announce::Announcer;
use course::Course;
use state::Saved;
use state::StateFile;
use webhook::Hooks;

/// How often experiments are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often the evidence is asked for more than breaches.
const JUDGE_EVERY: Duration = Duration::from_secs(1);
/// How often counts and clocks are written while nothing else changes.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Every experiment of the present policy. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Rollout(Arc<Shared>);

/// Who decides how experiments go on.
#[derive(Debug, Clone)]
pub enum Decides {
    /// This gateway, by its own evidence.
    Here(Arc<Mutex<Analysis>>),
    /// This controller, by the evidence of all its gateways, which also tells what was assigned.
    ForFleet(Arc<Mutex<Analysis>>),
    /// A controller elsewhere.
    Elsewhere,
}

#[derive(Debug)]
struct Shared {
    announcer: Arc<Announcer>,
    decides: Decides,
    courses: Mutex<Courses>,
    /// `None`: somebody else keeps the state.
    file: Option<StateFile>,
    /// What the file holds. Its lock is held across a writing, so that writings happen in the order of states.
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Courses {
    by_name: HashMap<ExperimentName, Course>,
    /// Up to when running time is counted.
    counted_to: Instant,
    /// When the evidence was last asked in full.
    judged: Instant,
    /// Whether something changed that the file must soon hold.
    moved: bool,
    /// The revision of what the fleet's controller told last.
    revision: u64,
    /// What it told, for experiments that a policy yet to come has.
    told: Option<State>,
    /// What people ordered here since the fleet was last told; empty unless this is its controller.
    orders: Vec<Order>,
}

/// What a person ordered of a fleet.
#[derive(Debug)]
struct Order {
    experiment: ExperimentName,
    command: Command,
    reason: String,
    /// The step at which the person saw it.
    step: usize,
}

#[derive(Debug, Default)]
struct Written {
    content: Vec<u8>,
    failing: bool,
}

/// Where an experiment stands, for operators.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// What the experiment is doing.
    pub phase: Phase,
    /// Why it is held; `None` unless it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<Cause>,
    /// The canary's step, from 1; 0 when the candidate is out, and under the other strategies.
    pub step: usize,
    /// How many steps the policy has.
    pub steps: usize,
    /// The stage, which a canary's records carry.
    pub stage: u32,
    /// Counts up from 1 each time that the experiment begins again with empty evidence.
    pub attempt: u32,
    /// The share of units that the canary's candidate answers.
    #[serde(serialize_with = "state::percent::serialize")]
    pub weight: Share,
    /// Requests that the candidate was assigned in this stage.
    pub assigned: u64,
    /// Running time in this stage, in seconds.
    pub held_seconds: f64,
    /// Time since it began, in seconds.
    pub elapsed_seconds: f64,
    /// The candidates that a guardrail took out of an A/B test.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_out: Vec<ModelName>,
    /// What the step still waits for; `None` when no step is running.
    pub waiting_for: Option<Waiting>,
    /// The latest changes, oldest first.
    pub history: Vec<Change>,
}

/// What a step still waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Waiting {
    /// Running time, in seconds.
    pub hold_seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Whether the evidence does not say yet what the step asks of it.
    pub verdict: bool,
    /// Whether a person must promote.
    pub approval: bool,
    /// Whether these are quiet hours.
    pub quiet: bool,
    /// Whether gateways were not heard of.
    pub doubt: bool,
}

/// One change of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it happened.
    pub time: Timestamp,
    /// The stage that it led to.
    pub stage: u32,
    /// The canary's step that it led to, from 1; 0 under the other strategies.
    pub step: usize,
    /// The phase that it led to.
    pub phase: Phase,
    /// The weight that it led to.
    #[serde(with = "state::percent")]
    pub weight: Share,
    /// Who or what moved it.
    #[serde(default = "person")]
    pub cause: Cause,
    /// Why.
    pub reason: String,
}

fn person() -> Cause {
    Cause::Person
}

/// Why a command was not obeyed. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// The policy has no such experiment.
    #[error("no experiment `{0}` in the policy")]
    Unknown(String),
    /// A controller decides.
    #[error("this gateway follows its fleet's controller, which takes orders on its own admin address")]
    Follows,
    /// No controller is listened to.
    #[error("this gateway decides for itself: its policy has no `fleet`")]
    Decides,
    /// The experiment has fixed weights.
    #[error(
        "experiment `{name}` is of strategy `{}`, whose weights the policy file holds; change them there and reload",
        strategy.as_str()
    )]
    NotCanary {
        /// The experiment.
        name: ExperimentName,
        /// Its strategy.
        strategy: StrategyKind,
    },
    /// The ramp is not where the command makes sense.
    #[error("experiment `{name}`: {refusal}")]
    Refused {
        /// The experiment.
        name: ExperimentName,
        /// The reason.
        #[source]
        refusal: Refusal,
    },
}

impl Rollout {
    /// Reads what an earlier run kept in the record's directory. Without evidence: for whoever orders experiments about.
    pub fn open(record_dir: &Path, metrics: Arc<Metrics>) -> Self {
        let nothing = Arc::new(Mutex::new(Analysis::new()));
        Self::deciding(record_dir, Decides::Here(nothing), Vec::new(), metrics)
    }

    /// Reads what an earlier run kept in the record's directory.
    pub fn deciding(
        record_dir: &Path,
        decides: Decides,
        webhooks: Vec<Webhook>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let file = StateFile::in_directory(record_dir);
        let state = file.load();
        Self::of(state, Some(file), decides, webhooks, metrics)
    }

    /// Goes on where a state says; it is its caller who keeps it.
    pub fn from_state(
        state: Option<State>,
        decides: Decides,
        webhooks: Vec<Webhook>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::of(state, None, decides, webhooks, metrics)
    }

    fn of(
        state: Option<State>,
        file: Option<StateFile>,
        decides: Decides,
        webhooks: Vec<Webhook>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let hooks = Arc::new(Hooks::new(webhooks, Arc::clone(&metrics)));
        let announcer = Arc::new(Announcer { metrics, hooks });
        let now = Instant::now();
        let courses = Courses {
            by_name: HashMap::new(),
            counted_to: now,
            judged: now,
            moved: false,
            revision: 0,
            told: None,
            orders: Vec::new(),
        };
        let courses = Mutex::new(courses);
        let rollout = Self(Arc::new(Shared { announcer, decides, courses, file, written: Mutex::default() }));
        if let Some(state) = state {
            rollout.restore(state);
        }
        rollout
    }

    /// Forgets where everything stands and goes on where a state says, once a policy is adopted.
    pub fn restore(&self, state: State) {
        let mut courses = self.counted();
        courses.revision = state.revision;
        let restored = state.experiments.into_iter().map(|saved| {
            let course = Course::restored(saved, Arc::clone(&self.0.announcer));
            (course.name().clone(), course)
        });
        courses.by_name = restored.collect();
    }

    /// Gives the experiments of a new policy their stages; call it before the policy is published.
    ///
    /// An experiment with the same identity, and a canary with the same past steps, goes on where it stands, on the
    /// very [`Ramp`](crate::policy::Ramp) that requests under the old policy count in. Any other begins.
    pub fn adopt(&self, policy: &mut Policy) {
        let follows = matches!(self.0.decides, Decides::Elsewhere);
        let mut courses = self.counted();
        let mut before = std::mem::take(&mut courses.by_name);
        let metrics = &self.0.announcer.metrics;
        // Experiments that are gone must not be shown any longer.
        metrics.weight.reset();
        metrics.ramp_step.reset();
        metrics.ramp_phase.reset();
        for place in 0..policy.experiments.len() {
            let experiment = &policy.experiments[place];
            let name = experiment.name.clone();
            let course = match before.remove(&name) {
                Some(course) => course.adopted(policy, experiment, follows),
                None => Course::begun(policy, experiment, follows, Arc::clone(&self.0.announcer)),
            };
            policy.experiments[place].ramp = course.ramp();
            course.publish(metrics);
            courses.by_name.insert(name, course);
        }
        if let Some(told) = courses.told.take() {
            courses.follow(&told, metrics, |_| true);
            courses.told = Some(told);
        }
        courses.moved = true;
    }

    /// Obeys a person, and returns when the disk has it or the attempt failed and was logged.
    ///
    /// Dropped while it waits for the disk, the command holds and the loop writes it.
    ///
    /// # Errors
    /// When there is no such experiment, or it is not where the command makes sense, or a controller decides.
    pub async fn command(
        &self,
        experiment: &str,
        command: Command,
        reason: &str,
    ) -> Result<Status, RolloutError> {
        let status = {
            let mut courses = self.counted();
            let course = courses.find(experiment)?;
            if matches!(self.0.decides, Decides::Elsewhere) {
                return Err(RolloutError::Follows);
            }
            let (name, strategy) = (course.name().clone(), course.rules().strategy);
            let of_ramps = matches!(command, Command::Promote | Command::Pause | Command::Weight(_));
            if of_ramps && strategy != StrategyKind::Canary {
                return Err(RolloutError::NotCanary { name, strategy });
            }
            let step = course.status().step;
            let moved = course.obey(command, reason);
            let moved = moved.map_err(|refusal| RolloutError::Refused { name: name.clone(), refusal })?;
            course.publish(&self.0.announcer.metrics);
            let status = course.status();
            courses.moved |= moved;
            if moved && matches!(self.0.decides, Decides::ForFleet(_)) {
                courses.orders.push(Order { experiment: name, command, reason: reason.to_owned(), step });
            }
            status
        };
        self.save().await;
        Ok(status)
    }

    /// Where an experiment stands.
    ///
    /// # Errors
    /// When there is no such experiment.
    pub fn status(&self, experiment: &str) -> Result<Status, RolloutError> {
        self.counted().find(experiment).map(|course| course.status())
    }

    /// Moves experiments until `stop`, then writes their state once more. Belongs on the side runtime, after the first
    /// policy was adopted.
    pub async fn run(self, stop: CancellationToken) {
        let telling = self.0.announcer.hooks.run(stop.clone());
        let moving = async {
            let mut tick = tokio::time::interval(TICK);
            let mut saved = Instant::now();
            while stop.run_until_cancelled(tick.tick()).await.is_some() {
                if self.step_on() || saved.elapsed() >= SAVE_EVERY {
                    self.save().await;
                    saved = Instant::now();
                }
            }
            self.save().await;
        };
        tokio::join!(telling, moving);
    }

    /// Tells webhooks of changes until `stop`, for whoever does not `run`.
    pub async fn tell(&self, stop: CancellationToken) {
        self.0.announcer.hooks.run(stop).await;
    }

    /// Where everything stands, and how many orders of people in it no [`stands_at`](Self::stands_at) has taken yet.
    pub fn unpublished(&self) -> (State, usize) {
        let courses = self.counted();
        (courses.state(), courses.orders.len())
    }

    /// Notes the revision under which a state was published that holds the oldest `orders` of people.
    pub fn stands_at(&self, revision: u64, orders: usize) {
        let mut courses = self.counted();
        courses.revision = revision;
        courses.orders.drain(..orders);
    }

    /// Obeys once more what people ordered and nobody published, after a [`restore`](Self::restore) of what another
    /// controller decided meanwhile. To promote means the step that the person saw: from another one, nobody goes on.
    pub fn obey_again(&self) {
        let mut courses = self.counted();
        let Courses { by_name, orders, .. } = &mut *courses;
        orders.retain(|Order { experiment, command, reason, step }| {
            let Some(course) = by_name.get_mut(experiment) else { return false };
            let passed = *command == Command::Promote && course.status().step != *step;
            let obeyed = if passed { Ok(false) } else { course.obey(*command, reason) };
            course.publish(&self.0.announcer.metrics);
            let holds = matches!(obeyed, Ok(true));
            if !holds {
                tracing::warn!(%experiment, ?command, "another controller was first; the order changes nothing any more");
            }
            holds
        });
    }

    /// Lets every experiment do what it does by itself; says whether there is something to write soon.
    pub fn step_on(&self) -> bool {
        let mut courses = self.counted();
        self.judge(&mut courses);
        let mut moved = courses.moved;
        if !matches!(self.0.decides, Decides::Elsewhere) {
            for course in courses.by_name.values_mut() {
                if course.step_on() {
                    course.publish(&self.0.announcer.metrics);
                    moved = true;
                }
            }
        }
        courses.moved = moved;
        moved
    }

    /// Keeps everything from going on by itself while not all evidence is known; roll backs still happen.
    pub fn doubt(&self, doubt: Option<String>) {
        self.counted().by_name.values_mut().for_each(|course| course.doubt(doubt.as_ref()));
    }

    /// Where everything stands, under the revision that was told or followed last.
    pub fn state(&self) -> State {
        self.counted().state()
    }

    /// Goes where a fleet's controller says, and tells the revision that it stands at then. What is older than what was
    /// heard before is left alone; of two that say different things under one revision, whoever takes a candidate out
    /// is heard.
    ///
    /// # Errors
    /// When this gateway decides for itself.
    pub fn follow(&self, told: &State) -> Result<u64, RolloutError> {
        if !matches!(self.0.decides, Decides::Elsewhere) {
            return Err(RolloutError::Decides);
        }
        let mut courses = self.counted();
        if told.revision >= courses.revision {
            let again = told.revision == courses.revision && courses.told.is_some();
            courses.revision = told.revision;
            courses.follow(told, &self.0.announcer.metrics, |saved| !again || !saved.phase.is_open());
            if !again {
                courses.told = Some(told.clone());
            }
        }
        let heard = Timestamp::from(SystemTime::now()).as_micros() as f64 / 1e6;
        self.0.announcer.metrics.controller_heard.with_label_values::<&str>(&[]).set(heard);
        Ok(courses.revision)
    }

    /// Asks the evidence.
    fn judge(&self, courses: &mut Courses) {
        let (analysis, counted) = match &self.0.decides {
            Decides::Here(analysis) => (analysis, false),
            Decides::ForFleet(analysis) => (analysis, true),
            Decides::Elsewhere => return,
        };
        let since = courses.judged.elapsed();
        let since = (since >= JUDGE_EVERY).then_some(since);
        let metrics = &self.0.announcer.metrics;
        let asked = Analysis::look(analysis, |analysis| {
            for course in courses.by_name.values_mut() {
                let mut ask =
                    |since| contained(Plane::Admin, metrics, || course.judge(analysis, counted, since));
                // A figure whose computation fails must not keep a candidate in that a guardrail tells of.
                if ask(since).is_err() && since.is_some() {
                    let _ = ask(None);
                }
            }
        });
        if asked.is_some() && since.is_some() {
            courses.judged = Instant::now();
        }
    }

    async fn save(&self) {
        let rollout = self.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || rollout.write()).await {
            tracing::error!(%error, "the experiments' state was not written");
        }
    }

    /// Writes the present state if the file does not hold it. Blocks, and goes on when its caller is gone.
    fn write(&self) {
        let Some(file) = &self.0.file else { return };
        let mut written = self.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        let content = {
            let mut courses = self.counted();
            courses.moved = false;
            courses.state().to_json()
        };
        if content == written.content {
            return;
        }
        match file.write(&content) {
            Ok(()) => *written = Written { content, failing: false },
            Err(error) => {
                if !written.failing {
                    let path = file.path().display();
                    tracing::error!(%error, %path, "the experiments' state cannot be written; a restart would lose it");
                }
                written.failing = true;
            }
        }
    }

    /// The experiments, with running time counted up to now.
    fn counted(&self) -> MutexGuard<'_, Courses> {
        // Every change is a few assignments that cannot panic half-way.
        let mut courses = self.0.courses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let elapsed = now - courses.counted_to;
        courses.counted_to = now;
        courses.by_name.values_mut().for_each(|course| course.count(elapsed));
        courses
    }
}

impl Courses {
    fn find(&mut self, name: &str) -> Result<&mut Course, RolloutError> {
        let unknown = || RolloutError::Unknown(name.to_owned());
        let name = ExperimentName::new(name).map_err(|_| unknown())?;
        self.by_name.get_mut(&name).ok_or_else(unknown)
    }

    /// Goes where the fleet's controller says of these experiments.
    fn follow(&mut self, told: &State, metrics: &Metrics, which: impl Fn(&Saved) -> bool) {
        for saved in told.experiments.iter().filter(|saved| which(saved)) {
            let Some(course) = self.by_name.get_mut(&saved.experiment) else { continue };
            if course.follow(saved) {
                course.publish(metrics);
                self.moved = true;
            }
        }
    }

    fn state(&self) -> State {
        let mut experiments: Vec<_> = self.by_name.values().map(Course::save).collect();
        experiments.sort_by(|a, b| a.experiment.cmp(&b.experiment));
        State::new(self.revision, experiments)
    }
}
