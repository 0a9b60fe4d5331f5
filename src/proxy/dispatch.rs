//! The answering leg: the request goes to the arm at once, and its answer to the user as it comes.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::Response;
use http::StatusCode;
use http::Version;
use http::header;
use http::request::Parts;
use http::response;
use http_body::Body;

use crate::policy::Credentials;
use crate::protocol::grpc;
use crate::proxy::expect;
use crate::proxy::handler::Visit;
use crate::proxy::headers;
use crate::proxy::headers::Downstream;
use crate::proxy::leg::Leg;
use crate::proxy::leg::LegOf;
use crate::proxy::relay::Relay;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::refusal;
use crate::proxy::rewriting;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::tunnel;
use crate::proxy::tunnel::Asked;
use crate::proxy::upload::Outgoing;
use crate::proxy::worker::Worker;
use crate::telemetry::traces::SpanParent;
use crate::upstream::Answer;
use crate::upstream::Deadlines;
use crate::upstream::Model;
use crate::upstream::Purpose;
use crate::vocab::ArmId;
use crate::vocab::Fate;
use crate::vocab::Role;

/// An answer and the arm that gave it; `None`: the gateway itself did, or it is mixed from several.
pub(super) struct Served {
    pub(super) response: Response<AnswerBytes>,
    pub(super) arm: Option<ArmId>,
}

/// A request that belongs to no experiment.
pub(super) struct Passing<'a> {
    pub(super) head: Box<Parts>,
    pub(super) body: Outgoing,
    pub(super) downstream: Downstream,
    pub(super) asked: Option<Asked>,
    pub(super) parent: &'a SpanParent,
}

/// One call to a model.
struct Call<'a> {
    model: &'a Arc<Model>,
    head: Box<Parts>,
    body: Outgoing,
    /// The tunnel that the request asks for.
    asked: Option<&'a Asked>,
    parent: &'a SpanParent,
}

/// Passes a request that belongs to no experiment to the default model.
pub(super) async fn pass(
    worker: &Rc<Worker>,
    snapshot: Arc<Snapshot>,
    passing: Passing<'_>,
) -> Response<AnswerBytes> {
    let metrics = &worker.shared.metrics;
    let Passing { mut head, body, downstream, asked, parent } = passing;
    let (Some(model), Some(meters)) = (snapshot.policy.default, snapshot.default.as_ref()) else {
        return refusal(Refusal::NoRoute, metrics);
    };
    headers::prepare(&mut head, &downstream);
    let credentials = snapshot.policy.model(model).credentials;
    headers::withhold(&mut head.headers, credentials.unwrap_or(Credentials::Pass));
    let (body, unasked) = rewriting::rewrite(snapshot.policy.model(model), false, &mut head, body);
    if let Some(asked) = &asked {
        asked.put_on(&mut head.headers);
    }
    let of = LegOf { arm: ArmId::LEGACY, model, role: Role::Answer };
    let mut leg = Leg::begin(of, None, Arc::clone(meters), Arc::clone(metrics));
    leg.hides_usage(unasked);
    let client = body.client();
    let model = snapshot.fleet.model(model);
    match call(worker, &mut leg, Call { model, head, body, asked: asked.as_ref(), parent }).await {
        Ok(answer) => deliver(worker, model, asked, answer, leg),
        // A model cannot answer what the client does not say.
        Err(Fate::Timeout) if client.is_starved() => fail(worker, leg, Fate::Cancelled, Refusal::BodyLate),
        Err(fate) if client.gave_up() => fail(worker, leg, fate, Refusal::BodyLate),
        Err(fate) => fail(worker, leg, fate, Refusal::BodyIncomplete),
    }
}

/// Lets one arm, and no other, answer a request that asks for a tunnel.
pub(super) async fn tunnel(visit: &Rc<Visit>, arm: ArmId, mut head: Box<Parts>, asked: Asked) -> Served {
    asked.put_on(&mut head.headers);
    let leg = visit.begin(arm, Role::Answer);
    match ask(visit, arm, leg, head, Some(&asked)).await {
        Ok((answer, leg)) => {
            let response = deliver(&visit.worker, visit.model(arm), Some(asked), answer, leg);
            Served { response, arm: Some(arm) }
        }
        Err((leg, fate)) => fail_visit(visit, leg, fate),
    }
}

/// Opens the tunnel where the answer grants it, and gives any other answer to the user.
fn deliver(
    worker: &Worker,
    model: &Model,
    asked: Option<Asked>,
    answer: Box<Answer<Outgoing>>,
    mut leg: Box<Leg>,
) -> Response<AnswerBytes> {
    match asked {
        Some(asked) if answer.head.status == StatusCode::SWITCHING_PROTOCOLS => {
            // The call is answered; how long the tunnel lasts says nothing of the model's speed.
            leg.end(Fate::Complete);
            tunnel::open(worker, asked, answer, model.settings.timeouts.idle)
        }
        _ => relay(answer, leg),
    }
}

