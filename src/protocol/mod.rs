//! What a request and an answer mean: where a value stands in JSON, what a model says it used.
//!
//! The data plane passes bytes and understands none of them; whoever needs meaning asks here. Pure: bytes and
//! parsed JSON in, values out.

mod asked;
mod class;
mod credentials;
mod document;
mod encoding;
mod estimate;
pub mod grpc;
pub mod http1;
pub mod http2;
mod json_path;
mod reply;
mod rewrite;
mod seek;
mod sse;
mod unasked;
mod usage;

#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use asked::Extent;
pub use class::class_text;
pub use credentials::is_credential;
pub use credentials::strip_credentials;
pub use document::Document;
pub use encoding::Decoded;
pub use encoding::decoded;
pub use json_path::JsonPath;
pub use json_path::JsonPathError;
pub use json_path::ListPath;
pub use reply::Choice;
pub use reply::Failure;
pub use reply::Finish;
pub use reply::Finished;
pub use reply::Reply;
pub use reply::ToolCall;
pub use rewrite::Edit;
pub use rewrite::Rewriter;
pub use unasked::Unasked;
pub use usage::Reported;
pub use usage::Usage;
pub use usage::usage;

use http::HeaderValue;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

/// The application protocol a model speaks, which tells how its answers say what they used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Protocol {
    /// Nothing is known of the bodies.
    #[default]
    #[serde(rename = "http")]
    Http,
    /// The Open Inference Protocol, version 2, over HTTP.
    #[serde(rename = "kserve-v2")]
    KserveV2,
    /// OpenAI's chat completions, completions, embeddings and responses.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic's messages.
    #[serde(rename = "anthropic")]
    Anthropic,
}

impl Protocol {
    /// Who is known for the protocol, as OpenTelemetry names providers of generative models; `None`: it is none of
    /// language models.
    pub fn provider(self) -> Option<&'static str> {
        match self {
            Protocol::OpenAi => Some("openai"),
            Protocol::Anthropic => Some("anthropic"),
            Protocol::Http | Protocol::KserveV2 => None,
        }
    }
}

/// Reads a body as JSON; `None` when its type says that it is something else, or it is not valid JSON.
///
/// A body without a type is tried: many small model servers send none.
pub fn json(content_type: Option<&str>, body: &[u8]) -> Option<Value> {
    let is_json =
        content_type.map(media_type).is_none_or(|kind| kind.ends_with("/json") || kind.ends_with("+json"));
    if is_json { serde_json::from_slice(body).ok() } else { None }
}

/// Says whether a body of this type is a stream of server-sent events.
pub fn is_event_stream(content_type: &str) -> bool {
    media_type(content_type) == "text/event-stream"
}

/// Says whether a value of `content-type` is that of server-sent events. Allocates nothing.
pub fn names_event_stream(content_type: &HeaderValue) -> bool {
    let kind = content_type.as_bytes();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"text/event-stream")
}

/// The type without its parameters, in lower case.
fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
