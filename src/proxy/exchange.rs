//! A request's body on its way in and its answer's on its way out, as the watch over the client sees them.
//!
//! Here a panic ends one answer and nothing else, and here it is seen that a client sends too slowly or, over HTTP/2,
//! where a full window stops one stream and not the socket, takes too slowly.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::Version;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::proxy::headers;
use crate::proxy::respond::AnswerBytes;
use crate::proxy::respond::Refusal;
use crate::proxy::respond::refusal;
use crate::proxy::watch::Doing;
use crate::proxy::watch::Watch;
use crate::telemetry::Plane;
use crate::telemetry::contained;
use crate::telemetry::contained_future;
use crate::upstream::muffled;
use crate::vocab::Fate;

/// Bytes of an answer for which a client may send a control frame: some return room every 4 KiB, for the stream and
/// for the connection.
const BYTES_A_CONTROL_FRAME: usize = 2048;
/// Control frames that any piece of an answer may bring about.
const CONTROL_FRAMES_A_PIECE: u32 = 4;

/// How long a stream whose last byte has come is kept for the frame that ends it.
const ENDS: Duration = Duration::from_secs(2);

/// The streams of one HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Streams {
    connection: Rc<Watch>,
    open: Cell<u32>,
    /// What the connection does while no stream is open.
    without: Cell<Doing>,
    /// Control frames that answers called for since they were last asked after.
    earned: Cell<u32>,
    tasks: TaskTracker,
}

/// One request from its head to the end of its answer. Dropped, it is over.
#[derive(Debug)]
pub(super) struct Exchange {
    watch: Rc<Watch>,
    streams: Option<Rc<Streams>>,
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Inlet {
    /// `None` only in its drop.
    incoming: Option<Incoming>,
    /// What came with the head.
    first: Option<Result<Bytes, BrokenOff>>,
    watch: Rc<Watch>,
    streams: Option<Rc<Streams>>,
    ended: bool,
}

/// The body of an answer, with what must last as long as it.
#[derive(Debug)]
pub(super) struct Outlet<B> {
    bytes: B,
    exchange: Exchange,
}

/// A request's body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request's body broke off")]
pub(super) struct BrokenOff;

impl Streams {
    /// The streams of this connection, and where their tasks run.
    pub(super) fn new(connection: &Rc<Watch>, tasks: TaskTracker) -> Rc<Self> {
        let connection = Rc::clone(connection);
        let without = Cell::new(Doing::Resting);
        Rc::new(Self { connection, open: Cell::new(0), without, earned: Cell::new(0), tasks })
    }

    /// Keeps a stream until its client ends it too.
    ///
    /// Many clients end a request with an empty frame after its last bytes. A model that knows the length answers
    /// before that; closed by then, the stream would be reset, and there are clients (httpx) that take this for a failure
    /// though they have their whole answer.
    fn await_end(&self, mut incoming: Incoming) {
        self.tasks.spawn_local(async move {
            let end = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context));
            // Whatever comes of it, nobody reads it any more.
            let _ = timeout(ENDS, end).await;
        });
    }

    /// The client was told that the connection ends.
    pub(super) fn leave(&self) {
        self.without.set(Doing::Leaving);
        if self.open.get() == 0 {
            self.connection.now_doing(Doing::Leaving);
        }
    }

    fn enter(&self) {
        self.open.set(self.open.get() + 1);
        self.connection.now_doing(Doing::Served);
    }

    fn exit(&self) {
        self.open.set(self.open.get() - 1);
        if self.open.get() == 0 {
            self.connection.now_doing(self.without.get());
        }
    }

    /// Takes the control frames that were earned since the last call.
    pub(super) fn take_earned(&self) -> u32 {
        self.earned.take()
    }

    pub(super) fn earn(&self, piece_bytes: usize) {
        let earned = CONTROL_FRAMES_A_PIECE.saturating_add((piece_bytes / BYTES_A_CONTROL_FRAME) as u32);
        self.earned.set(self.earned.get().saturating_add(earned));
    }
}

impl Exchange {
    /// The next request of an HTTP/1 connection, which has one at a time.
    pub(super) fn http1(connection: &Rc<Watch>) -> Self {
        connection.request_begins();
        Self { watch: Rc::clone(connection), streams: None }
    }

    /// A stream of an HTTP/2 connection, with a watch of its own.
    pub(super) fn http2(streams: &Rc<Streams>) -> Self {
        let watch = streams.connection.list().watch(Doing::Served);
        watch.request_begins();
        streams.enter();
        Self { watch, streams: Some(Rc::clone(streams)) }
    }

