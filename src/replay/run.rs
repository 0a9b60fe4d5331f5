//! The replay itself: requests leave on time, answers become pairs, and everything that was not sent is counted.
//!
//! Calls run on one thread with connections of its own; the writer and name look-ups run beside it. A request that is due
//! never waits for an answer, only for a place: how many had to, and how long at most, is told.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http_body_util::Full;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::runtime::LocalOptions;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dataset::Hidden;
use crate::dataset::Snapshot;
use crate::dataset::hidden;
use crate::policy::Experiment;
use crate::policy::OutcomeKind;
use crate::policy::Policy;
use crate::policy::Unit;
use crate::protocol::class_text;
use crate::record::Captured;
use crate::record::CapturedRequest;
use crate::record::Line;
use crate::record::Marks;
use crate::record::Observation;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::record::Reader;
use crate::record::Recorder;
use crate::record::Writer;
use crate::record::fits_into_line;
use crate::record::recorded_identity;
use crate::replay::Notes;
use crate::replay::ReplayError;
use crate::replay::Run;
use crate::replay::Setup;
use crate::replay::Source;
use crate::replay::call::call;
use crate::replay::lanes::Lane;
use crate::replay::lanes::Lanes;
use crate::replay::notes::on_record;
use crate::replay::rebuilt::Asked;
use crate::replay::rebuilt::answered;
use crate::replay::rebuilt::asked;
use crate::strategy::Assignment;
use crate::telemetry::Metrics;
use crate::upstream::Client;
use crate::upstream::Fleet;
use crate::upstream::Model;
use crate::upstream::Purpose;
use crate::upstream::Resend;
use crate::upstream::Resolver;
use crate::vocab::ArmId;
use crate::vocab::ExperimentName;
use crate::vocab::RequestId;
use crate::vocab::Timestamp;

/// How many calls may wait for a place beyond those under way, so that memory is bounded whatever the pace.
const WAITING: usize = 1_024;

/// A call that leaves so much after its time was held up by the others.
const LATE: Duration = Duration::from_millis(10);

/// After so many calls in a row without a connection a target is given up.
const UNREACHABLE: u32 = 20;

/// How often it is looked whether the writer has room again, which comes by itself.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that were looked at.
    pub done: u64,
    /// Requests that there are.
    pub total: u64,
}

/// What calls share.
struct Shared {
    send_unmarked: bool,
    lanes: Lanes,
    models: Vec<Arc<Model>>,
    places: Vec<Semaphore>,
    client: Client<Full<Bytes>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    recorder: Recorder,
    run: RefCell<Run>,
    /// Calls in a row, by target, for which no connection came about.
    failed: Vec<Cell<u32>>,
    /// Which target was given up, and why.
    unreachable: RefCell<Option<(usize, String)>>,
}

/// One request with what was reported of it.
struct Case {
    pair: Box<PairedRecord>,
    outcomes: Vec<OutcomeRecord>,
}

/// A request on its way to one target.
struct Sending {
    shared: Rc<Shared>,
    case: Rc<Case>,
    asked: Rc<Asked>,
    lane: Lane,
    due: Option<Instant>,
}

/// Replays the snapshots and says what was sent. Blocks until every answer is on record; not to be called on a runtime's
/// thread. Killed, it loses what was under way, and can be gone on with.
///
/// # Errors
/// When a snapshot was changed, nothing can be written, or a target cannot be reached.
pub fn run(setup: &Setup, progress: &mut dyn FnMut(Progress)) -> Result<Notes, ReplayError> {
    let snapshots = opened(setup)?;
    let lanes = Lanes::of(setup, &snapshots)?;
    let notes = Notes {
        sources: snapshots.iter().map(Source::of).collect(),
        targets: lanes.addresses(),
        policy: lanes.file_hash.clone(),
        runs: Vec::new(),
    };
    let mut notes = notes.resumed(&setup.records, setup.resume)?;
    let failed = |source| ReplayError::Write { path: setup.records.clone(), source };
    fs::create_dir_all(&setup.records).map_err(failed)?;
    let known = on_record(&setup.records)?;
    notes.runs.push(begun(setup));
    notes.write(&setup.records)?;

    let side =
        Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(ReplayError::Thread)?;
    let metrics = Arc::new(Metrics::new());
    let recorder = Recorder::new(&lanes.record);
    let writer = Writer::new(&lanes.record, recorder.clone(), Arc::clone(&metrics), Vec::new());
    let (writing, stop) = (TaskTracker::new(), CancellationToken::new());
    writing.spawn_on(writer.run(stop.clone()), side.handle());
    writing.close();
    let resolver = Resolver::new(side.handle().clone());
    let fleet = Fleet::new(&lanes.policy, lanes.upstreams.clone(), &metrics, &resolver, None);
    let local = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let local = local.map_err(ReplayError::Thread)?;
    let run = begun(setup);
    let sent = local.block_on(send_all(setup, &snapshots, lanes, fleet, recorder, known, run, progress));
    side.block_on(async {
        stop.cancel();
        writing.wait().await;
    });
    let (run, unreachable) = sent?;
    notes.runs.pop();
    notes.runs.push(run);
    notes.write(&setup.records)?;
    match unreachable {
        Some(error) => Err(error),
        None => Ok(notes),
    }
}

