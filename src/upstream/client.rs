//! One call to one model: a connection, the request, the answer's head, each within its deadline.
//!
//! Dropping a call at any point closes its connection, so that no answer can reach another request.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http::response;
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

use crate::upstream::AnswerBody;
use crate::upstream::Permit;
use crate::upstream::Timeouts;
use crate::upstream::body::Lease;
use crate::upstream::body::Line;
use crate::upstream::connect::ConnectError;
use crate::upstream::connect::Connected;
use crate::upstream::connect::Speech;
use crate::upstream::connect::connect;
use crate::upstream::exchange::Unanswered;
use crate::upstream::exchange::heard_http1;
use crate::upstream::exchange::send_http1;
use crate::upstream::exchange::send_http2;
use crate::upstream::pool::Link;
use crate::upstream::pool::Pool;
use crate::upstream::streams::Streams;
use crate::vocab::Fate;

/// The calls of one thread, over connections of its own.
///
/// Answers and copies have a client each, so that a copy never takes a connection from an answer.
pub struct Client<B> {
    pool: Pool<B>,
    streams: Streams<B>,
    resend: Resend,
    connections: Rc<TaskTracker>,
}

/// Whether a request that a used connection took, and then closed without a byte of an answer, is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resend {
    /// Once, on a new connection, when its method is idempotent and its body can be given again.
    Idempotent,
    /// Never.
    Never,
}

/// A body that can perhaps be given a second time.
pub trait Repeat: Sized {
    /// The same body from its first byte; `None` when nobody has all of it.
    fn repeat(&self) -> Option<Self>;
}

/// The moments by which the parts of one call must be done.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// The connection.
    pub connect: Instant,
    /// The answer's head.
    pub head: Instant,
    /// The answer's last byte.
    pub total: Instant,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
}

/// An answer whose head is here and whose body is to come.
#[derive(Debug)]
pub struct Answer<B> {
    /// The head, as the model sent it.
    pub head: response::Parts,
    /// The body. Of an answer 101 it is empty, and holds the call's place until it is dropped.
    pub body: AnswerBody<B>,
}

/// Why no answer's head came.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The endpoint refused the connection or did not take it in time, or its name did not resolve.
    #[error("no connection to {endpoint}: {source}")]
    Connect {
        /// Host and port.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The deadline for the head passed.
    #[error("{endpoint} missed the deadline for the head of its answer")]
    Timeout {
        /// Host and port.
        endpoint: String,
    },
    /// The model closed the connection, or sent no valid HTTP.
    #[error("{endpoint} broke off: {source}")]
    Reset {
        /// Host and port.
        endpoint: String,
        /// What HTTP said.
        source: hyper::Error,
    },
    /// The client's own body ended early, which is not the model's fault.
    #[error("the request's body broke off")]
    RequestBody,
}

/// Whether a connection has carried a call before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Used,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    First,
    Second,
}

impl CallError {
    /// How the leg ended.
    pub fn fate(&self) -> Fate {
        match self {
            CallError::Connect { .. } => Fate::ConnectError,
            CallError::Timeout { .. } => Fate::Timeout,
            CallError::Reset { .. } => Fate::Reset,
            CallError::RequestBody => Fate::Cancelled,
        }
    }
}

impl Deadlines {
    /// A model's deadlines, counted from now.
    pub fn from_now(timeouts: &Timeouts) -> Self {
        let now = Instant::now();
        let Timeouts { connect, first_byte, idle, total } = *timeouts;
        let total = now + total;
        Self { connect: total.min(now + connect), head: total.min(now + first_byte), total, idle }
    }

    /// The same, and nothing later than `limit` from now.
    pub fn within(self, limit: Duration) -> Self {
        let end = Instant::now() + limit;
        let Self { connect, head, total, idle } = self;
        Self { connect: connect.min(end), head: head.min(end), total: total.min(end), idle }
    }
}

