//! The answering leg: the request goes to the arm at once, and its answer to the user as it comes.

use std::rc::Rc;
use std::sync::Arc;

use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http::request::Parts;
use http::response;
use http_body::Body;

use crate::policy::Credentials;
use crate::protocol::grpc;
use crate::proxy::handler::Visit;
use crate::proxy::headers;
use crate::proxy::headers::Downstream;
use crate::proxy::leg::Leg;
use crate::proxy::leg::LegOf;
use crate::proxy::relay::Relay;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::refusal;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::upload::Outgoing;
use crate::proxy::worker::Worker;
use crate::telemetry::traces::SpanParent;
use crate::upstream::Answer;
use crate::upstream::Deadlines;
use crate::upstream::Model;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::Role;

/// An answer and the arm that gave it; `None`: the gateway itself did, or it is mixed from several.
pub(super) struct Served {
    pub(super) response: Response<AnswerBytes>,
    pub(super) arm: Option<ArmId>,
}

/// Passes a request that belongs to no experiment to the default model.
pub(super) async fn pass(
    worker: &Rc<Worker>,
    snapshot: Arc<Snapshot>,
    mut head: Parts,
    downstream: Downstream,
    body: Outgoing,
    parent: &SpanParent,
) -> Response<AnswerBytes> {
    let metrics = &worker.shared.metrics;
    let (Some(model), Some(meters)) = (snapshot.policy.default, snapshot.default.as_ref()) else {
        return refusal(Refusal::NoRoute, metrics);
    };
    headers::prepare(&mut head, downstream);
    headers::withhold(
        &mut head.headers,
        snapshot.policy.model(model).credentials.unwrap_or(Credentials::Pass),
    );
    let of = LegOf { arm: ArmId::LEGACY, model, role: Role::Answer };
    let mut leg = Leg::begin(of, None, Arc::clone(meters), Arc::clone(metrics));
    match call(worker, snapshot.fleet.model(model), &mut leg, head, body, parent).await {
        Ok(answer) => relay(answer, leg),
        Err(fate) => fail(worker, leg, fate, Refusal::BodyIncomplete),
    }
}

/// Lets one arm answer; where the plan says so, legacy once more when that arm fails before its first byte.
pub(super) async fn answer(visit: &Rc<Visit>, arm: ArmId, fallback: bool, head: Parts) -> Served {
    let spare = fallback.then(|| head.clone());
    let leg = visit.begin(arm, Role::Answer);
    let (mut leg, fate, failed) = match ask(visit, arm, leg, head).await {
        Ok((answer, leg)) if spare.is_none() || !has_failed(&answer.head) => {
            return Served { response: relay(answer, leg), arm: Some(arm) };
        }
        Ok((answer, leg)) => (leg, Fate::Complete, Some(answer)),
        Err((leg, fate)) => (leg, fate, None),
    };
    // The client's own failure is no reason to try again, and a body that was let go cannot be sent again.
    let again = spare.filter(|_| fate != Fate::Cancelled && visit.upload.replayable());
    match (again, failed) {
        (Some(head), failed) => {
            leg.end(fate);
            // Gives back the failed arm's place before legacy is waited for.
            drop((leg, failed));
            fall_back(visit, head).await
        }
        (None, Some(answer)) => Served { response: relay(answer, leg), arm: Some(arm) },
        (None, None) => fail_visit(visit, leg, fate),
    }
}

/// A 5xx, or what is one to gRPC in an answer that says nothing but how the call ended.
fn has_failed(head: &response::Parts) -> bool {
    let grpc = (head.version == Version::HTTP_2).then(|| grpc::Status::of(&head.headers)).flatten();
    head.status.is_server_error() || grpc.is_some_and(|status| status.as_http() >= 500)
}

async fn fall_back(visit: &Rc<Visit>, head: Parts) -> Served {
    visit.pairing.note(|pair| pair.marks.fallback = true);
    let leg = visit.begin(ArmId::LEGACY, Role::Fallback);
    match ask(visit, ArmId::LEGACY, leg, head).await {
        Ok((answer, leg)) => Served { response: relay(answer, leg), arm: Some(ArmId::LEGACY) },
        Err((leg, fate)) => fail_visit(visit, leg, fate),
    }
}

fn fail_visit(visit: &Visit, leg: Leg, fate: Fate) -> Served {
    Served { response: fail(&visit.worker, leg, fate, visit.upload.lacking()), arm: None }
}

/// Sends the request to an arm and waits for its answer's head.
pub(super) async fn ask(
    visit: &Visit,
    arm: ArmId,
    mut leg: Leg,
    mut head: Parts,
) -> Result<(Answer<Outgoing>, Leg), (Leg, Fate)> {
    let Some(body) = visit.upload.stream() else { return Err((leg, Fate::Cancelled)) };
    headers::withhold(&mut head.headers, visit.credentials(arm));
    match call(&visit.worker, visit.model(arm), &mut leg, head, body, &visit.parent).await {
        Ok(answer) => Ok((answer, leg)),
        // A model cannot answer what the client does not say.
        Err(Fate::Timeout) if visit.upload.is_starved() => Err((leg, Fate::Cancelled)),
        Err(fate) => Err((leg, fate)),
    }
}

async fn call(
    worker: &Worker,
    model: &Arc<Model>,
    leg: &mut Leg,
    mut head: Parts,
    body: Outgoing,
    parent: &SpanParent,
) -> Result<Answer<Outgoing>, Fate> {
    let permit = model.admit()?;
    headers::address(&mut head, &permit);
    headers::frame(&mut head.headers, &body.size_hint());
    leg.trace(parent, &head.method, &mut head.headers);
    let deadlines = deadlines(model, &head);
    let called = worker.answers.call(permit, Request::from_parts(head, body), deadlines).await;
    let answer = called.map_err(|error| {
        tracing::debug!(model = %model.name, %error, "a call failed");
        error.fate()
    })?;
    if answer.head.status == StatusCode::SWITCHING_PROTOCOLS {
        // Nobody asked for it: `upgrade` was taken off the request.
        return Err(Fate::Reset);
    }
    leg.head(&answer.head);
    Ok(answer)
}

/// A model's deadlines, and the one that a gRPC call's client sets itself.
pub(super) fn deadlines(model: &Model, head: &Parts) -> Deadlines {
    let deadlines = Deadlines::from_now(&model.settings.timeouts);
    let limit = (head.version == Version::HTTP_2).then(|| grpc::timeout(&head.headers)).flatten();
    limit.map_or(deadlines, |limit| deadlines.within(limit))
}

/// Gives an answer to the user as it comes.
pub(super) fn relay(answer: Answer<Outgoing>, leg: Leg) -> Response<AnswerBytes> {
    let Answer { mut head, body } = answer;
    headers::strip_hop_by_hop(&mut head.headers);
    head.version = http::Version::HTTP_11;
    Response::from_parts(head, AnswerBytes::Relay(Box::new(Relay::new(body, leg))))
}

/// Tells the user that the answering arm failed, or what the user's own body lacks.
fn fail(worker: &Worker, mut leg: Leg, fate: Fate, lacking: Refusal) -> Response<AnswerBytes> {
    leg.end(fate);
    let refused = if fate == Fate::Cancelled { lacking } else { Refusal::Model(fate) };
    refusal(refused, &worker.shared.metrics)
}
