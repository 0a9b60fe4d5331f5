//! Makes connections to models: TCP, TLS where the URL says so, and the version of HTTP that both sides speak.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Version;
use http::header::UPGRADE;
use http::uri::Scheme;
use http_body::Body;
use hyper::client::conn::http1;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::tls;
use crate::upstream::Bell;
use crate::upstream::HttpVersion;
use crate::upstream::OnThisThread;
use crate::upstream::Permit;
use crate::upstream::Purpose;
use crate::upstream::checked::Checked;
use crate::upstream::heads::Heads;
use crate::upstream::pool::Link;
use crate::upstream::streams::Multiplexed;

/// How often a connection with calls on it is tried when nothing comes. gRPC servers close one that is tried more
/// often than every five minutes.
const PING_EVERY: Duration = Duration::from_secs(310);

/// How much of a copy's answer is read at a time: many models that flood at once must not take memory, nor the thread
/// from its users. A user's answer is read in pieces of up to 400 KiB.
const COPY_READ_BYTES: usize = 64 * 1024;

/// The longest head of an answer over HTTP/2.
const MAX_HEAD_BYTES: u32 = 64 * 1024;

/// Which version of HTTP a call is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// What the model chooses in the TLS handshake.
    Chosen,
}

/// A new connection.
pub(super) enum Connected<B> {
    /// For one call at a time.
    Http1(Link<B>),
    /// For many.
    Http2(Multiplexed<B>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// By TCP or TLS.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// By HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

impl Speech {
    /// What a call to a permit's endpoint is made in; the request's version is HTTP/2 where nothing else will do.
    pub(super) fn of<B>(permit: &Permit, request: &Request<B>) -> Self {
        match permit.model().settings.http {
            HttpVersion::One => Speech::Http1,
            HttpVersion::Two => Speech::Http2,
            HttpVersion::Auto if permit.endpoint().scheme == Scheme::HTTPS => {
                match asks_for_tunnel(request) {
                    true => Speech::Http1,
                    false => Speech::Chosen,
                }
            }
            HttpVersion::Auto if request.version() == Version::HTTP_2 => Speech::Http2,
            HttpVersion::Auto => Speech::Http1,
        }
    }

    /// What is offered in the TLS handshake, the preferred first.
    fn offer(self) -> &'static [&'static [u8]] {
        match self {
            Speech::Http1 => &[tls::HTTP_1_1],
            Speech::Http2 => &[tls::H2],
            Speech::Chosen => &[tls::H2, tls::HTTP_1_1],
        }
    }
}

/// Says whether a request is for a tunnel, which HTTP/1.1 alone opens. From any other `upgrade` was taken off.
fn asks_for_tunnel<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(UPGRADE)
}

/// Makes a connection to a permit's endpoint; what it does from then on runs through the tracker.
pub(super) async fn connect<B>(
    permit: &Permit,
    speech: Speech,
    deadline: Instant,
    tracker: &TaskTracker,
) -> Result<Connected<B>, ConnectError>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let endpoint = permit.endpoint();
    let stream = dial(permit, deadline).await?;
    match &permit.model().settings.tls {
        Some(tls) if endpoint.scheme == Scheme::HTTPS => {
            let shaking = tls.connect(endpoint.host(), speech.offer(), stream);
            let stream = timeout_at(deadline, shaking).await.map_err(io::Error::from)??;
            let chose_http2 = stream.get_ref().1.alpn_protocol() == Some(tls::H2);
            let speech = if speech == Speech::Chosen && chose_http2 { Speech::Http2 } else { speech };
            shake_hands(permit, stream, speech, tracker).await
        }
        _ => shake_hands(permit, stream, speech, tracker).await,
    }
}

async fn dial(permit: &Permit, deadline: Instant) -> io::Result<TcpStream> {
    let stream = permit.host().connect(permit.endpoint().port(), deadline).await?;
    // Small requests must not wait for the acknowledgement of the ones before.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn shake_hands<S, B>(
    permit: &Permit,
    stream: S,
    speech: Speech,
    tracker: &TaskTracker,
) -> Result<Connected<B>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if speech == Speech::Http2 {
        return shake_hands_http2(stream, tracker).await;
    }
    let mut http = http1::Builder::new();
    if permit.purpose() == Purpose::Copy {
        http.max_buf_size(COPY_READ_BYTES);
    }
    let (sender, connection) = http.handshake(TokioIo::new(Checked::new(stream))).await?;
    let bell = Bell::new();
    let mut connection = connection.with_upgrades();
    let ringing = Arc::clone(&bell);
    let driver = tracker.spawn_local(async move {
        let waker = Waker::from(Arc::clone(&ringing));
        // How the connection ended, the call that used it has been told.
        let _ = poll_fn(|context| {
            ringing.heard_by(context);
            Pin::new(&mut connection).poll(&mut Context::from_waker(&waker))
        })
        .await;
    });
    Ok(Connected::Http1(Link { sender, bell, _driver: AbortOnDropHandle::new(driver) }))
}

async fn shake_hands_http2<S, B>(stream: S, tracker: &TaskTracker) -> Result<Connected<B>, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut builder = http2::Builder::new(OnThisThread(tracker.clone()));
    builder.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).max_header_list_size(MAX_HEAD_BYTES);
    // One call until the model has said how many it takes: what is beyond its limit it would refuse.
    builder.initial_max_send_streams(1);
    let (sender, connection) = builder.handshake(TokioIo::new(Heads::new(stream))).await?;
    let connection = Rc::new(RefCell::new(connection));
    // Weak: calls that wait in the connection are given back when it ends and its task lets it go.
    let known = Rc::downgrade(&connection);
    let limit = move || known.upgrade().map_or(0, |known| known.borrow().current_max_send_streams());
    tracker.spawn_local(async move {
        // How the connection ended, the calls on it have been told.
        let _ = poll_fn(|context| Pin::new(&mut *connection.borrow_mut()).poll(context)).await;
    });
    Ok(Connected::Http2(Multiplexed::new(sender, Box::new(limit))))
}
