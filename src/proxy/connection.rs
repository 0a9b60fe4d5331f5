//! One client's connection: HTTP/1.1 or HTTP/2 as its first bytes say, until it closes or the drain asks it to.
//!
//! Between requests an HTTP/1 connection is put to rest: all that HTTP needs of memory, some 20 KiB, goes, and the
//! socket alone is waited for. The next byte brings it back.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::Version;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

use crate::proxy::exchange::Exchange;
use crate::proxy::exchange::Streams;
use crate::proxy::frames::Metered;
use crate::proxy::handler;
use crate::proxy::headers;
use crate::proxy::headers::Downstream;
use crate::proxy::inspect::Inspected;
use crate::proxy::limits::Limits;
use crate::proxy::parting;
use crate::proxy::parting::Breaks;
use crate::proxy::parting::Parting;
use crate::proxy::patience::Patient;
use crate::proxy::respond;
use crate::proxy::respond::Refusal;
use crate::proxy::tunnel::Sequel;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::proxy::worker::Socket;
use crate::proxy::worker::Worker;
use crate::tls::Live;
use crate::tls::ServerFiles;
use crate::upstream::Bell;
use crate::vocab::Fate;

/// What HTTP/1 may have in its buffers besides a head, in bytes.
const HTTP1_BUFFER: usize = 64 * 1024;
/// What one HTTP/2 stream may have waiting to be sent, in bytes.
const STREAM_BUFFER: usize = 64 * 1024;

/// Who is at the other end of a connection, and the connection's place among those that may be open.
pub(super) struct Client {
    /// What models are told of it.
    pub(super) downstream: Downstream,
    /// What becomes of the connection once HTTP/1 lets it go.
    pub(super) sequel: Sequel,
    _permit: OwnedSemaphorePermit,
    _open: Open,
}

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    socket: Socket,
    users: TaskTracker,
    connections: Arc<AtomicUsize>,
) {
    let Socket { stream, peer, permit } = socket;
    let open = Open::new(connections, worker.shared.metrics.connections.clone());
    let tls = worker.shared.tls.clone();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let downstream = Downstream { peer: headers::address_of(peer.ip()), scheme };
    let client = Rc::new(Client { downstream, sequel: Sequel::default(), _permit: permit, _open: open });
    let Ok(stream) = stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) else { return };
    let watch = worker.watchlist.watch(Doing::Resting);
    let stream = Patient::new(stream, Rc::clone(&worker.watchlist));
    let answer_to = Rc::clone(&client);
    let answer = move |exchange: Exchange, request| {
        let (worker, client) = (Rc::clone(&worker), Rc::clone(&answer_to));
        exchange.carry_out(request, move |request| handler::handle(worker, request, client))
    };
    match tls {
        None => converse(stream, client, watch, users, answer).await,
        // Boxed, so that plain connections do not have to carry its size.
        Some(tls) => {
            Box::pin(async move {
                if let Some(stream) = shake_hands(&tls, stream, &watch).await {
                    converse(stream, client, watch, users, answer).await;
                }
            })
            .await;
        }
    }
}

/// Shakes hands by TLS; `None` where nothing comes of it, or the gateway drains.
async fn shake_hands<S>(tls: &Live<ServerFiles>, stream: S, watch: &Watch) -> Option<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut shaking = pin!(tls.accept(stream));
    let shaken = poll_fn(|context| match shaking.as_mut().poll(context) {
        Poll::Ready(shaken) => Poll::Ready(shaken.ok()),
        Poll::Pending => watch.poll_patience(context).map(|()| None),
    })
    .await;
    if shaken.is_none() && !watch.list().is_draining() {
        watch.list().metrics().failed_handshakes.inc();
    }
    shaken
}

/// Has a client's requests answered, whatever it speaks, to the end of its connection.
async fn converse<S, A, F, B>(
    stream: S,
    client: Rc<Client>,
    watch: Rc<Watch>,
    streams: TaskTracker,
    answer: A,
) where
    S: AsyncRead + AsyncWrite + Breaks + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    // Boxed, as it is handed from hand to hand: each would need room for it.
    let inspected = Inspected::new(stream, watch.list().limits());
    let mut stream = Box::new(Parting::new(inspected, Rc::clone(&watch)));
    match stream.version().await {
        Ok(Version::HTTP_2) => {
            // Boxed, so that HTTP/1 connections do not have to carry its size.
            return Box::pin(http2(stream.into_inspected(), watch, streams, answer)).await;
        }
        Ok(_) => {}
        Err(_) => return,
    }
    loop {
        // Boxed, so that a connection at rest does not have to carry its size.
        match Box::pin(http1(stream, &client, &watch, answer.clone())).await {
            Some(at_rest) => stream = at_rest,
            None => return,
        }
        if stream.rest().await.is_err() {
            return;
        }
    }
}

