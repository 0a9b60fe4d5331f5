//! The spans of one request: the server's, and one client span for each call to a model.
//!
//! Names and attributes follow OpenTelemetry's conventions for HTTP, feature flags and generative AI. Paths are recorded without the
//! query, as the caller lets them be shown, and no header or body ever is: of the client's context the ids go into
//! spans, and its `tracestate` only to models. Where tracing is off these types are empty and cost a branch.

use std::rc::Rc;

use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::request::Parts;
use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::Value;
use opentelemetry::trace::Span as _;
use opentelemetry::trace::SpanBuilder;
use opentelemetry::trace::SpanKind;
use opentelemetry::trace::Status;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::trace::TraceState;
use opentelemetry::trace::Tracer;
use opentelemetry_sdk::trace::SdkTracer;
use opentelemetry_sdk::trace::Span;

use crate::telemetry::traces::EndedSpan;
use crate::telemetry::traces::Exporting;
use crate::telemetry::traces::Operation;
use crate::telemetry::traces::Traces;
use crate::telemetry::traces::generation::Call;
use crate::telemetry::traces::propagation;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// The span of one request. Dropped without [`ServerSpan::finish`], it ends at that moment with what is known.
#[derive(Debug)]
pub struct ServerSpan {
    /// Boxed, as all spans here: where tracing is off they are handed on with every request and take no room.
    span: Option<Box<Span>>,
    parent: SpanParent,
}

/// What the client spans of one request hang under; it may outlive the server span, as copies do.
#[derive(Debug, Clone, Default)]
pub struct SpanParent(Option<Rc<(SdkTracer, Context, TraceState)>>);

/// The span of one call to a model. Dropped without [`ClientSpan::finish`], it ends as it is.
#[derive(Debug)]
pub struct ClientSpan(Option<Box<Call>>);

/// What a client span says of its call.
#[derive(Debug, Clone, Copy)]
pub struct Leg<'a> {
    /// The experiment; `None` on the default route.
    pub experiment: Option<&'a ExperimentName>,
    /// The arm, by its model's name.
    pub arm: &'a ModelName,
    /// What the call is for.
    pub role: Role,
    /// The request that the call belongs to; `None` on the default route.
    pub request_id: Option<RequestId>,
    /// The method.
    pub method: &'a Method,
    /// The path that is called, without the query.
    pub path: &'a str,
    /// Who is known for the language that the model speaks, if that is one of language models.
    pub provider: Option<&'static str>,
}

impl Traces {
    /// Begins the span of a request, in the trace that the client began, if it began one. `shown` makes of a path what may
    /// be seen of it.
    pub fn server_span(
        &self,
        head: &Parts,
        scheme: &'static str,
        shown: impl FnOnce(&str) -> String,
    ) -> ServerSpan {
        let Some(Exporting { tracer, .. }) = &self.0 else {
            return ServerSpan { span: None, parent: SpanParent::default() };
        };
        let method = method_word(&head.method);
        let builder = SpanBuilder::from_name(method).with_kind(SpanKind::Server);
        let (parent, state) = propagation::extract(&head.headers);
        let mut span = tracer.build_with_context(builder, &parent);
        if span.is_recording() {
            span.set_attribute(KeyValue::new("http.request.method", method));
            span.set_attribute(KeyValue::new("url.path", shown(head.uri.path())));
            span.set_attribute(KeyValue::new("url.scheme", scheme));
        }
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        ServerSpan {
            span: Some(Box::new(span)),
            parent: SpanParent(Some(Rc::new((tracer.clone(), context, state)))),
        }
    }
}

impl ServerSpan {
    /// What the request's client spans hang under.
    pub fn parent(&self) -> &SpanParent {
        &self.parent
    }

    /// Notes which arm of which experiment the request was assigned to.
    pub fn assigned(&mut self, experiment: &ExperimentName, arm: &ModelName, request_id: RequestId) {
        let Some(span) = recording(&mut self.span) else { return };
        let text = |key, value: &str| KeyValue::new(key, value.to_owned());
        span.set_attribute(text("crossfade.experiment", experiment.as_str()));
        span.set_attribute(text("crossfade.arm", arm.as_str()));
        span.set_attribute(KeyValue::new("crossfade.request_id", request_id.to_string()));
        span.set_attribute(text("feature_flag.key", experiment.as_str()));
        span.set_attribute(KeyValue::new("feature_flag.provider.name", "crossfade"));
        span.set_attribute(text("feature_flag.result.variant", arm.as_str()));
        span.set_attribute(KeyValue::new("feature_flag.result.reason", "split"));
    }

