//! What one call used, in tokens.
//!
//! Vendors count differently: OpenAI's input includes what a cache gave and what was written to one, Anthropic's does
//! not. Here all become the same numbers, so that a price per token means one thing: what a cache gave stands apart, and
//! what was written to one is a part of the input, as reasoning is a part of the output.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::Protocol;
use crate::protocol::Reply;

/// What one call used. Input that a cache gave is not part of `input_tokens`; input that was written to one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens that were computed, those that were written to a cache among them.
    pub input_tokens: u64,
    /// Input tokens that a cache gave.
    pub cached_input_tokens: u64,
    /// The input tokens that were computed and written to a cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_input_tokens: u64,
    /// Output tokens, those of reasoning among them.
    pub output_tokens: u64,
    /// The output tokens that were reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Some of it was not told by the answer and is estimated from its text and the request's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub estimated: bool,
}

impl Usage {
    /// All tokens, each once.
    pub fn total(&self) -> u64 {
        let kinds = [self.input_tokens, self.cached_input_tokens, self.output_tokens];
        kinds.into_iter().fold(0, u64::saturating_add)
    }

    /// Adds what another call used.
    pub fn add(&mut self, other: Usage) {
        let Usage {
            input_tokens,
            cached_input_tokens,
            cache_write_input_tokens,
            output_tokens,
            reasoning_tokens,
            estimated,
        } = other;
        self.input_tokens = self.input_tokens.saturating_add(input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(cached_input_tokens);
        self.cache_write_input_tokens =
            self.cache_write_input_tokens.saturating_add(cache_write_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(output_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(reasoning_tokens);
        self.estimated |= estimated;
    }
}

/// Reads what an answer says it used; `None` when it says nothing, or the protocol has no word for it.
///
/// Takes plain JSON and event streams, not compressed. A stream that was cut tells what it had said until then: for
/// OpenAI mostly nothing, because the usage comes last; for Anthropic the input and part of the output.
pub fn usage(protocol: Protocol, content_type: Option<&str>, body: &[u8]) -> Option<Usage> {
    Reply::read(protocol, content_type, body).reported.usage()
}

/// What an answer said of its use, kind by kind; what it did not say is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reported {
    /// Input tokens that were computed, without those that were written to a cache.
    pub input: Option<u64>,
    /// Input tokens that a cache gave.
    pub cached_input: Option<u64>,
    /// Input tokens that were computed and written to a cache.
    pub cache_write_input: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
    /// Output tokens as a stream counted them before it had given any: a lower bound.
    pub output_at_least: Option<u64>,
    /// The output tokens that were reasoning.
    pub reasoning: Option<u64>,
}

impl Reported {
    /// What was said, with nothing for what was not; `None`: nothing was said.
    pub fn usage(self) -> Option<Usage> {
        let Reported { input, cached_input, cache_write_input, output, output_at_least, reasoning } = self;
        let output = output.or(output_at_least);
        if input.is_none() && output.is_none() {
            return None;
        }
        let (written, output_tokens) = (cache_write_input.unwrap_or(0), output.unwrap_or(0));
        Some(Usage {
            input_tokens: input.unwrap_or(0).saturating_add(written),
            cached_input_tokens: cached_input.unwrap_or(0),
            cache_write_input_tokens: written,
            output_tokens,
            // A part of the output is not more than it.
            reasoning_tokens: reasoning.unwrap_or(0).min(output_tokens),
            estimated: false,
        })
    }

    /// Takes a `usage` of OpenAI's, whose input has the cached in it. The last word counts, for some servers repeat it
    /// with every chunk.
    pub(super) fn hear_openai(&mut self, usage: &Value) {
        if is_blank(usage) {
            return;
        }
        let either = |chat: &str, responses: &str| number(usage, chat).or_else(|| number(usage, responses));
        let details = |chat, responses| usage.get(chat).or_else(|| usage.get(responses));
        let of_input = details("prompt_tokens_details", "input_tokens_details");
        let of_output = details("completion_tokens_details", "output_tokens_details");
        let cached_input = of_input.and_then(|details| number(details, "cached_tokens"));
        let computed =
            either("prompt_tokens", "input_tokens").map(|all| all.saturating_sub(cached_input.unwrap_or(0)));
        // A part of what was computed is not more than it.
        let cache_write_input = of_input
            .and_then(|details| number(details, "cache_write_tokens"))
            .map(|written| written.min(computed.unwrap_or(0)));
        *self = Reported {
            input: computed.map(|computed| computed.saturating_sub(cache_write_input.unwrap_or(0))),
            cached_input,
            cache_write_input,
            output: either("completion_tokens", "output_tokens"),
            output_at_least: None,
            reasoning: of_output.and_then(|details| number(details, "reasoning_tokens")),
        };
    }

    /// Takes a `usage` of Anthropic's, which is cumulative. `is_begun`: it stands before the output.
    pub(super) fn hear_anthropic(&mut self, usage: &Value, is_begun: bool) {
        if is_blank(usage) {
            return;
        }
        hear(&mut self.input, number(usage, "input_tokens"));
        hear(&mut self.cached_input, number(usage, "cache_read_input_tokens"));
        hear(&mut self.cache_write_input, number(usage, "cache_creation_input_tokens"));
        let output = if is_begun { &mut self.output_at_least } else { &mut self.output };
        hear(output, number(usage, "output_tokens"));
        let details = usage.get("output_tokens_details");
        let reasoning = |name| details.and_then(|details| number(details, name));
        hear(&mut self.reasoning, reasoning("thinking_tokens").or_else(|| reasoning("reasoning_tokens")));
    }
}

fn hear(known: &mut Option<u64>, said: Option<u64>) {
    *known = said.or(*known);
}

/// Whether it counts nothing at all, not even what was asked: a form not filled in. LiteLLM has one in every chunk of a
/// streamed completion whose usage was not asked for, and at the beginning of messages that it translates.
fn is_blank(usage: &Value) -> bool {
    let inputs = ["prompt_tokens", "input_tokens"].map(|name| number(usage, name));
    let others =
        ["completion_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    let counts = |name| number(usage, name).is_some_and(|count| count > 0);
    inputs.contains(&Some(0))
        && !inputs.into_iter().flatten().any(|count| count > 0)
        && !others.into_iter().any(counts)
}

/// A count of tokens; one beyond 32 bits is a mistake, and would run the sums over.
pub(super) fn number(object: &Value, key: &str) -> Option<u64> {
    object.get(key)?.as_u64().filter(|count| u32::try_from(*count).is_ok())
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_false(mark: &bool) -> bool {
    !mark
}
