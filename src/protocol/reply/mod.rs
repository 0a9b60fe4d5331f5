//! What a model's answer says: the text, the calls of tools, why it ended, what it used, what went wrong.
//!
//! One value for all protocols and for plain answers and streams alike. Whatever is not expected is passed over: an
//! answer is never wrong here, it only says less.

mod anthropic;
mod chat;
mod finish;
mod kserve;
mod responses;
mod tgi;

#[cfg(test)]
mod tests;

pub use finish::Finish;
pub use finish::Finished;

use serde_json::Map;
use serde_json::Value;

use crate::protocol::Protocol;
use crate::protocol::json;
use crate::protocol::media_type;
use crate::protocol::sse;
use crate::protocol::usage::Reported;

/// How many choices, and how many calls of tools in each, are read.
const MOST: usize = 128;
/// The longest word, such as the name of a model, in characters.
const LONGEST_WORD: usize = 256;

/// The codes of errors that say that a filter took offence at a request (Azure, OpenAI).
const FILTERED: [&str; 2] = ["content_filter", "content_policy_violation"];

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The answer's id.
    pub id: Option<String>,
    /// The model that says it answered.
    pub model: Option<String>,
    /// Its version.
    pub model_version: Option<String>,
    /// What it says it used.
    pub reported: Reported,
    /// The answers in it, mostly one, in the order of their beginning.
    pub choices: Vec<Choice>,
    /// What went wrong, as it says.
    pub failure: Option<Failure>,
    /// Whether a stream came to the end that its protocol has; `None`: this is no stream, or its protocol has none.
    pub ended: Option<bool>,
    /// It has the shape of an answer of its protocol.
    pub recognised: bool,
    /// It is a stream of events.
    pub streamed: bool,
}

/// One answer of those that a request may ask for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Which it is.
    pub index: u64,
    /// Its text, put together.
    pub text: String,
    /// The text of its reasoning, as far as it is shown.
    pub reasoning: String,
    /// The words with which it refuses, where they are told apart.
    pub refusal: String,
    /// The tools that it calls.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended; `None`: it does not say.
    pub finished: Option<Finished>,
}

/// One call of a tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolCall {
    /// Its place, as the protocol counts.
    key: u64,
    /// The tool.
    pub name: String,
    /// What it is called with, as written.
    pub arguments: String,
}

/// What went wrong, in the model's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// The kind of error.
    pub kind: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// What it says to people.
    pub message: Option<String>,
}

impl Reply {
    /// Reads a body, whole or cut, not compressed. Bounded by the body: what is kept of it is not larger.
    pub fn read(protocol: Protocol, content_type: Option<&str>, body: &[u8]) -> Self {
        let mut reply = Self::default();
        let hear: fn(&mut Self, &Value) = match protocol {
            Protocol::Http => return reply,
            Protocol::KserveV2 => {
                kserve::read(&mut reply, content_type, body);
                return reply;
            }
            Protocol::OpenAi => Self::hear_openai,
            Protocol::Anthropic => anthropic::hear,
        };
        if content_type.is_some_and(|kind| media_type(kind) == "text/event-stream") {
            reply.streamed = true;
            reply.ended = Some(false);
            for data in sse::messages(body) {
                match serde_json::from_str(&data) {
                    Ok(message) => hear(&mut reply, &message),
                    Err(_) if data.trim() == "[DONE]" => reply.ended = Some(true),
                    Err(_) => {}
                }
            }
        } else if let Some(message) = json(content_type, body) {
            hear(&mut reply, &message);
        }
        reply.choices.iter_mut().for_each(Choice::settle);
        reply
    }

    /// The answer that counts where several were asked for: the first.
    pub fn first(&self) -> Option<&Choice> {
        self.choices.iter().min_by_key(|choice| choice.index)
    }

    /// Why it ended; of several answers, the first. A request that a filter would not let through has an error for an answer.
    pub fn finish(&self) -> Option<Finish> {
        let said = self.first().and_then(|choice| choice.finished.as_ref());
        let code = self.failure.as_ref().and_then(|failure| failure.code.as_deref());
        let is_filtered =
            || code.is_some_and(|code| FILTERED.contains(&code)).then_some(Finish::ContentFilter);
        said.map(|finished| finished.why).or_else(is_filtered)
    }

