//! Completes the spans of a request's calls with what their answers say, as far as the record says it.
//!
//! Only names, numbers and words for why an answer ended go into spans: no prompt, no answer. What redaction changed in a
//! body, or would not let be seen of it, is in no span either.

use serde_json::Value;

use crate::protocol::Asked;
use crate::protocol::Protocol;
use crate::protocol::Reply;
use crate::record::Body;
use crate::record::ObservationRecord;
use crate::record::PairedRecord;
use crate::record::RequestRecord;
use crate::record::build::Leg;
use crate::record::build::Opened;
use crate::telemetry::traces::EndedSpan;
use crate::telemetry::traces::Generation;
use crate::telemetry::traces::SpanLink;
use crate::vocab::ArmId;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// One call of a traced request.
#[derive(Debug)]
pub(super) struct TracedCall {
    pub(super) arm: ModelName,
    pub(super) role: Role,
    pub(super) span: SpanLink,
    pub(super) response_id: Option<String>,
}

/// Ends the spans of a request's calls. `record` is what is written of the request.
pub(super) fn complete(
    spans: Vec<(ArmId, Role, EndedSpan)>,
    opened: &Opened<'_>,
    record: &PairedRecord,
) -> Vec<TracedCall> {
    let one = |(arm, role, span): (ArmId, Role, EndedSpan)| {
        // In the same order.
        let mut calls = opened.legs.iter().zip(&record.observations);
        let (leg, written) = calls.find(|(leg, _)| leg.seen.arm == arm && leg.seen.role == role)?;
        let link = span.link();
        let protocol = opened.pair.policy.model(leg.seen.model).protocol;
        let generation = match span.is_generation() {
            true => generation(asked(opened, record, protocol), leg, written, protocol),
            false => Generation::default(),
        };
        let response_id = generation.response_id.clone();
        span.complete(generation);
        Some(TracedCall { arm: written.arm.clone(), role, span: link, response_id })
    };
    spans.into_iter().filter_map(one).collect()
}

fn generation(asked: Asked, leg: &Leg<'_>, written: &ObservationRecord, protocol: Protocol) -> Generation {
    let Leg { seen, reply, .. } = leg;
    let shown = shown(leg, written, protocol);
    let shown = shown.as_ref().unwrap_or(reply);
    let finished = reply.choices.iter().filter_map(|choice| choice.finished.as_ref());
    Generation {
        request_model: asked.model,
        max_tokens: asked.max_tokens,
        temperature: asked.temperature,
        top_p: asked.top_p,
        stream: asked.stream,
        response_model: unchanged(&reply.model, &shown.model),
        response_id: unchanged(&reply.id, &shown.id),
        finish_reasons: finished.map(|finished| finished.why.as_str().to_owned()).collect(),
        time_to_first_chunk: seen.first_byte.filter(|_| seen.is_event_stream()),
        tokens: tokens(reply),
    }
}

/// What the request asks, as far as its record shows it.
fn asked(opened: &Opened<'_>, record: &PairedRecord, protocol: Protocol) -> Asked {
    let Some(json) = opened.asked.json() else { return Asked::default() };
    let asked = Asked::read(protocol, json);
    let RequestRecord { redacted, body, .. } = &record.request;
    if shows_all(*redacted, body.as_ref()) {
        return asked;
    }
    let shown: Option<Value> = match body {
        Some(Body::Json(json)) => serde_json::from_str(json.get()).ok(),
        _ => None,
    };
    let shown = shown.map(|body| Asked::read(protocol, &body)).unwrap_or_default();
    Asked { model: unchanged(&asked.model, &shown.model), ..shown }
}

/// What the answer says as its record shows it, where that is not all of it.
fn shown(leg: &Leg<'_>, written: &ObservationRecord, protocol: Protocol) -> Option<Reply> {
    let read = |kind: &str, body: &str| Reply::read(protocol, Some(kind), body.as_bytes());
    let shows_all = shows_all(written.redacted, written.body.as_ref());
    (!shows_all).then(|| match &written.body {
        Some(Body::Json(json)) => read("application/json", json.get()),
        Some(Body::Text(text)) if leg.seen.is_event_stream() => read("text/event-stream", text),
        _ => Reply::default(),
    })
}

/// Whether a body on record is what passed. One that is withheld is not marked as redacted.
fn shows_all(redacted: bool, body: Option<&Body>) -> bool {
    !redacted && !matches!(body, Some(Body::Withheld(_)))
}

/// A text that redaction left as it is.
fn unchanged(text: &Option<String>, shown: &Option<String>) -> Option<String> {
    text.clone().filter(|_| text == shown)
}

/// What the model says it used. An estimate is no measurement, and stays out.
fn tokens(reply: &Reply) -> Vec<(&'static str, u64)> {
    let Some(used) = reply.reported.usage() else { return Vec::new() };
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
