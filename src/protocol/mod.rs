//! What a request and an answer mean: where a value stands in JSON, what a model says it used.
//!
//! The data plane passes bytes and understands none of them; whoever needs meaning asks here. Pure: bytes and
//! parsed JSON in, values out.

mod json_path;

pub use json_path::JsonPath;
pub use json_path::JsonPathError;
pub use json_path::ListPath;

use serde::Deserialize;
use serde::Serialize;

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
