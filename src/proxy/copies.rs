//! Copies of requests: begun when the whole body is in hand, run beside everything, bounded in every way.
//!
//! A copy has connections and deadlines of its own, outlives its client, and is sent once, whatever became of the
//! answer. What the bounds forbid is dropped and counted with its reason.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use http::Request;
use http::request::Parts;
use http_body::Body;
use prometheus::IntGauge;

use crate::policy::Experiment;
use crate::proxy::handler::Visit;
use crate::proxy::headers;
use crate::proxy::leg::Leg;
use crate::proxy::rewriting;
use crate::proxy::upload::Gathered;
use crate::proxy::upload::Outgoing;
use crate::record::DroppedCopy;
use crate::record::Want;
use crate::strategy::CopyLeg;
use crate::strategy::Strategy;
use crate::strategy::shadow::Budget;
use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::contained_future;
use crate::upstream::Answer;
use crate::upstream::Deadlines;
use crate::upstream::Permit;
use crate::upstream::Purpose;
use crate::vocab::DropReason;
use crate::vocab::Fate;
use crate::vocab::Timestamp;

/// A copy's answer is read to this multiple of the body cap; a model that sends more is cut off.
const ANSWER_CAPS: u64 = 16;

/// Probes of a model that was left alone, at a time. They have places of their own: while calls that hang fill the
/// bounds, to their deadline, nothing else would tell that the model is well again.
const PROBES: u32 = 16;

/// How busy an experiment's copies are, shared by all threads and kept through reloads.
#[derive(Debug)]
pub(super) struct CopyLimits {
    in_flight: AtomicU32,
    bytes: AtomicU64,
    probes: AtomicU32,
    /// The present second since the epoch in the high half, the copies begun in it in the low half.
    second: AtomicU64,
    in_flight_gauge: IntGauge,
    bytes_gauge: IntGauge,
}

/// A copy's place within the bounds; dropping it gives the place back.
#[derive(Debug)]
struct Slot {
    limits: Arc<CopyLimits>,
    bytes: u64,
    is_probe: bool,
}

impl CopyLimits {
    pub(super) fn new(experiment: &Experiment, metrics: &Metrics) -> Self {
        let labels = &[experiment.name.as_str()];
        Self {
            in_flight: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
            probes: AtomicU32::new(0),
            second: AtomicU64::new(0),
            in_flight_gauge: metrics.copies_in_flight.with_label_values(labels),
            bytes_gauge: metrics.copies_bytes.with_label_values(labels),
        }
    }

    /// Takes a place for one copy of this many bytes.
    fn take(
        self: &Arc<Self>,
        budget: &Budget,
        bytes: u64,
        is_probe: bool,
        now: Timestamp,
    ) -> Result<Slot, DropReason> {
        self.in_flight_gauge.inc();
        self.bytes_gauge.add(bytes as i64);
        let slot = Slot { limits: Arc::clone(self), bytes, is_probe };
        // Relaxed throughout: counts against bounds; adding first keeps each bound exact among threads.
        if is_probe {
            if self.probes.fetch_add(1, Ordering::Relaxed) >= PROBES {
                return Err(DropReason::BreakerOpen);
            }
        } else {
            let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
            let held = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if in_flight > budget.in_flight {
                return Err(DropReason::InFlight);
            }
            if held > budget.in_flight_bytes {
                return Err(DropReason::Bytes);
            }
        }
        if budget.per_second.is_some_and(|most| !self.within_rate(most, now)) {
            return Err(DropReason::Rate);
        }
        Ok(slot)
    }

    fn within_rate(&self, most: u32, now: Timestamp) -> bool {
        let second = (now.as_micros() / 1_000_000) as u64 & u64::from(u32::MAX);
        let count = |word: u64| if word >> 32 == second { word & u64::from(u32::MAX) } else { 0 };
        let step = |word: u64| (count(word) < u64::from(most)).then(|| second << 32 | (count(word) + 1));
        self.second.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Self { limits, bytes, is_probe } = self;
        if *is_probe {
            limits.probes.fetch_sub(1, Ordering::Relaxed);
        } else {
            limits.in_flight.fetch_sub(1, Ordering::Relaxed);
            limits.bytes.fetch_sub(*bytes, Ordering::Relaxed);
        }
        limits.in_flight_gauge.dec();
        limits.bytes_gauge.sub(*bytes as i64);
    }
}