    /// Ends the span when the user's answer ended. A client's error is not the server's: only 5xx, or an end that
    /// is an error, marks the span as failed.
    pub fn finish(mut self, status: Option<StatusCode>, fate: Fate) {
        let Some(span) = &mut self.span else { return };
        let failed = fate.is_error() || status.is_some_and(|status| status.is_server_error());
        conclude(span, status, fate, failed);
        span.end();
    }
}

impl SpanParent {
    /// Begins the span of one call and writes its context into the headers that the model gets.
    ///
    /// Where tracing is off, the client's own `traceparent` goes on unchanged, and a copy gets a fresh parent id.
    pub fn client_span(&self, leg: Leg<'_>, headers: &mut HeaderMap) -> ClientSpan {
        let Some((tracer, context, state)) = self.0.as_deref() else {
            if leg.role.is_copy() {
                propagation::inject_fresh_child(headers);
            }
            return ClientSpan(None);
        };
        let method = method_word(leg.method);
        let generation = leg.provider.and_then(|provider| Some((Operation::of_path(leg.path)?, provider)));
        let name = generation.map_or(method, |(operation, _)| operation.as_str());
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client);
        let mut span = tracer.build_with_context(builder, context);
        if span.is_recording() {
            describe(&mut span, leg, method);
            if let Some((operation, provider)) = generation {
                span.set_attribute(KeyValue::new("gen_ai.operation.name", operation.as_str()));
                span.set_attribute(KeyValue::new("gen_ai.provider.name", provider));
            }
        }
        propagation::inject(span.span_context(), state, headers);
        let operation = generation.map(|(operation, _)| operation);
        ClientSpan(Some(Box::new(Call { span, operation, ended: None })))
    }
}

impl ClientSpan {
    /// Notes that the call ended, and how; the span ends, as of now, when it is completed or dropped. `None`: nobody
    /// will see it. As the conventions ask of clients, 4xx marks it as failed too.
    pub fn finish(mut self, status: Option<StatusCode>, fate: Fate) -> Option<EndedSpan> {
        let mut call = self.0.take().filter(|call| call.span.is_recording())?;
        let failed = fate.is_error() || status.is_some_and(|status| status.as_u16() >= 400);
        conclude(&mut call.span, status, fate, failed);
        Some(EndedSpan::now(call))
    }
}

fn describe(span: &mut Span, leg: Leg<'_>, method: &'static str) {
    span.set_attribute(KeyValue::new("http.request.method", method));
    span.set_attribute(KeyValue::new("crossfade.arm", leg.arm.as_str().to_owned()));
    span.set_attribute(KeyValue::new("crossfade.role", leg.role.as_str()));
    if let Some(experiment) = leg.experiment {
        span.set_attribute(KeyValue::new("crossfade.experiment", experiment.as_str().to_owned()));
    }
    if let Some(id) = leg.request_id {
        span.set_attribute(KeyValue::new("crossfade.request_id", id.to_string()));
    }
}

fn conclude(span: &mut Span, status: Option<StatusCode>, fate: Fate, failed: bool) {
    if span.is_recording() {
        if let Some(status) = status {
            let code = Value::I64(status.as_u16().into());
            span.set_attribute(KeyValue::new("http.response.status_code", code));
        }
        let error = match status {
            _ if fate != Fate::Complete => Some(fate.as_str().to_owned()),
            Some(status) if failed => Some(status.as_str().to_owned()),
            _ => None,
        };
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error));
        }
        if failed {
            span.set_status(Status::error(""));
        }
    }
}

fn recording(span: &mut Option<Box<Span>>) -> Option<&mut Span> {
    span.as_deref_mut().filter(|span| span.is_recording())
}

/// The method as the conventions have it: a method of one's own making is no name for a span.
fn method_word(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}