/// Why HTTP/1 has no more to do with a connection.
enum Stop {
    /// It is over, or goes on as something else.
    LetGo,
    /// Its client rests.
    AtRest,
    /// A request's head does not come to its end.
    HeadLate,
    /// An answer broke off whose end, for all its client knows, is that of the connection.
    Torn,
}

/// Serves requests by HTTP/1 until the connection is over, or its client rests: then it is given back.
async fn http1<S, A, F, B>(
    stream: Box<Parting<S>>,
    client: &Client,
    watch: &Rc<Watch>,
    answer: A,
) -> Option<Box<Parting<S>>>
where
    S: AsyncRead + AsyncWrite + Breaks + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let list = Rc::clone(watch.list());
    let of_connection = Rc::clone(watch);
    let service = service_fn(move |request| answer(Exchange::http1(&of_connection), request));
    let builder = http1_builder(list.limits());
    let mut connection = Box::new(builder.serve_connection(TokioIo::new(stream), service));
    let bell = Bell::new();
    let waker = Waker::from(Arc::clone(&bell));
    let mut told = false;
    let stop = poll_fn(|context| {
        bell.heard_by(context);
        if list.is_draining() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut *connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(&mut Context::from_waker(&waker)) {
            // How a connection ends is the client's affair; its requests were observed one by one.
            let error = ended.err();
            error.iter().for_each(|error| respond::count_unreadable(error, list.metrics()));
            // hyper says `user` where the answer that we gave it broke off. HTTP/1.0 knows no chunks.
            let torn = error.is_some_and(|error| error.is_user()) && !watch.knows_interim();
            return Poll::Ready(if torn { Stop::Torn } else { Stop::LetGo });
        }
        if watch.may_be_put_to_rest() {
            return Poll::Ready(Stop::AtRest);
        }
        if watch.doing() == Doing::Head && watch.is_overdue() {
            return Poll::Ready(Stop::HeadLate);
        }
        if !watch.is_starved() {
            watch.remember(context);
        }
        Poll::Pending
    })
    .await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    stream.take_back(&parts.read_buf);
    match stop {
        Stop::AtRest => {
            watch.rests();
            return Some(stream);
        }
        Stop::HeadLate => {
            // As far as the socket takes it at once: nobody waits for this client any longer.
            let told = respond::raw_refusal(Refusal::HeadLate, list.metrics());
            let _ = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, &told))).await;
            parting::close(stream).await;
        }
        Stop::Torn => stream.break_off(),
        Stop::LetGo => client.sequel.begin(stream).await,
    }
    None
}

/// Serves requests by HTTP/2 until the connection is over; one that has no stream for long is told to end.
async fn http2<S, A, F, B>(stream: S, watch: Rc<Watch>, users: TaskTracker, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let list = Rc::clone(watch.list());
    watch.now_doing(Doing::Resting);
    let streams = Streams::new(&watch, users.clone());
    let stream = Metered::new(stream, &watch, &streams);
    let executor = OnThisThread { users, newest: Rc::default() };
    let newest = Rc::clone(&executor.newest);
    let streams_open = Rc::clone(&streams);
    let service = service_fn(move |request| {
        let exchange = Exchange::http2(&streams);
        newest.set(Some(Rc::clone(exchange.watch())));
        // Boxed, as a stream's task is moved about by its size.
        Box::pin(answer(exchange, request))
    });
    let builder = http2_builder(executor, list.limits());
    let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
    let mut told = false;
    poll_fn(|context| {
        let idle = watch.doing() == Doing::Resting && watch.is_overdue();
        if (idle || list.is_draining()) && !std::mem::replace(&mut told, true) {
            connection.as_mut().graceful_shutdown();
            streams_open.leave();
        }
        if watch.doing() == Doing::Leaving && watch.is_overdue() {
            return Poll::Ready(());
        }
        watch.remember(context);
        // How a connection ends is the client's affair; its requests were observed one by one.
        connection.as_mut().poll(context).map(|_| ())
    })
    .await;
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The watch keeps the time.
    builder.header_read_timeout(None);
    builder.max_buf_size(limits.header_bytes + HTTP1_BUFFER);
    if limits.header_count != Limits::default().header_count {
        // Set at all, it would cost two allocations a request.
        builder.max_headers(limits.header_count);
    }
    builder
}

fn http2_builder(executor: OnThisThread, limits: &Limits) -> http2::Builder<OnThisThread> {
    let mut builder = http2::Builder::new(executor);
    builder
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes as u32)
        .max_send_buf_size(STREAM_BUFFER);
    builder
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

/// Runs the streams of an HTTP/2 connection on the connection's own thread, and lets the watch end one whose
/// client takes nothing of its answer.
#[derive(Clone)]
struct OnThisThread {
    users: TaskTracker,
    /// The watch of the stream whose answering was begun last: hyper hands it over next.
    newest: Rc<Cell<Option<Rc<Watch>>>>,
}

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, stream: F) {
        let task = self.users.spawn_local(stream);
        if let Some(watch) = self.newest.take() {
            watch.may_abort(task.abort_handle());
        }
    }
}
