//! Why an answer ended, in one set of words for all protocols.

use serde::Deserialize;
use serde::Serialize;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done, or came to a text at which it was to stop.
    Stop,
    /// It reached the most tokens that it might have.
    Length,
    /// It calls tools and waits for what they say.
    ToolCalls,
    /// A filter took it, or the rest of it, away.
    ContentFilter,
    /// The model refuses.
    Refusal,
    /// The model failed.
    Error,
    /// Anything else.
    Other,
}

/// Why an answer ended, and in which word the model said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Why.
    pub why: Finish,
    /// The model's word.
    pub word: String,
}

impl Finish {
    /// The word for it in metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls => "tool_calls",
            Finish::ContentFilter => "content_filter",
            Finish::Refusal => "refusal",
            Finish::Error => "error",
            Finish::Other => "other",
        }
    }
}

impl Finished {
    /// What a word of any protocol says.
    pub(super) fn of(word: String) -> Self {
        let why = match word.as_str() {
            "stop" | "end_turn" | "stop_sequence" | "eos_token" | "eos" | "completed" => Finish::Stop,
            "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => Finish::Length,
            "tool_calls" | "tool_use" | "function_call" => Finish::ToolCalls,
            "content_filter" => Finish::ContentFilter,
            "refusal" => Finish::Refusal,
            "error" | "failed" => Finish::Error,
            _ => Finish::Other,
        };
        Self { why, word }
    }
}
