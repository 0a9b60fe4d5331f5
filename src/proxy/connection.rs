//! One client's connection: HTTP/1.1 or HTTP/2 as its first bytes say, until it closes or the drain asks it to.
//!
//! Between requests an HTTP/1 connection is put to rest: all that HTTP needs of memory, some 20 KiB, goes, and the
//! socket alone is waited for. The next byte brings it back.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::Bytes;
use bytes::BytesMut;
use http::Request;
use http::Response;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::proxy::exchange::Exchange;
use crate::proxy::exchange::Streams;
use crate::proxy::frames::Metered;
use crate::proxy::frames::PREFACE;
use crate::proxy::handler;
use crate::proxy::limits::Limit;
use crate::proxy::limits::Limits;
use crate::proxy::patience::Patient;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::raw_refusal;
use crate::proxy::resumed::Resumed;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::proxy::worker::Socket;
use crate::proxy::worker::Worker;
use crate::vocab::Fate;

/// What is read of a connection before it is known what it speaks: as a rule a whole small request.
const FIRST_READ: usize = 4096;
/// The least that an HTTP/1 connection may have in its buffers.
const HTTP1_BUFFER: usize = 64 * 1024;
/// What one HTTP/2 stream may have waiting to be sent, in bytes.
const STREAM_BUFFER: usize = 64 * 1024;

/// Serves one connection to its end.
pub(super) async fn serve(
    worker: Rc<Worker>,
    socket: Socket,
    users: TaskTracker,
    connections: Arc<AtomicUsize>,
) {
    let Socket { stream, peer, permit: _permit } = socket;
    let _open = Open::new(connections, worker.shared.metrics.connections.clone());
    let Ok(stream) = stream.set_nodelay(true).and_then(|()| TcpStream::from_std(stream)) else { return };
    let watch = worker.watchlist.watch(Doing::Resting);
    let stream = Patient::new(stream, Rc::clone(&worker.watchlist));
    let answer = move |exchange: Exchange, request| {
        let worker = Rc::clone(&worker);
        exchange.carry_out(request, move |request| handler::handle(worker, request, peer.ip()))
    };
    converse(stream, watch, users, answer).await;
}

/// Has a client's requests answered, whatever it speaks, to the end of its connection.
async fn converse<S, A, F, B>(mut stream: S, watch: Rc<Watch>, streams: TaskTracker, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + Clone + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let mut ahead = BytesMut::new();
    while first_bytes(&mut stream, &mut ahead, &watch).await {
        if ahead.starts_with(PREFACE) {
            return http2(stream, ahead.freeze(), watch, streams, answer).await;
        }
        match http1(stream, ahead.freeze(), &watch, answer.clone()).await {
            Some(rested) => (stream, ahead) = (rested.stream, rested.ahead.into()),
            None => return,
        }
    }
}

/// Waits until there is something to begin with; `false`: the connection is over. This is where an idle connection
/// rests, so nothing large may be held here.
async fn first_bytes<S: AsyncRead + Unpin>(stream: &mut S, ahead: &mut BytesMut, watch: &Watch) -> bool {
    poll_fn(|context| {
        while ahead.is_empty() || ahead.len() < PREFACE.len() && PREFACE.starts_with(ahead) {
            let mut room = [const { MaybeUninit::uninit() }; FIRST_READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    ahead.extend_from_slice(buffer.filled());
                    watch.heard();
                }
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending if watch.is_overdue() || watch.list().is_draining() => {
                    return Poll::Ready(false);
                }
                Poll::Pending => {
                    watch.remember(context);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(true)
    })
    .await
}

/// Why HTTP/1 has no more to do with a connection.
enum Stop {
    /// It is over.
    Closed,
    /// Its client rests.
    AtRest,
    /// A request's head does not come to its end.
    HeadLate,
}

/// Serves requests by HTTP/1 until the connection is over, or its client rests: then it is given back.
async fn http1<S, A, F, B>(stream: S, ahead: Bytes, watch: &Rc<Watch>, answer: A) -> Option<Resumed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let list = Rc::clone(watch.list());
    watch.heard();
    let stream = Resumed::new(stream, ahead, Some(Rc::clone(watch)));
    let of_connection = Rc::clone(watch);
    let service = service_fn(move |request| answer(Exchange::http1(&of_connection), request));
    let mut connection =
        Box::new(http1_builder(list.limits()).serve_connection(TokioIo::new(stream), service));
    let mut told = false;
    let stop = poll_fn(|context| {
        if list.is_draining() && !std::mem::replace(&mut told, true) {
            Pin::new(&mut *connection).graceful_shutdown();
        }
        match Pin::new(&mut *connection).poll(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Stop::Closed),
            Poll::Ready(Err(error)) => {
                if error.is_parse_too_large() {
                    list.count(Limit::HeaderBytes);
                }
                return Poll::Ready(Stop::Closed);
            }
            Poll::Pending => {}
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
    let parts = match stop {
        Stop::Closed => return None,
        Stop::AtRest | Stop::HeadLate => connection.into_parts(),
    };
    let Resumed { ahead, mut stream, .. } = parts.io.into_inner();
    debug_assert!(ahead.is_empty(), "HTTP takes what is ahead before it waits for more");
    if matches!(stop, Stop::HeadLate) {
        send_off(&mut stream, &raw_refusal(Refusal::HeadLate, list.metrics())).await;
        return None;
    }
    watch.rests();
    Some(Resumed::new(stream, parts.read_buf, None))
}

/// Writes a last word, as far as the socket takes it at once.
async fn send_off<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) {
    poll_fn(|context| {
        let _ = Pin::new(&mut *stream).poll_write(context, bytes);
        let _ = Pin::new(&mut *stream).poll_shutdown(context);
        Poll::Ready(())
    })
    .await;
}

/// Serves requests by HTTP/2 until the connection is over; one that has no stream for long is told to end.
async fn http2<S, A, F, B>(stream: S, ahead: Bytes, watch: Rc<Watch>, users: TaskTracker, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Fn(Exchange, Request<Incoming>) -> F + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + 'static,
    B: Body<Data = Bytes, Error = Fate> + 'static,
{
    let list = Rc::clone(watch.list());
    watch.now_doing(Doing::Resting);
    let streams = Streams::new(&watch);
    let stream = Metered::new(Resumed::new(stream, ahead, None), &watch, &streams);
    let executor = OnThisThread { users, newest: Rc::default() };
    let newest = Rc::clone(&executor.newest);
    let streams_open = Rc::clone(&streams);
    let service = service_fn(move |request| {
        let exchange = Exchange::http2(&streams);
        newest.set(Some(Rc::clone(exchange.watch())));
        answer(exchange, request)
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
    builder.max_header_size(limits.header_bytes).max_buf_size(limits.header_bytes.max(HTTP1_BUFFER));
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