/// Copies that wait for the body of their request.
struct Planned {
    visit: Rc<Visit>,
    copies: Vec<CopyLeg>,
}

/// Starts the copies of a request in tasks of their own; returns at once.
pub(super) fn launch(visit: &Rc<Visit>, mut copies: Vec<CopyLeg>, head: &Parts) {
    // Before anything is spent on it: a model that is gone must not cost more than one that is well.
    copies.retain(|copy| {
        let refused = visit.model(copy.arm).refuses_copies();
        if refused {
            drop_copy(visit, copy, DropReason::BreakerOpen);
        }
        !refused
    });
    if copies.is_empty() {
        return;
    }
    let (mut planned, head) = (Planned { visit: Rc::clone(visit), copies }, head.clone());
    visit.worker.copies_under_way.spawn_local(async move {
        let gathered = planned.visit.upload.gathered().await;
        let mut copies = std::mem::take(&mut planned.copies);
        let last = copies.pop();
        let visit = Rc::clone(&planned.visit);
        drop(planned);
        // Each in a task of its own, so that one model's slowness is not another's; the last, mostly the only one, in
        // this.
        for copy in copies {
            if let Some(sending) = begin(&visit, copy, head.clone(), gathered) {
                visit.worker.copies_under_way.spawn_local(sending.run());
            }
        }
        if let Some(sending) = last.and_then(|copy| begin(&visit, copy, head, gathered)) {
            drop(visit);
            // Boxed: a task moves what it runs several times, and this is thousands of bytes.
            Box::pin(sending.run()).await;
        }
    });
}

/// Sends none of the copies of a request, for this reason.
pub(super) fn drop_all(visit: &Visit, copies: &[CopyLeg], reason: DropReason) {
    for copy in copies {
        drop_copy(visit, copy, reason);
    }
}

impl Drop for Planned {
    /// Finds copies only when the drain's time ended before the body did.
    fn drop(&mut self) {
        drop_all(&self.visit, &self.copies, DropReason::Draining);
    }
}

fn admit(visit: &Visit, copy: &CopyLeg, gathered: Gathered) -> Result<(Slot, Permit), DropReason> {
    match gathered {
        Gathered::Whole => {}
        Gathered::TooLarge => return Err(DropReason::BodyTooLarge),
        Gathered::Shed => return Err(DropReason::Memory),
        Gathered::Incomplete => return Err(DropReason::BodyIncomplete),
    }
    // Relaxed: a flag that is set once; a copy that starts a moment later is cut off by the drain.
    if visit.worker.shared.draining.load(Ordering::Relaxed) {
        return Err(DropReason::Draining);
    }
    if !visit.worker.shared.memory.allows(Want::Copy) {
        return Err(DropReason::Memory);
    }
    let experiment = visit.experiment();
    let budget = experiment.strategy.budget().ok_or(DropReason::Budget)?;
    let now = Timestamp::from(SystemTime::now());
    let model = visit.model(copy.arm);
    let placed = model.admit(Purpose::Copy).map_err(refused).and_then(|permit| {
        let bytes = visit.upload.total_bytes();
        let slot = visit.lane().copies.take(budget, bytes, permit.is_probe(), now)?;
        let due = experiment.spend.take(&budget.daily, now).ok_or(DropReason::Budget)?;
        visit.pairing.note(|pair| pair.dues.push((copy.arm, copy.role, due)));
        Ok((slot, permit))
    });
    if let Err(DropReason::InFlight | DropReason::Bytes | DropReason::ModelBusy) = placed {
        model.crowded_by_copies();
    }
    placed
}

fn refused(fate: Fate) -> DropReason {
    if fate == Fate::BreakerOpen { DropReason::BreakerOpen } else { DropReason::ModelBusy }
}

