//! One client's connection: HTTP/1.1 or HTTP/2 as its first bytes say, until it closes or the drain asks it to.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use prometheus::IntGauge;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use crate::proxy::Drain;
use crate::proxy::handler;
use crate::proxy::headers::Downstream;
use crate::proxy::patience::Patient;
use crate::proxy::worker::Socket;
use crate::proxy::worker::Worker;
use crate::tls::Live;
use crate::tls::ServerFiles;
use crate::upstream::OnThisThread;

/// How long a client may take to send a request's head, or rest before its next one: longer than the 60 seconds
/// that load balancers keep their idle connections, so that it is they who close them.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Streams of one HTTP/2 connection at a time.
const MAX_STREAMS: u32 = 256;

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    socket: Socket,
    users: TaskTracker,
    connections: Arc<AtomicUsize>,
    drain: Drain,
) {
    let Socket { stream, peer, permit: _permit } = socket;
    let _open = Open::new(connections, worker.shared.metrics.connections.clone());
    let Ok(stream) = stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) else { return };
    // Who connects and says nothing does not hold a place for ever; HTTP's own timer starts with the first byte.
    let speaks = tokio::select! {
        first = timeout(HEAD_TIMEOUT, stream.readable()) => first.is_ok_and(|readable| readable.is_ok()),
        () = drain.begun() => false,
    };
    if !speaks {
        return;
    }
    let (stream, peer) = (Patient::new(stream), peer.ip());
    match worker.shared.tls.clone() {
        None => converse(worker, stream, Downstream { peer, scheme: "http" }, users, drain).await,
        Some(tls) => {
            // Boxed, so that plain connections do not have to carry its size.
            Box::pin(async move {
                if let Some(stream) = shake_hands(&worker, &tls, stream, &drain).await {
                    converse(worker, stream, Downstream { peer, scheme: "https" }, users, drain).await;
                }
            })
            .await;
        }
    }
}

/// Shakes hands by TLS; `None` where nothing comes of it.
async fn shake_hands<S>(
    worker: &Worker,
    tls: &Live<ServerFiles>,
    stream: S,
    drain: &Drain,
) -> Option<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaken = tokio::select! {
        shaken = tls.accept(stream) => shaken.ok(),
        () = drain.begun() => return None,
    };
    if shaken.is_none() {
        worker.shared.metrics.failed_handshakes.inc();
    }
    shaken
}

/// Answers the requests of one connection.
async fn converse<S>(worker: Rc<Worker>, stream: S, downstream: Downstream, users: TaskTracker, drain: Drain)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let worker = Rc::clone(&worker);
        async move { Ok::<_, Infallible>(handler::handle(worker, request, downstream).await) }
    });
    let mut builder = auto::Builder::new(OnThisThread(users));
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // How a connection ends is the client's affair; its requests were observed one by one.
    let ended = tokio::select! {
        _ = connection.as_mut() => true,
        () = drain.begun() => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// One open connection in the counts; also a connection whose task panics is counted out.
struct Open {
    connections: Arc<AtomicUsize>,
    gauge: IntGauge,
}

impl Open {
    fn new(connections: Arc<AtomicUsize>, gauge: IntGauge) -> Self {
        gauge.inc();
        Self { connections, gauge }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.dec();
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