    /// What was said to its end, of several answers the first; `None`: nothing, or only the beginning of something.
    pub fn whole(&self) -> Option<&Choice> {
        // Many servers leave out the last mark of a stream.
        let is_whole = |said: &&Choice| !self.is_cut() || said.finished.is_some();
        self.first().filter(is_whole).filter(|_| self.failure.is_none())
    }

    /// Says whether a stream broke off.
    pub fn is_cut(&self) -> bool {
        self.ended == Some(false)
    }

    /// What is spoken under the name of OpenAI: its own ways, and those of servers that have theirs beside them.
    fn hear_openai(&mut self, message: &Value) {
        if responses::is_of(message) {
            responses::hear(self, message);
        } else if tgi::is_of(message) {
            tgi::hear(self, message);
        } else {
            chat::hear(self, message);
        }
    }

    /// The choice of an index; `None`: there are too many.
    fn choice(&mut self, index: u64) -> Option<&mut Choice> {
        self.recognised = true;
        let place = match self.choices.iter().position(|choice| choice.index == index) {
            Some(place) => place,
            None if self.choices.len() < MOST => {
                self.choices.push(Choice { index, ..Choice::default() });
                self.choices.len() - 1
            }
            None => return None,
        };
        self.choices.get_mut(place)
    }

    fn hear_model(&mut self, message: &Value) {
        if let Some(model) = word(message, "model") {
            self.model = Some(model);
        }
        if let Some(id) = word(message, "id") {
            self.id = Some(id);
        }
    }

    /// Takes an `error`, which is an object or a text.
    fn hear_failure(&mut self, error: &Value) {
        match error {
            Value::String(text) if !text.is_empty() => {
                self.failure = Some(Failure { message: Some(text.clone()), ..Failure::default() });
            }
            Value::Object(members) if !members.is_empty() => {
                self.failure = Some(Failure {
                    kind: word(error, "type").or_else(|| word(error, "status")),
                    code: word(error, "code"),
                    message: error.get("message").and_then(Value::as_str).map(str::to_owned),
                });
            }
            _ => {}
        }
    }
}

impl Choice {
    /// The text, or where there is none the words of refusal.
    pub fn spoken(&self) -> &str {
        if self.text.is_empty() { &self.refusal } else { &self.text }
    }

    /// Every text in it, for who wants to know how much it says.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let own = [&self.text, &self.reasoning, &self.refusal].map(String::as_str);
        let calls = self.tool_calls.iter().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
        own.into_iter().chain(calls)
    }

    /// The call of a place; `None`: there are too many.
    fn call(&mut self, key: u64) -> Option<&mut ToolCall> {
        let place = match self.tool_calls.iter().position(|call| call.key == key) {
            Some(place) => place,
            None if self.tool_calls.len() < MOST => {
                self.tool_calls.push(ToolCall { key, ..ToolCall::default() });
                self.tool_calls.len() - 1
            }
            None => return None,
        };
        self.tool_calls.get_mut(place)
    }

    /// A refusal ends a choice in the usual way, which says less than the refusal.
    fn settle(&mut self) {
        if let Some(finished) = self.finished.as_mut().filter(|_| !self.refusal.is_empty()) {
            finished.why = Finish::Refusal;
        }
    }
}

impl ToolCall {
    /// The arguments: JSON where they are JSON, a text where not, and an empty object where there are none.
    pub fn arguments(&self) -> Value {
        match self.arguments.trim() {
            "" => Value::Object(Map::new()),
            text => serde_json::from_str(text).unwrap_or_else(|_| self.arguments.as_str().into()),
        }
    }
}

/// Adds a member that is a text; says whether there was one.
fn push(to: &mut String, message: &Value, name: &str) -> bool {
    let text = message.get(name).and_then(Value::as_str);
    text.inspect(|text| to.push_str(text)).is_some()
}

/// The members of an array; nothing where there is none.
fn each<'v>(message: &'v Value, name: &str) -> &'v [Value] {
    message.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member that is a word or a number, cut to what a word may be; `None` where it is empty.
fn word(message: &Value, name: &str) -> Option<String> {
    let text = match message.get(name)? {
        Value::String(text) => text.chars().take(LONGEST_WORD).collect(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text: &String| !text.is_empty())
}

fn index(message: &Value, name: &str) -> u64 {
    message.get(name).and_then(Value::as_u64).unwrap_or(0)
}
