//! One request from its head to its answer's head: which experiment, which unit, which plan.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::request::Parts;
use http_body::Body as _;
use serde_json::Value;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::feedback::Exposure;
use crate::policy;
use crate::policy::BodyView;
use crate::policy::Credentials;
use crate::policy::Experiment;
use crate::policy::Selection;
use crate::policy::Unit;
use crate::proxy::connection::Client;
use crate::proxy::copies;
use crate::proxy::dispatch;
use crate::proxy::dispatch::Passing;
use crate::proxy::dispatch::Served;
use crate::proxy::exchange::Inlet;
use crate::proxy::headers;
use crate::proxy::headers::Downstream;
use crate::proxy::held;
use crate::proxy::inspect;
use crate::proxy::leg::Leg;
use crate::proxy::leg::LegOf;
use crate::proxy::leg::Pairing;
use crate::proxy::limits::Limit;
use crate::proxy::limits::Limits;
use crate::proxy::mixed;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::in_grpc_terms;
use crate::proxy::respond::json_answer;
use crate::proxy::respond::refusal;
use crate::proxy::retries::idempotency_key;
use crate::proxy::snapshot::Lane;
use crate::proxy::snapshot::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::tunnel;
use crate::proxy::tunnel::Asked;
use crate::proxy::upload::Gathered;
use crate::proxy::upload::Outgoing;
use crate::proxy::upload::Upload;
use crate::proxy::worker::Worker;
use crate::record::Captured;
use crate::record::CapturedRequest;
use crate::record::Marks;
use crate::record::Pair;
use crate::record::Shown;
use crate::strategy::Answer;
use crate::strategy::Assignment;
use crate::strategy::Draw;
use crate::strategy::Plan;
use crate::strategy::Strategy;
use crate::telemetry::traces::ServerSpan;
use crate::telemetry::traces::SpanParent;
use crate::upstream::Model;
use crate::vocab::ArmId;
use crate::vocab::DropReason;
use crate::vocab::Fate;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// How long a client may take to send a body that must be read before it can be said who answers.
const BODY_TIME: Duration = Duration::from_secs(60);

/// One request in an experiment: what its legs need, for as long as the last of them runs.
pub(super) struct Visit {
    pub(super) worker: Rc<Worker>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) experiment: usize,
    pub(super) id: RequestId,
    pub(super) upload: Upload,
    pub(super) pairing: Rc<Pairing>,
    pub(super) parent: SpanParent,
}

/// A request on arrival, its body read as far as somebody needed it.
struct Arrival {
    head: Box<Parts>,
    downstream: Downstream,
    /// The tunnel that it asks for.
    asked: Option<Asked>,
    upload: Upload,
    time: Timestamp,
    begun: Instant,
    body: Body,
}

/// What is known of a body.
enum Body {
    Unread,
    Read(Gathered, Option<Value>),
}

/// Answers one request. Dropping the future means that the client left: the answering leg ends as cancelled, copies
/// go on.
pub(super) async fn handle(
    worker: Rc<Worker>,
    request: Request<Inlet>,
    client: Rc<Client>,
) -> Response<AnswerBytes> {
    let (head, incoming) = request.into_parts();
    // Boxed, as it is handed from hand to hand.
    let head = Box::new(head);
    let tunnel_may_follow = tunnel::may_follow(&head);
    let Shared { traces, guard, .. } = &*worker.shared;
    let mut span = traces.server_span(&head, client.downstream.scheme, |path| guard.path(path).into_owned());
    let is_grpc = headers::is_grpc(&head);
    let mut pairing = None;
    let mut response = route(&worker, head, incoming, &client, &mut span, &mut pairing).await;
    let status = response.status();
    if is_grpc {
        in_grpc_terms(&mut response);
    }
    if tunnel_may_follow && status != StatusCode::SWITCHING_PROTOCOLS {
        tunnel::decline(&client, response.headers_mut());
    }
    match response.body_mut() {
        AnswerBytes::Relay(relay) => relay.carry(span, status),
        _ => span.finish(Some(status), Fate::Complete),
    }
    match pairing.filter(|_| status != StatusCode::SWITCHING_PROTOCOLS) {
        Some(pairing) => held::until_on_record(response, pairing).await,
        None => response,
    }
}

