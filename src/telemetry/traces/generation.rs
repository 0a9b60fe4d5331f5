//! What a client span says of a call to a language model, in the names of OpenTelemetry's conventions for generative AI.
//!
//! What an answer used and why it ended is known only when it was read, long after the data plane is done with it: the
//! span waits with the record of its request, at rest since the call ended, and whoever reads the answer completes it.
//! No prompt, no answer and no argument of a tool is ever part of it.

use std::time::Duration;
use std::time::SystemTime;

use opentelemetry::Array;
use opentelemetry::KeyValue;
use opentelemetry::StringValue;
use opentelemetry::Value;
use opentelemetry::trace::Span as _;
use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::trace::Span;

/// How much room a span at rest takes in memory, roughly, in bytes.
const HELD_BYTES: usize = 1024;

/// The longest name of a model that goes into a span, in characters: clients send it.
const LONGEST: usize = 256;

/// What a language model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The next turn of a conversation.
    Chat,
    /// A text that goes on with another.
    TextCompletion,
    /// Vectors.
    Embeddings,
}

impl Operation {
    /// What a path of a URL is for; `None`: no generation that is known, such as a list of models.
    pub fn of_path(path: &str) -> Option<Self> {
        let ends = |end: &str| path.ends_with(end);
        if ends("/chat/completions") || ends("/messages") || ends("/responses") {
            Some(Operation::Chat)
        } else if ends("/completions") || ends("/generate") || ends("/generate_stream") {
            Some(Operation::TextCompletion)
        } else if ends("/embeddings") {
            Some(Operation::Embeddings)
        } else {
            None
        }
    }

    /// The conventions' word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Chat => "chat",
            Operation::TextCompletion => "text_completion",
            Operation::Embeddings => "embeddings",
        }
    }
}

/// What the request and the answer of one call say. What is not known is left out.
#[derive(Debug, Clone, Default)]
pub struct Generation {
    /// The model that the client asks for.
    pub request_model: Option<String>,
    /// The most output tokens.
    pub max_tokens: Option<u64>,
    /// The temperature.
    pub temperature: Option<f64>,
    /// The share of the probability that tokens are drawn from.
    pub top_p: Option<f64>,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// The model that says it answered.
    pub response_model: Option<String>,
    /// The answer's id.
    pub response_id: Option<String>,
    /// Why it ended, answer by answer, in words that are the same for all protocols.
    pub finish_reasons: Vec<String>,
    /// Of a stream: from the beginning of the call to its first chunk.
    pub time_to_first_chunk: Option<Duration>,
    /// What the model says it used, by name, in tokens.
    pub tokens: Vec<(&'static str, u64)>,
}

/// The span of a call that has ended. Dropped, it ends as of that moment, with what is known.
#[derive(Debug)]
pub struct EndedSpan(Box<Call>);

/// A span, and what it is the span of.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) span: Span,
    /// `None`: the call is none to a language model.
    pub(super) operation: Option<Operation>,
    /// When the call ended, once it has.
    pub(super) ended: Option<SystemTime>,
}

/// One span, for whatever speaks of it later.
#[derive(Debug, Clone)]
pub struct SpanLink(pub(in crate::telemetry) SpanContext);

impl EndedSpan {
    pub(super) fn now(mut call: Box<Call>) -> Self {
        call.ended = Some(SystemTime::now());
        Self(call)
    }

    /// What the span holds in memory, roughly, in bytes.
    pub fn held_bytes(&self) -> usize {
        HELD_BYTES
    }

    /// Whether the call is one to a language model, of which there is more to say.
    pub fn is_generation(&self) -> bool {
        self.0.operation.is_some()
    }

    /// What later events refer to.
    pub fn link(&self) -> SpanLink {
        SpanLink(self.0.span.span_context().clone())
    }

    /// Ends the span with all that is known of the call.
    pub fn complete(mut self, generation: Generation) {
        let Call { span, operation, .. } = &mut *self.0;
        if let Some(operation) = operation {
            describe(span, *operation, generation);
        }
    }
}

impl Drop for EndedSpan {
    fn drop(&mut self) {
        let Call { span, ended, .. } = &mut *self.0;
        match ended {
            Some(ended) => span.end_with_timestamp(*ended),
            None => span.end(),
        }
    }
}

fn describe(span: &mut Span, operation: Operation, generation: Generation) {
    let Generation {
        request_model,
        max_tokens,
        temperature,
        top_p,
        stream,
        response_model,
        response_id,
        finish_reasons,
        time_to_first_chunk,
        tokens,
    } = generation;
    let request_model = request_model.map(bounded);
    if let Some(model) = &request_model {
        span.update_name(format!("{} {model}", operation.as_str()));
    }
    let texts = [
        ("gen_ai.request.model", request_model),
        ("gen_ai.response.model", response_model.map(bounded)),
        ("gen_ai.response.id", response_id.map(bounded)),
    ];
    for (key, text) in texts {
        text.into_iter().for_each(|text| span.set_attribute(KeyValue::new(key, text)));
    }
    let numbers = [
        ("gen_ai.request.temperature", temperature),
        ("gen_ai.request.top_p", top_p),
        ("gen_ai.response.time_to_first_chunk", time_to_first_chunk.map(|time| time.as_secs_f64())),
    ];
    for (key, number) in numbers {
        number.into_iter().for_each(|number| span.set_attribute(KeyValue::new(key, number)));
    }
    let most = max_tokens.map(|most| ("gen_ai.request.max_tokens", most));
    for (key, count) in most.into_iter().chain(tokens) {
        span.set_attribute(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
    }
    if stream {
        span.set_attribute(KeyValue::new("gen_ai.request.stream", true));
    }
    if !finish_reasons.is_empty() {
        let reasons: Vec<StringValue> = finish_reasons.into_iter().map(StringValue::from).collect();
        let reasons = Value::Array(Array::String(reasons));
        span.set_attribute(KeyValue::new("gen_ai.response.finish_reasons", reasons));
    }
}

fn bounded(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