fn drop_copy(visit: &Visit, copy: &CopyLeg, reason: DropReason) {
    let CopyLeg { arm, role } = *copy;
    let dropped = &visit.worker.shared.metrics.copies_dropped;
    let (experiment, arm_name) = visit.names(arm);
    dropped.with_label_values(&[experiment, arm_name, role.as_str(), reason.as_str()]).inc();
    visit.pairing.note(|pair| pair.dropped.push(DroppedCopy { arm, role, reason }));
}

/// A copy that is on its way.
struct Sending {
    visit: Rc<Visit>,
    leg: Box<Leg>,
    request: Box<Request<Outgoing>>,
    deadlines: Deadlines,
    slot: Slot,
    permit: Permit,
}

/// Finds a copy its place, or drops it.
fn begin(visit: &Rc<Visit>, copy: CopyLeg, mut head: Parts, gathered: Gathered) -> Option<Sending> {
    let admitted = admit(visit, &copy, gathered).and_then(|(slot, permit)| {
        let body = visit.upload.stream().ok_or(DropReason::BodyTooLarge)?;
        Ok((slot, permit, body))
    });
    let (slot, permit, body) = match admitted {
        Ok(admitted) => admitted,
        Err(reason) => {
            drop_copy(visit, &copy, reason);
            return None;
        }
    };
    let CopyLeg { arm, role } = copy;
    visit.lane().meters.leg(arm, role).count_sent(&visit.worker.shared.metrics);
    let mut leg = visit.begin(arm, role);
    leg.watch(permit.watch());
    let deadlines =
        Deadlines::from_now(&permit.model().settings.timeouts).within(deadline(&visit.experiment().strategy));
    headers::withhold(&mut head.headers, visit.credentials(arm));
    let suppresses = visit.experiment().suppresses_tools;
    let (body, _) = rewriting::rewrite(visit.policy_model(arm), suppresses, &mut head, body);
    headers::address(&mut head, &permit);
    headers::mark_copy(&mut head.headers, body.size_hint().exact().unwrap_or_default());
    headers::identify_copy(&mut head.headers, visit.id, role);
    leg.trace(&visit.parent, &mut head);
    let request = Box::new(Request::from_parts(head, body));
    Some(Sending { visit: Rc::clone(visit), leg, request, deadlines, slot, permit })
}

impl Sending {
    /// Sends the copy and reads the answer.
    async fn run(self) {
        let Self { visit, leg, request, deadlines, slot: _slot, permit } = self;
        let shared = &visit.worker.shared;
        let sending = pin!(async {
            // Here, so that it ends with a panic too, as cancelled.
            let mut leg = leg;
            match visit.worker.copies.call(permit, request, deadlines).await {
                Ok(answer) => read(answer, &mut leg, shared.body_cap_bytes).await,
                Err(error) => {
                    let experiment = &visit.experiment().name;
                    tracing::debug!(request_id = %visit.id, %experiment, %error, "a copy failed");
                    leg.end(error.fate());
                }
            }
        });
        let _ = contained_future(Plane::Copy, &shared.metrics, sending).await;
    }
}

/// Reads a copy's answer to its end, or to the point where it is too long.
async fn read(answer: Box<Answer<Outgoing>>, leg: &mut Leg, body_cap_bytes: usize) {
    let Answer { head, mut body } = *answer;
    let most = ANSWER_CAPS * body_cap_bytes as u64;
    leg.own_head(head);
    // A length that is known to be too much need not be waited for.
    if body.size_hint().exact().is_some_and(|bytes| bytes > most) {
        return leg.cut_off();
    }
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => leg.frame(&frame),
            Err(fate) => return leg.end(fate),
        }
        if leg.answer_bytes() > most {
            return leg.cut_off();
        }
        // A model that floods must not keep the thread from its users.
        tokio::task::consume_budget().await;
    }
    leg.end(Fate::Complete);
}

fn deadline(strategy: &Strategy) -> Duration {
    match strategy {
        Strategy::Shadow(settings) => settings.deadline,
        Strategy::Canary(settings) => settings.deadline,
        Strategy::Ab(settings) => settings.deadline,
        Strategy::Interleave(settings) => settings.deadline,
    }
}