/// Finds whose request this is. Where answers wait for the record, `pairing` is what this one waits for.
async fn route(
    worker: &Rc<Worker>,
    mut head: Box<Parts>,
    incoming: Inlet,
    client: &Rc<Client>,
    span: &mut ServerSpan,
    pairing: &mut Option<Rc<Pairing>>,
) -> Response<AnswerBytes> {
    if let Err(refused) = acceptable(&worker.shared.limits, &head) {
        Limit::met_by(refused).into_iter().for_each(|limit| worker.watchlist.count(limit));
        return refusal(refused, &worker.shared.metrics);
    }
    let snapshot = worker.shared.snapshot.load_full();
    if worker.shared.feedback.path() == Some(head.uri.path()) {
        return feedback(worker, &snapshot, &head, incoming).await;
    }
    let selection = snapshot.policy.select(&head, BodyView::Unread);
    let asked = tunnel::asked(&mut head, !incoming.is_end_stream(), client);
    let downstream = client.downstream.clone();
    if selection == Selection::Default {
        let body = Outgoing::direct(incoming);
        let passing = Passing { head, body, downstream, asked, parent: span.parent() };
        return dispatch::pass(worker, snapshot, passing).await;
    }
    let mut arrival = Arrival::new(worker, head, downstream, incoming);
    arrival.asked = asked;
    let selection = match selection {
        Selection::NeedsBody => {
            arrival.read().await;
            if matches!(arrival.body, Body::Read(Gathered::TooLarge, _)) {
                worker.shared.metrics.unmatched_bodies.inc();
            }
            snapshot.policy.select(&arrival.head, arrival.body.view())
        }
        selection => selection,
    };
    match selection {
        Selection::Experiment(experiment) => {
            // Boxed, so that a request of no experiment does not have to carry its size.
            Box::pin(take_part(Rc::clone(worker), snapshot, experiment, arrival, span, pairing)).await
        }
        Selection::Default | Selection::NeedsBody => match arrival.upload.stream() {
            Some(body) => {
                let Arrival { head, downstream, asked, .. } = arrival;
                let passing = Passing { head, body, downstream, asked, parent: span.parent() };
                dispatch::pass(worker, snapshot, passing).await
            }
            None => refusal(Refusal::BodyIncomplete, &worker.shared.metrics),
        },
    }
}

/// Says what is wrong with a request that no model should see.
fn acceptable(limits: &Limits, head: &Parts) -> Result<(), Refusal> {
    if let Some(malformed) = inspect::fault(limits, head) {
        return Err(Refusal::Malformed(malformed));
    }
    if !headers::names_one_host(head) {
        return Err(Refusal::Host);
    }
    if !headers::expects_only_to_go_on(&head.headers) {
        return Err(Refusal::Expectation);
    }
    Ok(())
}

/// Serves a request of an experiment.
async fn take_part(
    worker: Rc<Worker>,
    snapshot: Arc<Snapshot>,
    place: usize,
    mut arrival: Arrival,
    span: &mut ServerSpan,
    pairing: &mut Option<Rc<Pairing>>,
) -> Response<AnswerBytes> {
    let experiment = &snapshot.policy.experiments[place];
    // A gRPC call is served by legacy alone, and one that streams both ways has its end only after its answer.
    if matches!(experiment.strategy, Strategy::Interleave(_)) && !headers::is_grpc(&arrival.head) {
        arrival.read().await;
    }
    let unit = match experiment.unit_of(&arrival.head, arrival.body.view()) {
        Some(unit) => unit,
        None => {
            arrival.read().await;
            experiment.unit_of(&arrival.head, arrival.body.view()).unwrap_or(Unit::Missing)
        }
    };
    if matches!(arrival.body, Body::Read(Gathered::Incomplete, _)) {
        return refusal(arrival.upload.lacking(), &worker.shared.metrics);
    }
    let worker_is_strict = worker.shared.recorder.is_strict();
    let (visit, plan) = enter(worker, Arc::clone(&snapshot), place, &arrival, &unit, span.parent());
    let assigned = experiment.arm_name(&snapshot.policy, plan.assignment.arm);
    span.assigned(&experiment.name, assigned, visit.id);
    if worker_is_strict {
        *pairing = Some(Rc::clone(&visit.pairing));
    }
    let mut head = arrival.head;
    headers::prepare(&mut head, &arrival.downstream);
    if let Some(asked) = arrival.asked {
        copies::drop_all(&visit, &plan.copies, DropReason::Upgrade);
        let served = match plan.answer {
            Answer::Mixed => Box::pin(mixed::tunnel(&visit, head, asked)).await,
            Answer::Arm(arm) => Box::pin(dispatch::tunnel(&visit, arm, head, asked)).await,
        };
        return visit.conclude(served, plan.assignment, unit, arrival.time, None);
    }
    if plan.fallback {
        visit.upload.need();
    }
    copies::launch(&visit, plan.copies, &head);
    let (served, shown) = match (plan.answer, &experiment.strategy) {
        (Answer::Mixed, Strategy::Interleave(settings)) => {
            Box::pin(mixed::answer(&visit, settings, head)).await
        }
        (Answer::Arm(arm), _) => (dispatch::answer(&visit, arm, plan.fallback, head).await, None),
        (Answer::Mixed, _) => (dispatch::answer(&visit, ArmId::LEGACY, false, head).await, None),
    };
    visit.conclude(served, plan.assignment, unit, arrival.time, shown)
}

