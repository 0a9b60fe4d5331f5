//! One call to one model: a connection, the request, the answer's head, each within its deadline.
//!
//! Dropping a call at any point closes its connection, so that no answer can reach another request.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::StatusCode;
use http::response;
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::upstream::AnswerBody;
use crate::upstream::Permit;
use crate::upstream::Timeouts;
use crate::upstream::checked::Checked;
use crate::upstream::pool::Link;
use crate::upstream::pool::Pool;
use crate::vocab::Fate;

/// The calls of one thread, over connections of its own.
///
/// Answers and copies have a client each, so that a copy never takes a connection from an answer.
pub struct Client<B> {
    pool: Pool<B>,
    connections: Rc<TaskTracker>,
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
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A client without connections; its connection tasks are spawned through the tracker.
    pub fn new(connections: Rc<TaskTracker>) -> Self {
        Self { pool: Pool::new(), connections }
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// A pooled connection that turns out to be closed before it took the request costs another connection, never
    /// the request: it is sent at most once.
    pub async fn call(
        &self,
        permit: Permit,
        mut request: Request<B>,
        deadlines: Deadlines,
    ) -> Result<Answer<B>, CallError> {
        loop {
            let pooled = self.pool.take(permit.pool_key());
            let reused = pooled.is_some();
            let mut link = match pooled {
                Some(link) => link,
                None => self.connect(&permit, deadlines).await?,
            };
            let sent = timeout_at(deadlines.head, link.sender.try_send_request(request)).await;
            match sent {
                Ok(Ok(response)) => return Ok(self.answer(permit, link, response, deadlines)),
                Ok(Err(mut refused)) => match refused.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(broken(&permit, refused.into_error())),
                },
                Err(_) => return Err(late(&permit)),
            }
        }
    }

    /// Closes connections that had no use since the last call.
    pub fn sweep(&self) {
        self.pool.sweep();
    }

    async fn connect(&self, permit: &Permit, deadlines: Deadlines) -> Result<Link<B>, CallError> {
        let authority = &permit.endpoint().authority;
        let port = authority.port_u16().unwrap_or(80);
        let refused = |source| CallError::Connect { endpoint: authority.to_string(), source };
        let stream = permit.host().connect(port, deadlines.connect).await.map_err(refused)?;
        // Small requests must not wait for the acknowledgement of the ones before.
        stream.set_nodelay(true).map_err(refused)?;
        permit.model().connections.inc();
        let handshake = http1::Builder::new().handshake(TokioIo::new(Checked::new(stream))).await;
        let (sender, connection) = handshake.map_err(|error| broken(permit, error))?;
        let driver = self.connections.spawn_local(async move {
            // How the connection ended, the call that used it has been told.
            let _ = connection.with_upgrades().await;
        });
        Ok(Link { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    fn answer(
        &self,
        permit: Permit,
        link: Link<B>,
        response: http::Response<Incoming>,
        deadlines: Deadlines,
    ) -> Answer<B> {
        let (head, incoming) = response.into_parts();
        let mut body = AnswerBody::new(incoming, permit, link, self.pool.clone(), deadlines);
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            body.release_at_end();
        }
        Answer { head, body }
    }
}

fn broken(permit: &Permit, source: hyper::Error) -> CallError {
    // hyper says `user` where the body that we gave it failed: the client left in the middle of its upload.
    if source.is_user() {
        return CallError::RequestBody;
    }
    CallError::Reset { endpoint: permit.endpoint().authority.to_string(), source }
}

fn late(permit: &Permit) -> CallError {
    CallError::Timeout { endpoint: permit.endpoint().authority.to_string() }
}
