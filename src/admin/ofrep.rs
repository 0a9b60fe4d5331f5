//! The OpenFeature Remote Evaluation Protocol (OFREP): a unit's arm, in the words of feature flags.
//!
//! A flag is an experiment, its value and variant the model that plays the unit's arm; the context's `targetingKey` is the
//! unit. Nothing is counted or recorded, and an experiment's `match` is not asked: that is of requests.

use bytes::Bytes;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http_body_util::Full;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::admin::answer::json_answer;
use crate::admin::look_up;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::strategy::Strategy;
use crate::vocab::ArmId;

/// Why a flag has no value: a code of the protocol, and what a person reads.
#[derive(Debug)]
struct Failure {
    code: &'static str,
    details: String,
}

impl Failure {
    fn new(code: &'static str, details: impl Into<String>) -> Self {
        Self { code, details: details.into() }
    }

    fn of_flag(&self, key: &str) -> Value {
        json!({"key": key, "errorCode": self.code, "errorDetails": self.details})
    }
}

/// Evaluates one flag.
pub(super) fn one(policy: &Policy, key: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let flag = policy.experiment(key).ok_or_else(|| not_found(key));
    let evaluated = flag.and_then(|experiment| evaluate(policy, experiment, targeting_key(body)?.as_deref()));
    match evaluated {
        Ok(flag) => json_answer(StatusCode::OK, &flag),
        Err(failure) => {
            let missing = failure.code == "FLAG_NOT_FOUND";
            let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            json_answer(status, &failure.of_flag(key))
        }
    }
}

/// Evaluates every flag; 304 when the client has this very answer.
pub(super) fn all(policy: &Policy, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    let targeting_key = match targeting_key(body) {
        Ok(key) => key,
        Err(Failure { code, details }) => {
            let said = json!({"errorCode": code, "errorDetails": details});
            return json_answer(StatusCode::BAD_REQUEST, &said);
        }
    };
    let flag = |experiment: &Experiment| {
        let evaluated = evaluate(policy, experiment, targeting_key.as_deref());
        evaluated.unwrap_or_else(|failure| failure.of_flag(experiment.name.as_str()))
    };
    let flags: Vec<Value> = policy.experiments.iter().map(flag).collect();
    let flags = json!({"flags": flags});
    let tag = entity_tag(&flags);
    let mut response = if has(head, &tag) {
        let mut unchanged = Response::new(Full::default());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        json_answer(StatusCode::OK, &flags)
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Reads the unit out of `{"context": {"targetingKey": "..."}}`; `None`: there is none.
fn targeting_key(body: &[u8]) -> Result<Option<String>, Failure> {
    let hint = r#"expected {"context": {"targetingKey": "..."}}"#;
    let asked: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::new("PARSE_ERROR", format!("the body is no JSON: {error}; {hint}")))?;
    let Value::Object(asked) = asked else { return Err(Failure::new("PARSE_ERROR", hint)) };
    let context = match asked.get("context") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(context)) => context,
        Some(_) => return Err(Failure::new("INVALID_CONTEXT", format!("`context` is no object; {hint}"))),
    };
    match context.get("targetingKey") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(key)) => Ok(Some(key.clone()).filter(|key| !key.is_empty())),
        Some(_) => Err(Failure::new("INVALID_CONTEXT", format!("`targetingKey` is no string; {hint}"))),
    }
}

fn evaluate(policy: &Policy, experiment: &Experiment, unit: Option<&str>) -> Result<Value, Failure> {
    let stage = experiment.ramp.load();
    let (reason, is_drawn) = match &experiment.strategy {
        _ if !stage.phase.is_open() => ("DISABLED", false),
        Strategy::Shadow(_) | Strategy::Interleave(_) => ("STATIC", false),
        Strategy::Canary(_) | Strategy::Ab(_) => ("SPLIT", true),
    };
    if is_drawn && experiment.unit.is_empty() {
        let details =
            format!("experiment `{}` names no unit: each request is drawn by its own id", experiment.name);
        return Err(Failure::new("GENERAL", details));
    }
    if is_drawn && unit.is_none() {
        let details =
            format!("experiment `{}` is drawn by its unit: `targetingKey` must name it", experiment.name);
        return Err(Failure::new("TARGETING_KEY_MISSING", details));
    }
    let drawn = look_up::drawn(experiment, unit.unwrap_or_default(), &stage);
    let arm = experiment.arm_name(policy, drawn.arm);
    let mut flag = json!({
        "key": experiment.name,
        "value": arm,
        "variant": arm,
        "reason": reason,
        "metadata": {
            "strategy": experiment.strategy.kind(),
            "part": if drawn.arm == ArmId::LEGACY { "legacy" } else { "candidate" },
            "enrolled": drawn.enrolled,
            "propensity": drawn.propensity,
            "policy": policy.hash,
        },
    });
    match &experiment.strategy {
        Strategy::Canary(_) => flag["metadata"]["stage"] = json!(stage.number),
        // Legacy's answer with a list of all arms' in it.
        Strategy::Interleave(_) if stage.phase.is_open() => flag["metadata"]["mixed"] = json!(true),
        Strategy::Shadow(_) | Strategy::Ab(_) | Strategy::Interleave(_) => {}
    }
    Ok(flag)
}

fn not_found(key: &str) -> Failure {
    Failure::new("FLAG_NOT_FOUND", format!("no experiment `{key}` in the policy"))
}

fn entity_tag(flags: &Value) -> String {
    let hash = Sha256::digest(flags.to_string());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether `if-none-match` lists the tag: weakly, as RFC 9110 compares it.
fn has(head: &Parts, tag: &str) -> bool {
    let lists = head.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