/// Draws the request's arm and begins its pair.
fn enter(
    worker: Rc<Worker>,
    snapshot: Arc<Snapshot>,
    place: usize,
    arrival: &Arrival,
    unit: &Unit,
    parent: &SpanParent,
) -> (Rc<Visit>, Plan) {
    let experiment = &snapshot.policy.experiments[place];
    let (shared, head) = (&worker.shared, &arrival.head);
    let id = RequestId::drawn_at(arrival.time);
    let stage = experiment.ramp.load();
    let split = experiment.split();
    let draw = Draw {
        whole_units: experiment.whole_units,
        salts: &experiment.salts,
        unit: match unit {
            Unit::Named(name) => Some(name.as_bytes()),
            Unit::Request => Some(idempotency_key(&head.headers).unwrap_or(id.as_bytes())),
            Unit::Missing => None,
        },
        request: id.as_bytes(),
        open: stage.phase.is_open(),
        weight: stage.weight,
        shares: split.as_ref().map(|split| &split.weights[..]),
        forced: experiment.forced_arm(&snapshot.policy, head),
    };
    let mut plan = experiment.strategy.plan(&draw, experiment.arms.len());
    let retry = shared.retries.is_retry(experiment, &head.headers);
    if retry {
        // The first try was copied, or held back, already.
        plan.copies.clear();
        plan.held_back = false;
    }
    let Assignment { arm, enrolled, .. } = plan.assignment;
    if enrolled && !retry && arm != ArmId::LEGACY {
        stage.count_assigned();
    }
    let meters = &snapshot.experiments[place].meters;
    meters.count_assigned(&shared.metrics, arm, enrolled && !retry);
    let pair = Pair {
        policy: Arc::clone(&snapshot.policy),
        experiment: place,
        id,
        time: arrival.time,
        attempt: stage.attempt,
        stage: match (&experiment.strategy, &split) {
            (Strategy::Canary(_), _) => Some(stage.number),
            (_, Some(split)) if experiment.allocation().is_some() || split.number > 1 => Some(split.number),
            _ => None,
        },
        split,
        unit: unit.clone(),
        assignment: plan.assignment,
        served: None,
        marks: Marks { retry, held_back: plan.held_back, ..Marks::default() },
        request: CapturedRequest {
            method: head.method.clone(),
            uri: head.uri.clone(),
            headers: head.headers.clone(),
            body: Captured::default(),
        },
        legs: Vec::with_capacity(1 + plan.copies.len()),
        dropped: Vec::new(),
        shown: None,
        dues: Vec::new(),
        spans: Vec::new(),
    };
    // A tunnel lasts as long as its two ends like.
    let timed = match arrival.asked {
        Some(_) => None,
        None => snapshot.experiments[place].meters.user_duration(&plan),
    };
    let pairing = Pairing::new(pair, arrival.upload.clone(), shared, arrival.begun, timed);
    let (upload, parent) = (arrival.upload.clone(), parent.clone());
    (Rc::new(Visit { worker, snapshot, experiment: place, id, upload, pairing, parent }), plan)
}

impl Visit {
    pub(super) fn experiment(&self) -> &Experiment {
        &self.snapshot.policy.experiments[self.experiment]
    }

    pub(super) fn lane(&self) -> &Lane {
        &self.snapshot.experiments[self.experiment]
    }

    /// The model that plays an arm.
    pub(super) fn model(&self, arm: ArmId) -> &Arc<Model> {
        self.snapshot.fleet.model(self.experiment().model(arm))
    }

    /// What the policy says of the model that plays an arm.
    pub(super) fn policy_model(&self, arm: ArmId) -> &policy::Model {
        self.snapshot.policy.model(self.experiment().model(arm))
    }