impl<B> Client<B>
where
    B: Body<Data = Bytes> + Repeat + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A client without connections; what they do is spawned through the tracker.
    pub fn new(connections: Rc<TaskTracker>, resend: Resend) -> Self {
        Self { pool: Pool::new(), streams: Streams::new(), resend, connections }
    }

    /// Sends a request, which is addressed as for HTTP/1.1, and waits for the answer's head. Its version is HTTP/2
    /// where only that will do.
    ///
    /// A used connection that turns out to be closed before it took the request costs another connection, never the
    /// request. What it did take is sent again only by [`Resend`].
    pub async fn call(
        &self,
        permit: Permit,
        mut request: Box<Request<B>>,
        deadlines: Deadlines,
    ) -> Result<Box<Answer<B>>, CallError> {
        let speech = Speech::of(&permit, &request);
        let mut tries = Tries::First;
        loop {
            let (line, age) = match self.kept(&permit, speech) {
                Some(line) => (line, Age::Used),
                // Boxed, so that a call on a kept connection does not have to carry its size.
                None => Box::pin(self.made(&permit, speech, deadlines)).await?,
            };
            let spare = match (age, tries) {
                (Age::Used, Tries::First) => self.resend.spare(&request),
                _ => None,
            };
            let sent = match line {
                Line::Http1 { mut link, pool } => {
                    let answered = send_http1(&mut link, *request, deadlines).await;
                    heard_http1(answered).map(|response| (response, Line::Http1 { link, pool }))
                }
                // Boxed for the same reason.
                Line::Http2(stream) => {
                    Box::pin(send_http2(stream, permit.endpoint(), request, deadlines)).await
                }
            };
            request = match (sent, spare) {
                (Ok((response, line)), _) => return Ok(answer(permit, line, response, deadlines)),
                (Err(Unanswered::Unsent(unsent, _)), _) if age == Age::Used => unsent,
                (Err(Unanswered::Closed(_)), Some(spare)) => {
                    tries = Tries::Second;
                    self.pool.forget(permit.pool_key());
                    spare
                }
                (Err(unanswered), _) => return Err(unanswered.blame(&permit)),
            };
        }
    }

    /// Closes connections that had no use since the last call.
    pub fn sweep(&self) {
        self.pool.sweep();
        self.streams.sweep();
    }

    /// A connection that can take a call.
    fn kept(&self, permit: &Permit, speech: Speech) -> Option<Line<B>> {
        let key = permit.pool_key();
        let stream = (speech != Speech::Http1).then(|| self.streams.begin(key)).flatten();
        let kept = || (speech != Speech::Http2).then(|| self.pool.take(key)).flatten();
        stream.map(Line::Http2).or_else(|| kept().map(|link| self.line_of(link)))
    }

    /// Makes a connection, or waits for one that somebody else makes.
    async fn made(
        &self,
        permit: &Permit,
        speech: Speech,
        deadlines: Deadlines,
    ) -> Result<(Line<B>, Age), CallError> {
        let key = permit.pool_key();
        if speech == Speech::Http1 || speech == Speech::Chosen && self.streams.chose_http1(key) {
            return Ok((self.connect(permit, speech, deadlines).await?, Age::New));
        }
        // What the others in the queue would make too: a connection that has room for all of them.
        let turn = self.streams.turn(key);
        let taken = timeout_at(deadlines.connect, turn.lock()).await;
        let _turn = taken.map_err(|late| unconnected(permit, late.into()))?;
        match self.streams.begin(key) {
            Some(stream) => Ok((Line::Http2(stream), Age::Used)),
            None => Ok((self.connect(permit, speech, deadlines).await?, Age::New)),
        }
    }

    async fn connect(
        &self,
        permit: &Permit,
        speech: Speech,
        deadlines: Deadlines,
    ) -> Result<Line<B>, CallError> {
        let connected = connect(permit, speech, deadlines.connect, &self.connections).await;
        let connected = connected.map_err(|error| match error {
            ConnectError::Io(source) => unconnected(permit, source),
            ConnectError::Http(source) => CallError::Reset { endpoint: name(permit), source },
        })?;
        permit.model().connections.inc();
        Ok(match connected {
            Connected::Http2(connection) => Line::Http2(self.streams.add(permit.pool_key(), connection)),
            Connected::Http1(link) => {
                if speech == Speech::Chosen {
                    self.streams.note_http1(permit.pool_key());
                }
                self.line_of(link)
            }
        })
    }

    fn line_of(&self, link: Link<B>) -> Line<B> {
        Line::Http1 { link, pool: self.pool.clone() }
    }
}

impl Resend {
    /// The request once more, for the case that its connection turns out closed.
    fn spare<B: Repeat>(self, request: &Request<B>) -> Option<Box<Request<B>>> {
        if self == Resend::Never || !request.method().is_idempotent() {
            return None;
        }
        let body = request.body().repeat()?;
        let mut spare = Request::new(body);
        *spare.method_mut() = request.method().clone();
        *spare.uri_mut() = request.uri().clone();
        *spare.version_mut() = request.version();
        *spare.headers_mut() = request.headers().clone();
        Some(Box::new(spare))
    }
}

fn answer<B>(
    permit: Permit,
    line: Line<B>,
    response: Response<Incoming>,
    deadlines: Deadlines,
) -> Box<Answer<B>> {
    let (head, incoming) = response.into_parts();
    let mut body = AnswerBody::new(incoming, Lease { permit, line }, deadlines);
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        body.release_at_end();
    }
    Box::new(Answer { head, body })
}

impl<B> Unanswered<B> {
    fn blame(self, permit: &Permit) -> CallError {
        match self {
            Unanswered::Unsent(_, source) | Unanswered::Closed(source) | Unanswered::Broken(source) => {
                CallError::Reset { endpoint: name(permit), source }
            }
            Unanswered::RequestBody => CallError::RequestBody,
            Unanswered::Late => CallError::Timeout { endpoint: name(permit) },
        }
    }
}

fn name(permit: &Permit) -> String {
    permit.endpoint().authority.to_string()
}

fn unconnected(permit: &Permit, source: io::Error) -> CallError {
    CallError::Connect { endpoint: name(permit), source }
}