    pub(super) fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }

    /// Has the request answered; a panic on the way is answered too.
    pub(super) async fn carry_out<F>(
        self,
        request: Request<Incoming>,
        answer: impl FnOnce(Request<Inlet>) -> F,
    ) -> Result<Response<Outlet<AnswerBytes>>, Infallible>
    where
        F: Future<Output = Response<AnswerBytes>>,
    {
        let list = Rc::clone(self.watch.list());
        self.watch.set_knows_interim(request.version() == Version::HTTP_11);
        let mut request = request.map(|incoming| Inlet::new(incoming, &self));
        if self.streams.is_none() && headers::sends_body_at_once(&request) {
            poll_fn(|context| request.body_mut().poll_first(context)).await;
        }
        let answered = contained_future(Plane::Answer, list.metrics(), pin!(answer(request))).await;
        let response = answered.unwrap_or_else(|_| refusal(Refusal::Fault, list.metrics()));
        Ok(response.map(|bytes| Outlet::of(bytes, self)))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.watch.answer_ends();
        if let Some(streams) = &self.streams {
            streams.exit();
        }
    }
}

impl Inlet {
    fn new(incoming: Incoming, exchange: &Exchange) -> Self {
        let Exchange { watch, streams } = exchange;
        let ended = incoming.is_end_stream();
        if !ended {
            watch.upload_begins();
        }
        Self {
            incoming: Some(incoming),
            first: None,
            watch: Rc::clone(watch),
            streams: streams.clone(),
            ended,
        }
    }

    /// Takes what came of the body together with its head, of most requests all, and waits for nothing. See
    /// [`muffled`].
    fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let polled = muffled(|| self.poll_incoming(context));
        if polled.is_ready() && !self.has_come() {
            context.waker().wake_by_ref();
        }
        if let Poll::Ready(Some(frame)) = polled {
            // Of a known length there is nothing but data.
            self.first = frame.map(|frame| frame.into_data().ok()).transpose();
        }
        Poll::Ready(())
    }

    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(incoming).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.watch.body_came(frame.data_ref().map_or(0, Bytes::len));
        }
        if self.has_come() || !matches!(frame, Some(Ok(_))) {
            self.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| BrokenOff)))
    }

    /// Says whether the client has nothing more to send.
    fn has_come(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    /// What is known of the client who sends this.
    pub(super) fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.watch.upload_ends();
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.end();
        let lacks_only_its_end =
            |incoming: &Incoming| !incoming.is_end_stream() && incoming.size_hint().exact() == Some(0);
        if let (Some(incoming), Some(streams)) =
            (self.incoming.take().filter(lacks_only_its_end), &self.streams)
        {
            streams.await_end(incoming);
        }
    }
}

impl Body for Inlet {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first.map(Frame::data)));
        }
        let polled = self.poll_incoming(context);
        if polled.is_pending() && self.watch.awaits_body(context) {
            self.end();
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.has_come()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(|first| first.as_ref().ok());
        let coming = self.incoming.as_ref().and_then(|incoming| incoming.size_hint().exact());
        let total = coming.map(|coming| coming + first.map_or(0, Bytes::len) as u64);
        total.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl<B> Outlet<B> {
    /// The body of the answer in this exchange.
    pub(super) fn of(bytes: B, exchange: Exchange) -> Self {
        exchange.watch.answer_begins();
        if let Some(streams) = &exchange.streams {
            streams.earn(0);
        }
        Self { bytes, exchange }
    }

    /// Notes, for a stream, whether the next step is the client's: a piece that was handed over waits for room.
    fn note(&self, polled: &Poll<Option<Result<Frame<Bytes>, Fate>>>) {
        let Exchange { watch, streams: Some(streams) } = &self.exchange else { return };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                streams.earn(frame.data_ref().map_or(0, Bytes::len));
                watch.now_doing(Doing::Taking);
            }
            _ if watch.doing() == Doing::Taking => watch.now_doing(Doing::Served),
            _ => {}
        }
    }
}

impl<B: Body<Data = Bytes, Error = Fate> + Unpin> Body for Outlet<B> {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        let Self { bytes, exchange } = &mut *self;
        let metrics = exchange.watch.list().metrics();
        let polled = contained(Plane::Answer, metrics, || Pin::new(bytes).poll_frame(context));
        // hyper does not ask again after an error, so that nothing half done is looked at.
        let polled = polled.unwrap_or(Poll::Ready(Some(Err(Fate::Truncated))));
        self.note(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}
