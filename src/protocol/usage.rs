//! What a model says that one call used, in tokens.
//!
//! Vendors count differently: OpenAI's input includes what a cache gave, Anthropic's does not. Here both become
//! the same three numbers, so that a price per token means one thing. What an answer does not say is not guessed.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::Protocol;
use crate::protocol::is_event_stream;
use crate::protocol::json;
use crate::protocol::sse;

/// What one call used, as the model's answer tells. Cached input is not part of `input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens that were computed, those written to a cache among them.
    pub input_tokens: u64,
    /// Input tokens that a cache gave.
    pub cached_input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

impl Usage {
    /// Tokens of every kind.
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.cached_input_tokens).saturating_add(self.output_tokens)
    }

    /// Adds what another call used.
    pub fn add(&mut self, other: Usage) {
        let Usage { input_tokens, cached_input_tokens, output_tokens } = other;
        self.input_tokens = self.input_tokens.saturating_add(input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(cached_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(output_tokens);
    }
}

/// Reads what an answer says it used; `None` when it says nothing, or the protocol has no word for it.
///
/// Takes plain JSON and event streams, whole and not compressed. A stream that was cut tells what it had said
/// until then: for OpenAI mostly nothing, because the usage comes last; for Anthropic the input and part of the output.
pub fn usage(protocol: Protocol, content_type: Option<&str>, body: &[u8]) -> Option<Usage> {
    let read: fn(&mut Said, &Value) = match protocol {
        Protocol::Http | Protocol::KserveV2 => return None,
        Protocol::OpenAi => Said::hear_openai,
        Protocol::Anthropic => Said::hear_anthropic,
    };
    let mut said = Said::default();
    if content_type.is_some_and(is_event_stream) {
        // `[DONE]` and whatever else is no JSON is skipped.
        let messages = sse::messages(body).into_iter().filter_map(|data| serde_json::from_str(&data).ok());
        messages.for_each(|message: Value| read(&mut said, &message));
    } else {
        read(&mut said, &json(content_type, body)?);
    }
    said.usage()
}

/// What the messages of an answer said so far; a later word replaces an earlier one.
#[derive(Default)]
struct Said {
    input: Option<u64>,
    cached: Option<u64>,
    output: Option<u64>,
}

impl Said {
    /// Chat completions, completions and embeddings say `usage`; the events of the Responses API nest it in
    /// `response`. Which chunk of a stream carries it is not fixed, nor that its `choices` are empty.
    fn hear_openai(&mut self, message: &Value) {
        let nested = || message.get("response").and_then(|response| response.get("usage"));
        let Some(usage) = message.get("usage").filter(|usage| usage.is_object()).or_else(nested) else {
            return;
        };
        let either = |chat: &str, responses: &str| number(usage, chat).or_else(|| number(usage, responses));
        let details = usage.get("prompt_tokens_details").or_else(|| usage.get("input_tokens_details"));
        let cached = details.and_then(|details| number(details, "cached_tokens"));
        let input = either("prompt_tokens", "input_tokens");
        *self = Said {
            input: input.map(|all| all.saturating_sub(cached.unwrap_or(0))),
            cached,
            output: either("completion_tokens", "output_tokens"),
        };
    }

    /// A plain answer and `message_delta` say `usage`, which is cumulative; `message_start` nests it in `message`.
    fn hear_anthropic(&mut self, message: &Value) {
        let nested = || message.get("message").and_then(|start| start.get("usage"));
        let Some(usage) = message.get("usage").filter(|usage| usage.is_object()).or_else(nested) else {
            return;
        };
        let written = number(usage, "cache_creation_input_tokens").unwrap_or(0);
        hear(&mut self.input, number(usage, "input_tokens").map(|input| input.saturating_add(written)));
        hear(&mut self.cached, number(usage, "cache_read_input_tokens"));
        hear(&mut self.output, number(usage, "output_tokens"));
    }

    fn usage(self) -> Option<Usage> {
        let Said { input, cached, output } = self;
        if input.is_none() && output.is_none() {
            return None;
        }
        Some(Usage {
            input_tokens: input.unwrap_or(0),
            cached_input_tokens: cached.unwrap_or(0),
            output_tokens: output.unwrap_or(0),
        })
    }
}

fn hear(known: &mut Option<u64>, said: Option<u64>) {
    *known = said.or(*known);
}

/// A count of tokens; one beyond 32 bits is a mistake, and would run the sums over.
fn number(object: &Value, key: &str) -> Option<u64> {
    object.get(key)?.as_u64().filter(|count| u32::try_from(*count).is_ok())
}
