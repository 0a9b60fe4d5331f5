//! W3C trace context in HTTP headers: read from a request, written to a call.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use opentelemetry::Context;
use opentelemetry::propagation::Extractor;
use opentelemetry::propagation::Injector;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::SpanContext;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::trace::TraceState;
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The context that a request brings, empty when it brings none that is valid, and its state apart: spans inherit what
/// their parent's context has, and what a client wrote there is not for whoever collects them.
pub(super) fn extract(headers: &HeaderMap) -> (Context, TraceState) {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Incoming(headers));
    let told = context.span().span_context().clone();
    if told.trace_state() == &TraceState::NONE {
        return (context, TraceState::NONE);
    }
    let state = told.trace_state().clone();
    let bare = SpanContext::new(
        told.trace_id(),
        told.span_id(),
        told.trace_flags(),
        told.is_remote(),
        TraceState::NONE,
    );
    (Context::new().with_remote_span_context(bare), state)
}

/// Writes a span's context, with the state that its trace came with, over whatever the headers said before.
pub(super) fn inject(span: &SpanContext, state: &TraceState, headers: &mut HeaderMap) {
    let context = SpanContext::new(
        span.trace_id(),
        span.span_id(),
        span.trace_flags(),
        span.is_remote(),
        state.clone(),
    );
    let context = Context::new().with_remote_span_context(context);
    TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
}

/// Gives a copy a parent id of its own in the client's trace, for where no span is made for it: a tracing model
/// must not take a copy for the user's call. A `traceparent` that is absent or broken stays as it is.
pub(super) fn inject_fresh_child(headers: &mut HeaderMap) {
    let Some(given) = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) else { return };
    // version (2) - trace id (32) - parent id (16) - flags (2), and for later versions more.
    let well_formed = given.len() >= 55 && given.is_ascii() && given.as_bytes()[35] == b'-';
    if !well_formed || given.as_bytes()[52] != b'-' {
        return;
    }
    let parent = rand::random::<u64>().max(1);
    let renewed = format!("{}{parent:016x}{}", &given[..36], &given[52..]);
    if let Ok(value) = HeaderValue::from_str(&renewed) {
        headers.insert(TRACEPARENT, value);
    }
}

struct Incoming<'h>(&'h HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'h>(&'h mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        let Ok(name) = HeaderName::from_bytes(key.as_bytes()) else { return };
        match HeaderValue::try_from(value) {
            Ok(value) if !value.is_empty() => _ = self.0.insert(name, value),
            // An empty `tracestate` is no `tracestate`, and the client's belongs to another context.
            _ => _ = self.0.remove(name),
        }
    }
}
