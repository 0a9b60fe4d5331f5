//! A chat program behind HTTP: the answers of whatever thinks, said as OpenAI's API says them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body::Body;
use http_body::Frame;
use http_body_util::BodyExt;
use http_body_util::Full;
use serde_json::json;
use uuid::Uuid;

use crate::demo::chat::judge::Judge;
use crate::demo::chat::models::Retriever;
use crate::demo::chat::openai::CHAT_PATH;
use crate::demo::chat::openai::ChatRequest;
use crate::demo::chat::openai::Completion;
use crate::demo::chat::openai::MODELS_PATH;
use crate::demo::chat::openai::Refusal;
use crate::demo::chat::words::tokens;
use crate::demo::server::AnswerBody;
use crate::demo::server::Program;

/// The model that users ask for, whichever of the two it is that answers.
pub const MODEL_NAME: &str = "glossary";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What thinks of an answer.
pub trait Mind: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> &'static str;

    /// The further names it hears to.
    fn aliases(&self) -> &'static [&'static str];

    /// Answers what a user said in the turns of a conversation.
    ///
    /// # Errors
    /// When it cannot make sense of it.
    fn reply(&self, turns: &[String]) -> Result<String, Refusal>;
}

/// Something that thinks, served.
#[derive(Debug)]
pub struct ChatProgram<M>(pub Arc<M>);

impl Mind for Retriever {
    fn name(&self) -> &'static str {
        self.kind().name()
    }

    fn aliases(&self) -> &'static [&'static str] {
        &[MODEL_NAME]
    }

    /// A conversation is about one term, so all its turns tell what is asked.
    fn reply(&self, turns: &[String]) -> Result<String, Refusal> {
        Ok(self.answer(&turns.join(" ")))
    }
}

impl Mind for Judge {
    fn name(&self) -> &'static str {
        "judge"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

    fn reply(&self, turns: &[String]) -> Result<String, Refusal> {
        let prompt = turns.last().map_or("", String::as_str);
        let judged = self.judge(prompt).map_err(|error| Refusal::invalid(error, Some("messages")))?;
        Ok(judged.to_string())
    }
}

impl<M: Mind> Program for ChatProgram<M> {
    fn respond(&self, head: &Parts, body: Result<Bytes, String>) -> Response<AnswerBody> {
        let unread = |error| Refusal::invalid(format!("the body cannot be read: {error}"), None);
        let answered = body.map_err(unread).and_then(|body| self.route(&head.method, head.uri.path(), &body));
        let mut response = answered.unwrap_or_else(|refusal| {
            let mut response = json_response(refusal.body());
            *response.status_mut() = refusal.status;
            response
        });
        let id = format!("req_{}", Uuid::now_v7().simple());
        let id = HeaderValue::from_str(&id).expect("letters, digits and _ make a header");
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

impl<M: Mind> ChatProgram<M> {
    fn route(&self, method: &Method, path: &str, body: &[u8]) -> Result<Response<AnswerBody>, Refusal> {
        match (method, path) {
            (&Method::POST, CHAT_PATH) => self.complete(body),
            (&Method::GET, MODELS_PATH) => {
                let model = json!({"id": self.0.name(), "object": "model", "owned_by": "crossfade-demo"});
                Ok(json_response(json!({"object": "list", "data": [model]}).to_string().into()))
            }
            (method, path) => Err(Refusal {
                status: StatusCode::NOT_FOUND,
                message: format!("there is no {method} {path} here"),
                param: None,
                code: None,
            }),
        }
    }

    fn complete(&self, body: &[u8]) -> Result<Response<AnswerBody>, Refusal> {
        let names = [&[self.0.name()], self.0.aliases()].concat();
        let request = ChatRequest::read(body, &names)?;
        let thought = self.0.reply(&request.user_texts())?;
        let said = tokens(&thought);
        let limit = request.max_tokens.unwrap_or(usize::MAX);
        let text = said.iter().take(limit).copied().collect::<String>();
        let id = format!("chatcmpl-{}", Uuid::now_v7().simple());
        let completion = Completion {
            id: &id,
            created: jiff::Timestamp::now().as_second(),
            model: self.0.name(),
            text: &text,
            prompt_tokens: request.prompt_tokens(),
            finish_reason: if said.len() > limit { "length" } else { "stop" },
        };
        Ok(match request.streams() {
            None => json_response(completion.whole()),
            Some(with_usage) => event_stream(completion.events(with_usage)),
        })
    }
}

fn json_response(body: Bytes) -> Response<AnswerBody> {
    response("application/json", Full::new(body).boxed_unsync())
}

fn event_stream(events: Vec<Bytes>) -> Response<AnswerBody> {
    let body = Events { events: events.into_iter(), rested: false };
    response("text/event-stream; charset=utf-8", body.boxed_unsync())
}

fn response(kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Events that are sent one by one: after each the connection has a turn, in which it sends what it holds.
struct Events {
    events: std::vec::IntoIter<Bytes>,
    rested: bool,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.rested {
            self.rested = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.rested = false;
        Poll::Ready(self.events.next().map(|event| Ok(Frame::data(event))))
    }
}
