//! OpenAI's chat completions, as the chat demo's programs speak them: what is asked, how it is answered whole or as
//! a stream of chunks, and how a wrong request is refused.
//!
//! Tokens are counted by the programs' own tokenizer, of what was truly read and said. A streamed answer is one chunk
//! a token; the usage comes in a chunk of its own where `stream_options.include_usage` asks for it.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::demo::chat::words::tokens;

/// The path of chat completions.
pub const CHAT_PATH: &str = "/v1/chat/completions";
/// The path that lists models.
pub const MODELS_PATH: &str = "/v1/models";

/// What is asked; what these programs have no use for, such as a temperature, is passed over.
#[derive(Debug, Deserialize)]
pub struct ChatRequest {
    /// The model's name.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Whether the answer shall come in chunks.
    #[serde(default)]
    pub stream: Option<bool>,
    /// What to tell in a stream besides.
    #[serde(default)]
    pub stream_options: Option<StreamOptions>,
    /// How many tokens the answer may have.
    #[serde(default, alias = "max_completion_tokens")]
    pub max_tokens: Option<usize>,
}

/// What to tell in a stream besides.
#[derive(Debug, Deserialize)]
pub struct StreamOptions {
    /// How many tokens were used.
    #[serde(default)]
    pub include_usage: bool,
}

/// One message of a conversation.
#[derive(Debug, Deserialize)]
pub struct Message {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: Content,
}

/// The text of a message, whole or in parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// The text.
    Text(String),
    /// Its parts; those that are no text say nothing.
    Parts(Vec<Part>),
}

/// A part of a message.
#[derive(Debug, Deserialize)]
pub struct Part {
    #[serde(default)]
    text: String,
}

/// Why a request gets no answer, in OpenAI's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What to do about it.
    pub message: String,
    /// The part of the request that is wrong.
    pub param: Option<&'static str>,
    /// A word for programs.
    pub code: Option<&'static str>,
}

/// An answer, ready to be said.
#[derive(Debug)]
pub struct Completion<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// The model that says it.
    pub model: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The tokens it read.
    pub prompt_tokens: usize,
    /// Why it ends: `stop` or `length`.
    pub finish_reason: &'static str,
}

impl Message {
    /// The text.
    pub fn text(&self) -> String {
        match &self.content {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts.iter().map(|part| part.text.as_str()).collect(),
        }
    }
}

impl ChatRequest {
    /// Reads a request that is meant for one of these models.
    ///
    /// # Errors
    /// When it is no chat request, is for another model, or holds no user's message.
    pub fn read(body: &[u8], models: &[&str]) -> Result<Self, Refusal> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid(format!("the body is no chat request: {error}"), None))?;
        if !models.contains(&request.model.as_str()) {
            let message =
                format!("the model `{}` does not exist; there is {}", request.model, models.join(", "));
            let code = Some("model_not_found");
            return Err(Refusal { status: StatusCode::NOT_FOUND, message, param: Some("model"), code });
        }
        if request.user_texts().is_empty() {
            let message = "expected a message of the role `user` in messages".to_owned();
            return Err(Refusal::invalid(message, Some("messages")));
        }
        if request.stream_options.is_some() && request.stream != Some(true) {
            let message = "stream_options is only allowed where stream is true".to_owned();
            return Err(Refusal::invalid(message, Some("stream_options")));
        }
        Ok(request)
    }

    /// What the user said, turn by turn.
    pub fn user_texts(&self) -> Vec<String> {
        self.messages.iter().filter(|message| message.role == "user").map(Message::text).collect()
    }

    /// The tokens of all messages.
    pub fn prompt_tokens(&self) -> usize {
        self.messages.iter().map(|message| tokens(&message.text()).len()).sum()
    }

    /// Whether the answer shall come in chunks, and then whether with the usage.
    pub fn streams(&self) -> Option<bool> {
        let with_usage = self.stream_options.as_ref().is_some_and(|options| options.include_usage);
        (self.stream == Some(true)).then_some(with_usage)
    }
}

impl Refusal {
    /// A refusal of a request that is wrong in this part.
    pub fn invalid(message: String, param: Option<&'static str>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message, param, code: None }
    }

    /// The body that says so.
    pub fn body(&self) -> Bytes {
        let Self { message, param, code, .. } = self;
        let error =
            json!({"message": message, "type": "invalid_request_error", "param": param, "code": code});
        json!({ "error": error }).to_string().into()
    }
}

impl Completion<'_> {
    /// The answer as one JSON object.
    pub fn whole(&self) -> Bytes {
        let message = json!({"role": "assistant", "content": self.text, "refusal": null});
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason});
        self.object("chat.completion", vec![choice], Some(self.usage())).to_string().into()
    }

    /// The answer as server-sent events: the role, a chunk a token, why it ends, the usage if asked for, `[DONE]`.
    pub fn events(&self, with_usage: bool) -> Vec<Bytes> {
        // With a usage to come, every chunk before it says that it is not there yet.
        let not_yet = with_usage.then_some(Value::Null);
        let chunk = |delta: Value, finish_reason: Option<&str>| {
            let choice =
                json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
            event(&self.object("chat.completion.chunk", vec![choice], not_yet.clone()).to_string())
        };
        let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
        events.extend(tokens(self.text).into_iter().map(|token| chunk(json!({ "content": token }), None)));
        events.push(chunk(json!({}), Some(self.finish_reason)));
        if with_usage {
            let usage = self.object("chat.completion.chunk", Vec::new(), Some(self.usage()));
            events.push(event(&usage.to_string()));
        }
        events.push(event("[DONE]"));
        events
    }

    fn object(&self, kind: &str, choices: Vec<Value>, usage: Option<Value>) -> Value {
        let mut object = json!({
            "id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices,
        });
        if let Some(usage) = usage {
            object["usage"] = usage;
        }
        object
    }

    fn usage(&self) -> Value {
        let (prompt, said) = (self.prompt_tokens, tokens(self.text).len());
        json!({"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said})
    }
}

fn event(data: &str) -> Bytes {
    format!("data: {data}\n\n").into()
}
