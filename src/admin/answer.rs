//! From a request to its answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::LengthLimitError;
use http_body_util::Limited;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::admin::Admin;
use crate::admin::Reload;
use crate::admin::flagger;
use crate::admin::guard;
use crate::admin::look_up;
use crate::admin::ofrep;
use crate::admin::review;
use crate::admin::routes;
use crate::admin::routes::Endpoint;
use crate::admin::routes::NoRoute;
use crate::admin::routes::Verb;
use crate::admin::view;
use crate::policy::query_values;
use crate::rollout::Command;
use crate::rollout::RolloutError;
use crate::rollout::State;

/// The description of this API.
pub(super) const OPENAPI: &str = include_str!("openapi.json");
/// The longest reason of an order, in characters; histories keep them.
const MAX_REASON: usize = 500;
/// The longest state of a rollout, in bytes: a ConfigMap holds no more than a quarter of it.
const MAX_STATE_BYTES: usize = 4 * 1024 * 1024;

/// What is wrong with a request, as its sender reads it.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    text: String,
    header: Option<(HeaderName, String)>,
}

/// What an order may carry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    reason: Option<String>,
    weight: Option<String>,
}

/// Answers one request.
pub(super) async fn answer(admin: Arc<Admin>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    respond(admin, &head, body).await.unwrap_or_else(Problem::into_response)
}

/// The answer to a request whose own answer panicked.
pub(super) fn broken_off() -> Response<Full<Bytes>> {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off; see the log").into_response()
}

/// The answer to a request whose own answer takes too long.
pub(super) fn too_slow() -> Response<Full<Bytes>> {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the answer took too long; try again").into_response()
}

async fn respond(admin: Arc<Admin>, head: &Parts, body: Incoming) -> Result<Response<Full<Bytes>>, Problem> {
    let route = routes::find(&head.method, head.uri.path());
    let endpoint = route.as_ref().ok().map(|(endpoint, _)| *endpoint);
    match (guard::admit(head, endpoint, admin.token.as_ref()), endpoint) {
        (Err(problem), Some(Endpoint::Review(page)))
            if page.is_seen() && problem.status == StatusCode::UNAUTHORIZED =>
        {
            return Ok(review::login_page(""));
        }
        (admitted, _) => admitted?,
    }
    let (endpoint, names) = route?;
    let [name, _] = names;
    match endpoint {
        Endpoint::Metrics => {
            admin.gateway.refresh();
            Ok(text("text/plain; version=0.0.4; charset=utf-8", admin.metrics.render()))
        }
        Endpoint::Live => Ok(json_answer(StatusCode::OK, &json!({"status": "alive"}))),
        Endpoint::Ready => ready(&admin),
        Endpoint::OpenApi => Ok(text("application/json", OPENAPI)),
        Endpoint::Reload => reload(admin).await,
        Endpoint::Feedback => {
            let body = whole(&admin, body, admin.max_body_bytes).await?;
            let (status, said) = admin.gateway.take_feedback(&body);
            Ok(json_answer(status, &said))
        }
        Endpoint::Rollout => Ok(text("application/json", admin.rollout.state().to_json())),
        Endpoint::Follow => follow(&admin, &whole(&admin, body, MAX_STATE_BYTES).await?),
        Endpoint::Experiments => {
            Ok(json_answer(StatusCode::OK, &view::experiments(&admin.policy.load(), &admin.rollout)))
        }
        Endpoint::Experiment => experiment(&admin, name),
        Endpoint::Verdict => {
            let asked = query_values(head, "candidate").next();
            Ok(json_answer(StatusCode::OK, &verdict(&admin, name, asked.as_deref())?))
        }
        Endpoint::Evidence => evidence(admin).await,
        Endpoint::Assignment => assignment(&admin, name, head),
        Endpoint::Order(verb) => {
            order(&admin, name, verb, whole(&admin, body, admin.max_body_bytes).await?).await
        }
        Endpoint::Flag => {
            let body = whole(&admin, body, admin.max_body_bytes).await?;
            Ok(ofrep::one(&admin.policy.load(), name, &body))
        }
        Endpoint::Flags => {
            let body = whole(&admin, body, admin.max_body_bytes).await?;
            Ok(ofrep::all(&admin.policy.load(), head, &body))
        }
        Endpoint::Flagger(gate) => {
            let body = whole(&admin, body, admin.max_body_bytes).await?;
            let bad = |text| Problem::new(StatusCode::BAD_REQUEST, text);
            let call = flagger::Call::read(&body).map_err(bad)?;
            let verdict = verdict(&admin, call.experiment().map_err(bad)?, call.candidate())?;
            let (status, said) = gate.answer(&verdict);
            Ok(json_answer(status, &said))
        }
        Endpoint::Review(page) => {
            let body = whole(&admin, body, admin.max_body_bytes).await?;
            review::answer(&admin, head, page, names, &body)
        }
    }
}