/// The snapshots, as they were made.
fn opened(setup: &Setup) -> Result<Vec<Snapshot>, ReplayError> {
    let open = |dir: &PathBuf| {
        let snapshot = Snapshot::open(dir)?;
        match snapshot.changes()?.first() {
            Some(change) => Err(ReplayError::Changed { snapshot: dir.clone(), change: change.to_string() }),
            None => Ok(snapshot),
        }
    };
    setup.snapshots.iter().map(open).collect()
}

fn begun(setup: &Setup) -> Run {
    Run {
        begun: Timestamp::from(SystemTime::now()),
        pace: setup.pace.to_string(),
        concurrency: setup.concurrency,
        requests: 0,
        sent: 0,
        on_record: 0,
        hidden: Default::default(),
        unreadable: 0,
        unsent: 0,
        delayed: 0,
        longest_delay_ms: 0.0,
        without_answer: 0,
        answers_changed: 0,
        headers_left_out: Default::default(),
        outcomes: 0,
        outcomes_left_out: 0,
    }
}

#[expect(clippy::too_many_arguments, reason = "it owns what one thread works with, all of different kinds")]
async fn send_all(
    setup: &Setup,
    snapshots: &[Snapshot],
    lanes: Lanes,
    fleet: Fleet,
    recorder: Recorder,
    known: HashSet<(ExperimentName, RequestId)>,
    run: Run,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Run, Option<ReplayError>), ReplayError> {
    let models: Vec<_> = lanes.targets.iter().map(|(id, _)| Arc::clone(fleet.model(*id))).collect();
    let places = models.iter().map(|model| {
        let most = usize::try_from(model.settings.max_in_flight).unwrap_or(usize::MAX);
        Semaphore::new(setup.concurrency.min(most))
    });
    let tasks = Rc::new(TaskTracker::new());
    let shared = Rc::new(Shared {
        send_unmarked: setup.send_unmarked,
        places: places.collect(),
        failed: models.iter().map(|_| Cell::new(0)).collect(),
        client: Client::new(Rc::new(TaskTracker::new()), Resend::Idempotent),
        models,
        lanes,
        headers: setup.headers.clone(),
        recorder,
        run: RefCell::new(run),
        unreachable: RefCell::new(None),
    });
    let queue = Arc::new(Semaphore::new(WAITING + setup.concurrency));
    let kept = |snapshot: &Snapshot| snapshot.manifest.counts.kept.min(setup.limit.unwrap_or(u64::MAX));
    let total = snapshots.iter().map(kept).sum();
    let mut done = 0;
    for (place, snapshot) in snapshots.iter().enumerate() {
        // The clock begins with the first request that is sent, which after a break is a later one.
        let mut first = None;
        let mut cases = Cases { lines: snapshot.lines()?, waiting: None };
        for _ in 0..kept(snapshot) {
            let Some(case) = cases.next()? else { break };
            done += 1;
            progress(Progress { done, total });
            let Some((case, asked)) = shared.ready(case) else { continue };
            for lane in shared.lanes.of_record(place, &case.pair.experiment).to_vec() {
                let name = &shared.lanes.policy.experiments[lane.experiment].name;
                if known.contains(&(name.clone(), case.pair.request_id)) {
                    shared.run.borrow_mut().on_record += 1;
                    continue;
                }
                let (time, begun) = *first.get_or_insert_with(|| (case.pair.time, Instant::now()));
                let due = setup.pace.due(time, case.pair.time).map(|after| begun + after);
                if let Some(due) = due {
                    tokio::time::sleep_until(due).await;
                }
                let Ok(waiting) = Arc::clone(&queue).acquire_owned().await else { continue };
                let (case, asked) = (Rc::clone(&case), Rc::clone(&asked));
                let sending = Sending { shared: Rc::clone(&shared), case, asked, lane, due };
                tasks.spawn_local(async move {
                    sending.run().await;
                    drop(waiting);
                });
            }
            if shared.unreachable.borrow().is_some() {
                break;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
    let run = shared.run.borrow().clone();
    let unreachable = shared.unreachable.borrow_mut().take().map(|(target, why)| ReplayError::Unreachable {
        target: shared.lanes.target(target).to_string(),
        why,
    });
    Ok((run, unreachable))
}

/// The requests of a snapshot, each with its outcomes, which follow it.
struct Cases {
    lines: Reader,
    waiting: Option<Box<PairedRecord>>,
}

impl Cases {
    fn next(&mut self) -> Result<Option<Case>, ReplayError> {
        let mut outcomes = Vec::new();
        for line in &mut self.lines {
            match line? {
                Line::Pair(pair) => {
                    if let Some(pair) = self.waiting.replace(pair) {
                        return Ok(Some(Case { pair, outcomes }));
                    }
                }
                Line::Outcome(outcome) => outcomes.push(*outcome),
                Line::Design(_) | Line::Answered(_) | Line::Judgement(_) | Line::Gap(_) => {}
            }
        }
        Ok(self.waiting.take().map(|pair| Case { pair, outcomes }))
    }
}

impl Shared {
    /// A request that may be sent; `None`: it may not, and why is counted.
    fn ready(&self, case: Case) -> Option<(Rc<Case>, Rc<Asked>)> {
        let mut run = self.run.borrow_mut();
        run.requests += 1;
        let is_sent = |why: &Hidden| *why == Hidden::Unmarked && self.send_unmarked;
        if let Some(why) = hidden(&case.pair).filter(|why| !is_sent(why)) {
            *run.hidden.entry(why).or_default() += 1;
            return None;
        }
        match asked(&case.pair, &mut run.headers_left_out) {
            Some(asked) => Some((Rc::new(case), Rc::new(asked))),
            None => {
                run.unreadable += 1;
                None
            }
        }
    }

    /// Hands a pair and its outcomes on, once the writer has room.
    async fn record(&self, pair: Pair, outcomes: Vec<OutcomeRecord>) {
        let room = self.lanes.record.queue_records / 2;
        let bytes = self.lanes.record.queue_bytes / 2;
        while matches!(self.recorder.depth(), (records, held) if records >= room.max(1) || held >= bytes) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.recorder.hand(pair);
        for outcome in outcomes {
            while !self.recorder.hand_outcome(outcome.clone()) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

impl Sending {
    async fn run(self) {
        let Self { shared, case, asked, lane, due } = self;
        let Ok(_place) = shared.places[lane.target].acquire().await else { return };
        if shared.unreachable.borrow().is_some() {
            return;
        }
        let late = due.map_or(Duration::ZERO, |due| Instant::now().saturating_duration_since(due));
        let model = shared.lanes.targets[lane.target].0;
        let Ok(permit) = shared.models[lane.target].admit(Purpose::Answer) else {
            shared.run.borrow_mut().unsent += 1;
            return;
        };
        let cap = shared.lanes.record.body_cap_bytes;
        let policy = &shared.lanes.policy;
        let suppresses_tools = policy.experiments[lane.experiment].suppresses_tools;
        let fitted = asked.fitted(policy.model(model), suppresses_tools, &shared.headers);
        let seen = call(&shared.client, permit, fitted, model, cap).await;
        let failed = &shared.failed[lane.target];
        let mut seen = match seen {
            Ok(seen) => seen,
            Err(error) => {
                failed.set(failed.get() + 1);
                shared.run.borrow_mut().unsent += 1;
                if failed.get() >= UNREACHABLE {
                    shared.unreachable.borrow_mut().get_or_insert((lane.target, error.to_string()));
                }
                return;
            }
        };
        failed.set(0);
        seen.skew = late;
        let (pair, outcomes) = shared.paired(&case, &asked, &lane, seen, late);
        shared.record(pair, outcomes).await;
    }
}

impl Shared {
    /// The recorded answer and the new one as a pair, with the outcomes that hold for both.
    fn paired(
        &self,
        case: &Case,
        asked: &Asked,
        lane: &Lane,
        seen: Observation,
        late: Duration,
    ) -> (Pair, Vec<OutcomeRecord>) {
        let mut run = self.run.borrow_mut();
        run.sent += 1;
        if late >= LATE {
            run.delayed += 1;
            run.longest_delay_ms = run.longest_delay_ms.max(late.as_secs_f64() * 1000.0);
        }
        let policy = &self.lanes.policy;
        let experiment = &policy.experiments[lane.experiment];
        let record = &case.pair;
        let mut legs = Vec::new();
        match answered(record, experiment.model(ArmId::LEGACY)) {
            Some((old, is_changed)) => {
                run.answers_changed += u64::from(is_changed);
                legs.push(old);
            }
            None => run.without_answer += 1,
        }
        let served = (!legs.is_empty()).then_some(ArmId::LEGACY);
        legs.push(seen);
        let outcomes: Vec<OutcomeRecord> =
            case.outcomes.iter().filter_map(|outcome| carried(outcome, experiment, lane, policy)).collect();
        run.outcomes += outcomes.len() as u64;
        run.outcomes_left_out += (case.outcomes.len() - outcomes.len()) as u64;
        let mut body = Captured::default();
        body.push(&asked.body, usize::MAX);
        let pair = Pair {
            policy: Arc::clone(policy),
            experiment: lane.experiment,
            id: record.request_id,
            time: record.time,
            attempt: 1,
            stage: None,
            split: None,
            unit: record.unit.clone().map_or(Unit::Request, Unit::Named),
            assignment: Assignment { arm: ArmId::LEGACY, propensity: 1.0, enrolled: true, forced: false },
            served,
            marks: Marks::default(),
            request: CapturedRequest {
                method: asked.method.clone(),
                uri: asked.uri.clone(),
                headers: asked.headers.clone(),
                body,
            },
            legs,
            dropped: Vec::new(),
            shown: None,
            dues: Vec::new(),
            spans: Vec::new(),
        };
        (pair, outcomes)
    }
}

/// An outcome that describes the request, as one of the replay; `None`: it describes the old answer, or its value is none
/// of the type that the policy declares.
fn carried(
    outcome: &OutcomeRecord,
    experiment: &Experiment,
    lane: &Lane,
    policy: &Policy,
) -> Option<OutcomeRecord> {
    if outcome.late || !lane.truths.contains(&outcome.outcome) {
        return None;
    }
    let kind = experiment.outcomes.get(&outcome.outcome)?.kind;
    let value =
        if outcome.kind == kind { outcome.value.clone() } else { of_kind(kind, &outcome.value.to_json())? };
    Some(OutcomeRecord {
        request_id: outcome.request_id,
        time: outcome.time,
        request_time: outcome.request_time,
        experiment: experiment.name.clone(),
        identity: recorded_identity(&experiment.identity, 1),
        stage: None,
        arm: experiment.arm_name(policy, ArmId::LEGACY).clone(),
        unit: outcome.unit.clone(),
        enrolled: true,
        outcome: outcome.outcome.clone(),
        kind,
        value,
        late: false,
        credit: None,
    })
}

/// A value as the type that a policy declares.
fn of_kind(kind: OutcomeKind, value: &Value) -> Option<OutcomeValue> {
    // Answers that are all right are listed in some sets; one alone is what is right.
    let value = match value {
        Value::Array(all) if all.len() == 1 && kind != OutcomeKind::Json => &all[0],
        other => other,
    };
    match kind {
        OutcomeKind::Click => None,
        OutcomeKind::Label => class_text(value).map(OutcomeValue::Label),
        OutcomeKind::Binary => value.as_bool().map(OutcomeValue::Binary),
        OutcomeKind::Number => value.as_f64().filter(|number| number.is_finite()).map(OutcomeValue::Number),
        OutcomeKind::Json => fits_into_line(value).then(|| OutcomeValue::Json(value.clone())),
    }
}
