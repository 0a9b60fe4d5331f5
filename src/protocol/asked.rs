//! What a request asks of a model.

use serde_json::Value;

use crate::protocol::Protocol;

/// Members that hold what a model reads.
const PROMPTS: [&str; 6] = ["messages", "system", "prompt", "instructions", "input", "inputs"];
/// Members of parts of a prompt that are text; what else there is names things, or is an image.
const TEXTS: [&str; 9] =
    ["content", "text", "thinking", "arguments", "name", "input", "function", "tool_calls", "output"];

/// What a request asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// The model that is to answer.
    pub model: Option<String>,
    /// The answer is to come as a stream.
    pub stream: bool,
    /// The stream is to end with what was used.
    pub include_usage: bool,
    /// The tools that the model may call, by name.
    pub tools: Vec<String>,
    /// The most output tokens.
    pub max_tokens: Option<u64>,
    /// The temperature at which tokens are drawn.
    pub temperature: Option<f64>,
    /// The share of the probability that tokens are drawn from.
    pub top_p: Option<f64>,
    /// How many answers it asks for.
    pub n: Option<u64>,
    /// The conversation that it goes on with.
    pub conversation: Option<String>,
    /// How much there is for the model to read; `None`: there is no prompt in it.
    pub prompt: Option<Extent>,
}

/// How much text there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Characters.
    pub characters: u64,
    /// What comes as numbers of tokens already.
    pub tokens: u64,
}

impl Asked {
    /// Reads a request's body.
    pub fn read(protocol: Protocol, body: &Value) -> Self {
        if !matches!(protocol, Protocol::OpenAi | Protocol::Anthropic) {
            return Self::default();
        }
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let at = |pointer: &str| body.pointer(pointer);
        let is = |pointer: &str| at(pointer).and_then(Value::as_bool) == Some(true);
        let count = |pointer: &str| at(pointer).and_then(Value::as_u64);
        let number = |pointer: &str| at(pointer).and_then(Value::as_f64);
        let most =
            ["/max_completion_tokens", "/max_output_tokens", "/max_tokens", "/parameters/max_new_tokens"];
        let conversations = [
            "/conversation/id",
            "/conversation",
            "/previous_response_id",
            "/metadata/conversation_id",
            "/metadata/session_id",
        ];
        let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
        let name = |tool: &Value| tool.pointer("/function/name").or_else(|| tool.get("name")).and_then(text);
        Self {
            model: at("/model").and_then(text),
            stream: is("/stream"),
            include_usage: is("/stream_options/include_usage"),
            tools: tools.filter_map(name).collect(),
            max_tokens: most.into_iter().find_map(count),
            temperature: number("/temperature").or_else(|| number("/parameters/temperature")),
            top_p: number("/top_p").or_else(|| number("/parameters/top_p")),
            n: count("/n").or_else(|| count("/parameters/best_of")),
            conversation: conversations.into_iter().find_map(|place| at(place).and_then(text)),
            prompt: prompt(body),
        }
    }
}

fn prompt(body: &Value) -> Option<Extent> {
    let mut extent = Extent::default();
    let mut is_there = false;
    for part in PROMPTS.iter().filter_map(|name| body.get(name)) {
        is_there = true;
        extent.add_part(part);
    }
    if let Some(tools) = body.get("tools").filter(|_| is_there) {
        extent.add_text(&tools.to_string());
    }
    is_there.then_some(extent)
}

impl Extent {
    pub(super) fn add_text(&mut self, text: &str) {
        self.characters = self.characters.saturating_add(text.chars().count() as u64);
    }

    fn add_part(&mut self, part: &Value) {
        match part {
            Value::String(text) => self.add_text(text),
            Value::Number(_) => self.tokens = self.tokens.saturating_add(1),
            Value::Array(parts) => parts.iter().for_each(|part| self.add_part(part)),
            Value::Object(members) => {
                for (_, member) in members.iter().filter(|(name, _)| TEXTS.contains(&name.as_str())) {
                    self.add_part(member);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The same, of a body of which only a part is here: as much more as there was of the whole.
    pub fn scaled(self, whole_bytes: u64, kept_bytes: u64) -> Self {
        let scale = |count: u64| {
            let scaled = u128::from(count) * u128::from(whole_bytes) / u128::from(kept_bytes.max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX).max(count)
        };
        Self { characters: scale(self.characters), tokens: scale(self.tokens) }
    }

    /// The estimate in tokens: a token for every four characters begun, and those that came as numbers.
    pub fn estimated_tokens(self) -> u64 {
        self.characters.div_ceil(4).saturating_add(self.tokens).min(u64::from(u32::MAX))
    }
}