/// Lets one arm answer; where the plan says so, legacy once more when that arm fails before its first byte.
pub(super) async fn answer(visit: &Rc<Visit>, arm: ArmId, fallback: bool, head: Box<Parts>) -> Served {
    let spare = fallback.then(|| head.clone());
    let leg = visit.begin(arm, Role::Answer);
    let (mut leg, fate, failed) = match ask(visit, arm, leg, head, None).await {
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
            Box::pin(fall_back(visit, head)).await
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

async fn fall_back(visit: &Rc<Visit>, head: Box<Parts>) -> Served {
    visit.pairing.note(|pair| pair.marks.fallback = true);
    let leg = visit.begin(ArmId::LEGACY, Role::Fallback);
    match ask(visit, ArmId::LEGACY, leg, head, None).await {
        Ok((answer, leg)) => Served { response: relay(answer, leg), arm: Some(ArmId::LEGACY) },
        Err((leg, fate)) => fail_visit(visit, leg, fate),
    }
}

fn fail_visit(visit: &Visit, leg: Box<Leg>, fate: Fate) -> Served {
    Served { response: fail(&visit.worker, leg, fate, visit.upload.lacking()), arm: None }
}

/// Sends the request to an arm and waits for its answer's head.
pub(super) async fn ask(
    visit: &Visit,
    arm: ArmId,
    mut leg: Box<Leg>,
    mut head: Box<Parts>,
    asked: Option<&Asked>,
) -> Result<(Box<Answer<Outgoing>>, Box<Leg>), (Box<Leg>, Fate)> {
    let Some(body) = visit.upload.stream() else { return Err((leg, Fate::Cancelled)) };
    headers::withhold(&mut head.headers, visit.credentials(arm));
    let (body, unasked) = rewriting::rewrite(visit.policy_model(arm), false, &mut head, body);
    leg.hides_usage(unasked);
    let call = Call { model: visit.model(arm), head, body, asked, parent: &visit.parent };
    match self::call(&visit.worker, &mut leg, call).await {
        Ok(answer) => Ok((answer, leg)),
        // A model cannot answer what the client does not say.
        Err(Fate::Timeout) if visit.upload.is_starved() => Err((leg, Fate::Cancelled)),
        Err(fate) => Err((leg, fate)),
    }
}

async fn call(worker: &Worker, leg: &mut Leg, call: Call<'_>) -> Result<Box<Answer<Outgoing>>, Fate> {
    let Call { model, mut head, body, asked, parent } = call;
    let permit = model.admit(Purpose::Answer)?;
    leg.watch(permit.watch());
    headers::address(&mut head, &permit);
    headers::frame(&mut head.headers, &body.size_hint());
    leg.trace(parent, &mut head);
    let timeouts = &model.settings.timeouts;
    let limit = own_limit(&head);
    let deadlines = Deadlines::from_now(timeouts);
    let deadlines = limit.map_or(deadlines, |limit| deadlines.within(limit));
    let mut request = Box::new(Request::from_parts(*head, body));
    expect::hold_body(&mut request);
    let answer = worker.answers.call(permit, request, deadlines).await.map_err(|error| {
        tracing::debug!(model = %model.name, %error, "a call failed");
        let fate = error.fate();
        if fate == Fate::Timeout && limit.is_some_and(|limit| limit < timeouts.first_byte) {
            // A client in a hurry is no reason to leave the endpoint alone.
            leg.watch(None);
        }
        fate
    })?;
    let switches = answer.head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && !asked.is_some_and(|asked| asked.is_met_by(&answer.head)) {
        tracing::debug!(model = %model.name, "an answer 101 that was not asked for");
        return Err(Fate::Reset);
    }
    leg.head(&answer.head);
    Ok(answer)
}

/// How long the client of a gRPC call waits for it.
fn own_limit(head: &Parts) -> Option<Duration> {
    (head.version == Version::HTTP_2).then(|| grpc::timeout(&head.headers)).flatten()
}

/// Gives an answer to the user as it comes.
pub(super) fn relay(answer: Box<Answer<Outgoing>>, leg: Box<Leg>) -> Response<AnswerBytes> {
    let Answer { mut head, body } = *answer;
    headers::strip_hop_by_hop(&mut head.headers);
    if head.status == StatusCode::NO_CONTENT {
        // RFC 9110, section 8.6.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    if head.version == Version::HTTP_2
        && let Some(length) = head.headers.get(header::CONTENT_LENGTH).cloned()
    {
        // HTTP/2 lets it be said twice, if alike; not so HTTP/1.
        head.headers.insert(header::CONTENT_LENGTH, length);
    }
    head.version = http::Version::HTTP_11;
    let mut relay = Relay::new(body, leg);
    if relay.hides_usage(&head.headers) {
        head.headers.remove(header::CONTENT_LENGTH);
    }
    Response::from_parts(head, AnswerBytes::Relay(Box::new(relay)))
}

/// Tells the user that the answering arm failed, or what the user's own body lacks.
fn fail(worker: &Worker, mut leg: Box<Leg>, fate: Fate, lacking: Refusal) -> Response<AnswerBytes> {
    leg.end(fate);
    let refused = if fate == Fate::Cancelled { lacking } else { Refusal::Model(fate) };
    refusal(refused, &worker.shared.metrics)
}
