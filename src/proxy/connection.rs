//! One client's connection: HTTP/1.1 or HTTP/2 as its first bytes say, until it closes or the drain asks it to.

use std::convert::Infallible;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Version;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use prometheus::IntGauge;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use crate::proxy::Drain;
use crate::proxy::handler;
use crate::proxy::headers;
use crate::proxy::headers::Downstream;
use crate::proxy::inspect::Inspected;
use crate::proxy::parting::Parting;
use crate::proxy::parting::Serving;
use crate::proxy::patience::Patient;
use crate::proxy::respond;
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

/// Who is at the other end of a connection, and the connection's place among those that may be open.
pub(super) struct Client {
    /// What models are told of it.
    pub(super) downstream: Downstream,
    _permit: OwnedSemaphorePermit,
    _open: Open,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    socket: Socket,
    users: TaskTracker,
    connections: Arc<AtomicUsize>,
    drain: Drain,
) {
    let Socket { stream, peer, permit } = socket;
    let open = Open::new(connections, worker.shared.metrics.connections.clone());
    let client = |scheme| {
        let downstream = Downstream { peer: headers::address_of(peer.ip()), scheme };
        Rc::new(Client { downstream, _permit: permit, _open: open })
    };
    let Ok(stream) = stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) else { return };
    let stream = Patient::new(stream);
    match worker.shared.tls.clone() {
        None => converse(worker, client("http"), stream, users, drain).await,
        Some(tls) => {
            // Boxed, so that plain connections do not have to carry its size.
            Box::pin(async move {
                if let Some(stream) = shake_hands(&worker, &tls, stream, &drain).await {
                    converse(worker, client("https"), stream, users, drain).await;
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
async fn converse<S>(worker: Rc<Worker>, client: Rc<Client>, stream: S, users: TaskTracker, drain: Drain)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stream = Inspected::new(stream);
    // Who connects and says nothing does not hold a place for ever; HTTP's own timer starts with the first byte.
    let version = tokio::select! {
        biased;
        version = timeout(HEAD_TIMEOUT, stream.version()) => version,
        () = drain.begun() => return,
    };
    // How a connection ends is the client's affair; its requests were observed one by one.
    match version {
        Ok(Ok(Version::HTTP_2)) => serve_http2(worker, client, stream, users, drain).await,
        Ok(Ok(_)) => serve_http1(worker, client, stream, drain).await,
        Ok(Err(_)) | Err(_) => {}
    }
}

async fn serve_http1<S>(worker: Rc<Worker>, client: Rc<Client>, stream: Inspected<S>, drain: Drain)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (metrics, serving) = (Arc::clone(&worker.shared.metrics), Serving::default());
    let stream = TokioIo::new(Parting::new(stream, serving.clone()));
    let service = service_fn(move |request| {
        let (worker, client, turn) = (Rc::clone(&worker), Rc::clone(&client), serving.begin());
        async move {
            let answer = handler::handle(worker, request, client).await;
            Ok::<_, Infallible>(answer.map(|bytes| turn.with(bytes)))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = pin!(http.serve_connection(stream, service).with_upgrades());
    if let Err(error) = run(connection, &drain, |connection| connection.graceful_shutdown()).await {
        respond::count_unreadable(&error, &metrics);
    }
}

async fn serve_http2<S>(
    worker: Rc<Worker>,
    client: Rc<Client>,
    stream: Inspected<S>,
    users: TaskTracker,
    drain: Drain,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let (worker, client) = (Rc::clone(&worker), Rc::clone(&client));
        async move { Ok::<_, Infallible>(handler::handle(worker, request, client).await) }
    });
    let mut http = http2::Builder::new(OnThisThread(users));
    http.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    let connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let _ = run(connection, &drain, |connection| connection.graceful_shutdown()).await;
}

/// Runs a connection to its end, which the drain asks for.
async fn run<C: Future>(
    mut connection: Pin<&mut C>,
    drain: &Drain,
    end: impl FnOnce(Pin<&mut C>),
) -> C::Output {
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = drain.begun() => end(connection.as_mut()),
    }
    connection.await
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
