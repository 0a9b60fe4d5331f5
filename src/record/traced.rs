//! Completes the spans of a request's calls with what their answers say, as far as the record may say it.
//!
//! Only names, numbers and words for why an answer ended go into spans: no prompt, no answer. Where rules of redaction
//! speak of the places that they come from, they stay out.

use std::sync::LazyLock;

use crate::protocol::Asked;
use crate::protocol::JsonPath;
use crate::record::build::Leg;
use crate::record::build::Opened;
use crate::record::redact::Redactor;
use crate::telemetry::traces::EndedSpan;
use crate::telemetry::traces::Generation;
use crate::telemetry::traces::SpanLink;
use crate::vocab::ArmId;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// Where requests and answers name a model, and answers their id.
static MODEL: LazyLock<JsonPath> = LazyLock::new(|| path("$.model"));
static ID: LazyLock<JsonPath> = LazyLock::new(|| path("$.id"));

/// One call of a traced request.
#[derive(Debug)]
pub(super) struct TracedCall {
    pub(super) arm: ModelName,
    pub(super) role: Role,
    pub(super) span: SpanLink,
    pub(super) response_id: Option<String>,
}

/// Ends the spans of a request's calls.
pub(super) fn complete(
    spans: Vec<(ArmId, Role, EndedSpan)>,
    opened: &Opened<'_>,
    redactor: &Redactor<'_>,
) -> Vec<TracedCall> {
    let one = |(arm, role, span): (ArmId, Role, EndedSpan)| {
        let leg = opened.legs.iter().find(|leg| leg.seen.arm == arm && leg.seen.role == role)?;
        let link = span.link();
        let generation = span.is_generation().then(|| generation(leg, opened, redactor)).unwrap_or_default();
        let response_id = generation.response_id.clone();
        span.complete(generation);
        let arm = opened.pair.experiment().arm_name(&opened.pair.policy, arm).clone();
        Some(TracedCall { arm, role, span: link, response_id })
    };
    spans.into_iter().filter_map(one).collect()
}

fn generation(leg: &Leg<'_>, opened: &Opened<'_>, redactor: &Redactor<'_>) -> Generation {
    let Leg { seen, content, reply } = leg;
    let protocol = opened.pair.policy.model(seen.model).protocol;
    let asked = opened.asked.json().map(|body| Asked::read(protocol, body)).unwrap_or_default();
    let told = |text: &String| redactor.told(text.clone());
    let request = opened.asked.whole();
    let names_model = request.is_some_and(|request| redactor.spares_in_request(&MODEL, request));
    let shows = |path: &JsonPath| {
        !redactor.speaks_of_json() || content.whole().is_some_and(|answer| redactor.spares(path, answer))
    };
    let finished = reply.choices.iter().filter_map(|choice| choice.finished.as_ref());
    Generation {
        request_model: asked.model.as_ref().filter(|_| names_model).map(told),
        max_tokens: asked.max_tokens,
        temperature: asked.temperature,
        top_p: asked.top_p,
        stream: asked.stream,
        response_model: reply.model.as_ref().filter(|_| shows(&MODEL)).map(told),
        response_id: reply.id.as_ref().filter(|_| shows(&ID)).map(told),
        finish_reasons: finished.map(|finished| finished.why.as_str().to_owned()).collect(),
        time_to_first_chunk: seen.first_byte.filter(|_| seen.is_event_stream()),
        tokens: tokens(leg),
    }
}

/// What the model says it used. An estimate is no measurement, and stays out.
fn tokens(leg: &Leg<'_>) -> Vec<(&'static str, u64)> {
    let Some(used) = leg.reply.reported.usage() else { return Vec::new() };
    let parts = [
        ("gen_ai.usage.cache_read.input_tokens", used.cached_input_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", used.cache_write_input_tokens),
        ("gen_ai.usage.reasoning.output_tokens", used.reasoning_tokens),
    ];
    let all = [
        ("gen_ai.usage.input_tokens", used.input_tokens.saturating_add(used.cached_input_tokens)),
        ("gen_ai.usage.output_tokens", used.output_tokens),
    ];
    all.into_iter().chain(parts.into_iter().filter(|(_, count)| *count > 0)).collect()
}

fn path(text: &str) -> JsonPath {
    text.parse().expect("a name below the root is a path")
}