fn ready(admin: &Admin) -> Result<Response<Full<Bytes>>, Problem> {
    // Relaxed: a flag that orders nothing; a probe may well see it one moment late.
    if admin.draining.load(Ordering::Relaxed) {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway is shutting down"));
    }
    let policy = &admin.policy.load().hash;
    Ok(json_answer(StatusCode::OK, &json!({"status": "ready", "policy": policy})))
}

async fn reload(admin: Arc<Admin>) -> Result<Response<Full<Bytes>>, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the reload broke off; see the log");
    match tokio::task::spawn_blocking(move || admin.gateway.reload()).await.map_err(failed)? {
        Reload::Applied { hash, needs_restart } => {
            Ok(json_answer(StatusCode::OK, &json!({"policy": hash, "needs_restart": needs_restart})))
        }
        Reload::Refused { problems } => {
            let error = "the policy file has problems; the policy that was loaded before stays";
            let said = json!({"error": error, "problems": problems});
            Ok(json_answer(StatusCode::UNPROCESSABLE_ENTITY, &said))
        }
    }
}

fn experiment(admin: &Admin, name: &str) -> Result<Response<Full<Bytes>>, Problem> {
    let policy = admin.policy.load();
    let experiment = policy.experiment(name).ok_or_else(|| unknown(name))?;
    let ramp = admin.rollout.status(name).ok();
    let summary = admin.gateway.summary(name);
    Ok(json_answer(StatusCode::OK, &view::experiment(&policy, experiment, ramp.as_ref(), summary)))
}

/// The verdict on the candidate that is asked for, else on the first, with all of them under `candidates`.
fn verdict(admin: &Admin, name: &str, asked: Option<&str>) -> Result<Value, Problem> {
    let policy = admin.policy.load();
    let experiment = policy.experiment(name).ok_or_else(|| unknown(name))?;
    let all = admin.gateway.verdicts(&experiment.name);
    let is_asked = |verdict: &&Value| asked.is_none_or(|asked| verdict["candidate"] == asked);
    let found = all.as_array().into_iter().flatten().find(is_asked).cloned();
    let missing = || {
        let text = format!("experiment `{name}` has no candidate `{}`", asked.unwrap_or_default());
        Problem::new(StatusCode::NOT_FOUND, text)
    };
    let mut shown = found.ok_or_else(missing)?;
    shown["candidates"] = all;
    Ok(shown)
}

async fn evidence(admin: Arc<Admin>) -> Result<Response<Full<Bytes>>, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off; see the log");
    let written = tokio::task::spawn_blocking(move || admin.gateway.evidence()).await.map_err(failed)?;
    Ok(text("application/json", written))
}