    /// What an arm gets of the users' credentials.
    pub(super) fn credentials(&self, arm: ArmId) -> Credentials {
        self.experiment().credentials[arm.index()]
    }

    /// The experiment's and an arm's name, for labels and logs.
    pub(super) fn names(&self, arm: ArmId) -> (&str, &str) {
        let experiment = self.experiment();
        (experiment.name.as_str(), experiment.arm_name(&self.snapshot.policy, arm).as_str())
    }

    /// Begins to observe a leg of this request.
    pub(super) fn begin(&self, arm: ArmId, role: Role) -> Box<Leg> {
        let of = LegOf { arm, model: self.experiment().model(arm), role };
        let meters = Arc::clone(self.lane().meters.leg(arm, role));
        Leg::begin(of, Some(Rc::clone(&self.pairing)), meters, Arc::clone(&self.worker.shared.metrics))
    }

    /// Puts the experiment's headers on the answer and remembers it for outcomes.
    fn conclude(
        &self,
        served: Served,
        assignment: Assignment,
        unit: Unit,
        time: Timestamp,
        shown: Option<Arc<Shown>>,
    ) -> Response<AnswerBytes> {
        let Served { mut response, arm } = served;
        let experiment = self.experiment();
        let (mut stage, mut attempt) = (None, 1);
        self.pairing.note(|pair| {
            pair.served = arm;
            pair.shown = shown.clone();
            (stage, attempt) = (pair.stage, pair.attempt);
        });
        let head = response.headers_mut();
        set(head, headers::CROSSFADE_ID, &self.id.to_string());
        if let Some(arm) = arm.filter(|_| experiment.expose_arm) {
            set(head, headers::CROSSFADE_ARM, self.names(arm).1);
        }
        if !experiment.outcomes.is_empty() {
            let (policy, experiment) = (Arc::clone(&self.snapshot.policy), self.experiment);
            let exposure = Exposure { policy, experiment, attempt, stage, assignment, unit, time, shown };
            let feedback = &self.worker.shared.feedback;
            if let Some(ticket) = feedback.ticket(self.id, &exposure) {
                set(head, headers::CROSSFADE_TICKET, &ticket);
            }
            feedback.remember(self.id, exposure);
        }
        response
    }
}

fn set(headers: &mut http::HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

impl Arrival {
    fn new(worker: &Worker, head: Box<Parts>, downstream: Downstream, incoming: Inlet) -> Self {
        let upload = Upload::new(incoming, worker.shared.body_cap_bytes, &worker.shared.memory);
        let (time, begun) = (Timestamp::from(SystemTime::now()), Instant::now());
        Self { head, downstream, asked: None, upload, time, begun, body: Body::Unread }
    }

    /// Reads the body, up to the cap and while there is time, and tries to understand it as JSON; once.
    async fn read(&mut self) {
        if matches!(self.body, Body::Unread) {
            self.upload.need();
            let gathered = gathered_within(&self.upload, BODY_TIME).await;
            let whole = (gathered == Gathered::Whole).then(|| self.upload.joined());
            self.body = Body::Read(gathered, whole.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
        }
    }
}

async fn gathered_within(upload: &Upload, time: Duration) -> Gathered {
    timeout(time, upload.gathered()).await.unwrap_or(Gathered::Incomplete)
}

impl Body {
    fn view(&self) -> BodyView<'_> {
        match self {
            Body::Unread => BodyView::Unread,
            Body::Read(_, Some(document)) => BodyView::Json(document),
            Body::Read(_, None) => BodyView::Opaque,
        }
    }
}

/// Takes in a report on the data port.
async fn feedback(
    worker: &Worker,
    snapshot: &Snapshot,
    head: &Parts,
    incoming: Inlet,
) -> Response<AnswerBytes> {
    let (feedback, metrics) = (&worker.shared.feedback, &worker.shared.metrics);
    if head.method != http::Method::POST {
        return refusal(Refusal::FeedbackMethod, metrics);
    }
    let upload = Upload::new(incoming, feedback.max_body_bytes(), &worker.shared.memory);
    upload.need();
    match gathered_within(&upload, feedback.timeout()).await {
        Gathered::Whole => {
            let now = Timestamp::from(SystemTime::now());
            let reply = feedback.report(&snapshot.policy, &upload.joined(), now);
            json_answer(reply.status, &reply.body)
        }
        Gathered::TooLarge => refusal(Refusal::FeedbackTooLarge, metrics),
        Gathered::Incomplete | Gathered::Shed => refusal(upload.lacking(), metrics),
    }
}