fn assignment(admin: &Admin, name: &str, head: &Parts) -> Result<Response<Full<Bytes>>, Problem> {
    let policy = admin.policy.load();
    let experiment = policy.experiment(name).ok_or_else(|| unknown(name))?;
    let unit = query_values(head, "unit").find(|unit| !unit.is_empty());
    let missing = || Problem::new(StatusCode::BAD_REQUEST, "say which unit: `?unit=...`");
    let unit = unit.ok_or_else(missing)?;
    if experiment.unit.is_empty() {
        let text = format!("experiment `{name}` names no unit: each request is drawn by its own id");
        return Err(Problem::new(StatusCode::CONFLICT, text));
    }
    Ok(json_answer(StatusCode::OK, &look_up::assignment(&policy, experiment, &unit)))
}

async fn order(admin: &Admin, name: &str, verb: Verb, body: Bytes) -> Result<Response<Full<Bytes>>, Problem> {
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, text);
    let order = match body.trim_ascii() {
        [] => Order::default(),
        given => serde_json::from_slice(given)
            .map_err(|error| bad(format!("the body is no order: {error}; hint: {{\"reason\": \"...\"}}")))?,
    };
    let Order { reason, weight } = order;
    let reason = reason.unwrap_or_default();
    if reason.chars().count() > MAX_REASON {
        return Err(bad(format!("the reason is longer than {MAX_REASON} characters")));
    }
    let command = match (verb, weight) {
        (Verb::Weight, Some(weight)) => {
            Command::Weight(weight.parse().map_err(|error| bad(format!("weight: {error}")))?)
        }
        (Verb::Weight, None) => return Err(bad("say which weight: {\"weight\": \"25%\"}".to_owned())),
        (_, Some(_)) => return Err(bad("only the path `weight` takes a weight".to_owned())),
        (Verb::Promote, None) => Command::Promote,
        (Verb::Rollback, None) => Command::Rollback,
        (Verb::Pause, None) => Command::Pause,
        (Verb::Resume, None) => Command::Resume,
    };
    let reason = if reason.is_empty() { "ordered".to_owned() } else { format!("ordered: {reason}") };
    let status = admin.rollout.command(name, command, &reason).await?;
    Ok(json_answer(StatusCode::OK, &json!(status)))
}

/// Goes where the fleet's controller says.
fn follow(admin: &Admin, told: &[u8]) -> Result<Response<Full<Bytes>>, Problem> {
    let bad =
        |problem| Problem::new(StatusCode::BAD_REQUEST, format!("this is no state of a rollout: {problem}"));
    let revision = admin.rollout.follow(&State::from_json(told).map_err(bad)?)?;
    Ok(json_answer(StatusCode::OK, &json!({"revision": revision})))
}

async fn whole(admin: &Admin, body: Incoming, limit: usize) -> Result<Bytes, Problem> {
    let reading = Limited::new(body, limit).collect();
    match tokio::time::timeout(admin.body_time, reading).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the body is longer than {limit} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text))
        }
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => {
            let text = format!("the body did not arrive within {:?}", admin.body_time);
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, text))
        }
    }
}

fn unknown(name: &str) -> Problem {
    RolloutError::Unknown(name.to_owned()).into()
}

pub(super) fn json_answer(status: StatusCode, said: &Value) -> Response<Full<Bytes>> {
    let mut response = text("application/json", said.to_string());
    *response.status_mut() = status;
    response
}

pub(super) fn text(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), header: None }
    }

    pub(super) fn with(self, name: HeaderName, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = json_answer(self.status, &json!({"error": self.text}));
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<NoRoute> for Problem {
    fn from(missing: NoRoute) -> Self {
        match missing {
            NoRoute::Path => Problem::new(StatusCode::NOT_FOUND, "no such path; see `/openapi.json`"),
            NoRoute::Method { allow } => {
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}"))
                    .with(header::ALLOW, allow)
            }
        }
    }
}

impl From<RolloutError> for Problem {
    fn from(error: RolloutError) -> Self {
        let status = match error {
            RolloutError::Unknown(_) => StatusCode::NOT_FOUND,
            RolloutError::NotCanary { .. }
            | RolloutError::Refused { .. }
            | RolloutError::Follows
            | RolloutError::Decides => StatusCode::CONFLICT,
        };
        Problem::new(status, error.to_string())
    }
}
