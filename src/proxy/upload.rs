//! A request's body on its way in: streamed to the answering arm at once, its frames kept by reference up to a cap.
//!
//! The kept frames serve the record, a fallback and the copies. A copy waits until the whole body is in hand; when
//! nobody streams the body any more (the answering arm failed early), whoever waits for it reads it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::proxy::exchange::BrokenOff;
use crate::proxy::exchange::Inlet;
use crate::proxy::expect::Held;
use crate::proxy::headers;
use crate::proxy::respond::Refusal;
use crate::proxy::rewriting::Rewritten;
use crate::proxy::watch::Watch;
use crate::record::Captured;
use crate::record::Hold;
use crate::record::MemoryBudget;
use crate::upstream::Repeat;

/// The body of one request, shared by all that need it.
#[derive(Debug, Clone)]
pub(super) struct Upload(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    incoming: Inlet,
    cap_bytes: usize,
    /// The kept frames: all so far, or those before the cap was passed or memory was short.
    frames: Vec<Bytes>,
    /// The memory that they take.
    hold: Hold,
    /// Whether a user waits for an answer that takes the whole body, so that it is kept however short memory is.
    needed: bool,
    /// Whether memory was too short to keep all frames.
    shed: bool,
    total_bytes: u64,
    trailers: Option<HeaderMap>,
    progress: Progress,
    /// The stream that reads `incoming` for an arm: the newest of those that began before the body's end.
    reader: Option<usize>,
    /// How many such streams began.
    begun: usize,
    /// Everybody who waits; `incoming` itself remembers only who asked it last.
    waiting: Vec<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Ended,
    Broken,
}

/// What became of a body that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathered {
    /// All of it is in hand.
    Whole,
    /// It is above the cap.
    TooLarge,
    /// Memory was too short to keep it.
    Shed,
    /// The client broke off.
    Incomplete,
}

/// The body as one arm receives it.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Nothing, of this client.
    Empty(Rc<Watch>),
    /// Passed on and not kept: no experiment looks at it.
    Direct(Inlet),
    /// From its first byte: what is kept, then what still comes.
    Stream(Stream),
    /// One of these, with members changed.
    Rewritten(Box<Rewritten>),
    /// Any of these, once the model wants it.
    Held(Box<Held>),
}

/// A reader of the shared body, from its first byte.
#[derive(Debug)]
pub(super) struct Stream {
    upload: Upload,
    /// Its place among the streams that read from the client; `None`: it began when the whole body was in hand.
    number: Option<usize>,
    next: usize,
}

impl Upload {
    /// Takes over a body; up to `cap_bytes` of it are kept, out of the budget.
    pub(super) fn new(incoming: Inlet, cap_bytes: usize, memory: &MemoryBudget) -> Self {
        let progress = if incoming.is_end_stream() { Progress::Ended } else { Progress::Open };
        Self(Rc::new(RefCell::new(State {
            incoming,
            cap_bytes,
            frames: Vec::new(),
            hold: memory.hold(),
            needed: false,
            shed: false,
            total_bytes: 0,
            trailers: None,
            progress,
            reader: None,
            begun: 0,
            waiting: Vec::new(),
        })))
    }

    /// Gives the body to an arm, from its first byte; `None` when the first bytes were let go already.
    ///
    /// While the body is still coming, the arm that got it before gets no more of it: two that read it side by
    /// side would each miss what the other took.
    pub(super) fn stream(&self) -> Option<Outgoing> {
        self.replayable().then(|| {
            let number = self.0.borrow_mut().begin_reading();
            Outgoing::Stream(Stream { upload: self.clone(), number, next: 0 })
        })
    }

    /// Says whether the whole body is in hand, so that any number of arms can be given it.
    pub(super) fn is_whole(&self) -> bool {
        let state = self.0.borrow();
        state.progress == Progress::Ended && !state.above_cap() && !state.shed
    }

    /// Says whether anything came behind the body's last byte.
    fn has_trailers(&self) -> bool {
        self.0.borrow().trailers.is_some()
    }

    /// Keeps the body up to the cap though memory be short: the answer depends on it.
    pub(super) fn need(&self) {
        self.0.borrow_mut().needed = true;
    }

    /// Says whether it is the client who keeps everybody waiting.
    pub(super) fn is_starved(&self) -> bool {
        let state = self.0.borrow();
        state.progress == Progress::Open && state.incoming.watch().is_starved()
    }

    /// What to tell a client whose body lacks.
    pub(super) fn lacking(&self) -> Refusal {
        let state = self.0.borrow();
        match state.progress {
            Progress::Broken if !state.incoming.watch().gave_up() => Refusal::BodyIncomplete,
            Progress::Broken | Progress::Open | Progress::Ended => Refusal::BodyLate,
        }
    }

    /// Says whether the body can still be given to an arm from its first byte.
    pub(super) fn replayable(&self) -> bool {
        let state = self.0.borrow();
        state.total_bytes == state.kept_bytes()
    }

    /// Waits until the whole body is in hand, or cannot be. Reads it when nobody else does.
    pub(super) async fn gathered(&self) -> Gathered {
        poll_fn(|context| self.0.borrow_mut().poll_gathered(context)).await
    }

    /// The size of the body so far, in bytes.
    pub(super) fn total_bytes(&self) -> u64 {
        self.0.borrow().total_bytes
    }

    /// The body for the record, which from now on answers for its memory.
    pub(super) fn captured(&self) -> Captured {
        let mut captured = self.so_far();
        captured.hold = std::mem::take(&mut self.0.borrow_mut().hold);
        captured
    }

    /// What came of the body so far.
    pub(super) fn so_far(&self) -> Captured {
        let state = self.0.borrow();
        let mut captured = Captured::default();
        for frame in &state.frames {
            captured.push(frame, state.cap_bytes);
        }
        captured.truncated |= state.total_bytes > captured.total_bytes;
        captured.total_bytes = state.total_bytes;
        captured
    }

    /// The kept body in one piece.
    pub(super) fn joined(&self) -> Bytes {
        match self.0.borrow().frames.as_slice() {
            [one] => one.clone(),
            frames => frames.concat().into(),
        }
    }
}

impl State {
    fn kept_bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.len() as u64).sum()
    }

    fn above_cap(&self) -> bool {
        self.total_bytes > self.cap_bytes as u64
    }

    fn begin_reading(&mut self) -> Option<usize> {
        if self.progress != Progress::Open {
            return None;
        }
        self.begun += 1;
        self.reader = Some(self.begun);
        // The stream that read before must learn that it is over.
        self.wake();
        self.reader
    }

    fn poll_gathered(&mut self, context: &mut Context<'_>) -> Poll<Gathered> {
        loop {
            match self.progress {
                _ if self.above_cap() => return Poll::Ready(Gathered::TooLarge),
                _ if self.shed => return Poll::Ready(Gathered::Shed),
                Progress::Ended => return Poll::Ready(Gathered::Whole),
                Progress::Broken => return Poll::Ready(Gathered::Incomplete),
                Progress::Open if self.reader.is_some() => {
                    self.wait(context);
                    return Poll::Pending;
                }
                Progress::Open => {
                    if self.poll_incoming(context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Reads one frame from the client, keeping it while everything so far is kept and the cap is not passed.
    /// The frame that passes the cap is kept too: it was read before anybody could stream it.
    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Pending => {
                self.wait(context);
                return Poll::Pending;
            }
            Poll::Ready(frame) => frame,
        };
        // Whoever reads needs no waking.
        self.waiting.retain(|waker| !waker.will_wake(context.waker()));
        let frame = match frame {
            Some(Ok(mut frame)) => {
                headers::strip_trailers(&mut frame);
                Some(frame)
            }
            Some(Err(_)) => return Poll::Ready(self.close(Progress::Broken)),
            None => return Poll::Ready(self.close(Progress::Ended)),
        };
        if let Some(bytes) = frame.as_ref().and_then(Frame::data_ref) {
            self.keep(bytes);
        } else if let Some(trailers) = frame.as_ref().and_then(Frame::trailers_ref) {
            self.trailers = Some(trailers.clone());
        }
        if self.incoming.is_end_stream() {
            self.close(Progress::Ended);
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, bytes: &Bytes) {
        let kept = !self.above_cap() && !self.shed && !bytes.is_empty();
        self.total_bytes += bytes.len() as u64;
        if kept && (self.needed || self.hold.may_capture()) {
            let frame = Captured::held(bytes);
            self.hold.add(Captured::frame_bytes(&frame));
            self.frames.push(frame);
        } else if kept {
            self.shed = true;
        }
        if self.above_cap() || self.shed {
            self.wake();
        }
    }

    fn close(&mut self, progress: Progress) -> Option<Frame<Bytes>> {
        self.progress = progress;
        self.wake();
        None
    }

    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }

    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// What is still to come, as far as it is known.
    fn remaining(&self, next: usize) -> SizeHint {
        let kept: u64 =
            self.frames[next.min(self.frames.len())..].iter().map(|frame| frame.len() as u64).sum();
        match (self.progress, self.incoming.size_hint().exact()) {
            (Progress::Ended, _) => SizeHint::with_exact(kept),
            (_, Some(coming)) => SizeHint::with_exact(kept + coming),
            _ => SizeHint::default(),
        }
    }
}

impl Stream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut state = self.upload.0.borrow_mut();
        if self.number.is_some_and(|own| state.reader != Some(own)) {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        if let Some(frame) = state.frames.get(self.next) {
            self.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(frame.clone()))));
        }
        match state.progress {
            Progress::Broken => return Poll::Ready(Some(Err(BrokenOff))),
            Progress::Ended => {
                return Poll::Ready(state.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            Progress::Open => {}
        }
        let Poll::Ready(frame) = state.poll_incoming(context) else { return Poll::Pending };
        self.next = state.frames.len();
        match frame {
            Some(frame) if frame.is_data() => Poll::Ready(Some(Ok(frame))),
            Some(_) => Poll::Ready(state.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
            None if state.progress == Progress::Broken => Poll::Ready(Some(Err(BrokenOff))),
            None => Poll::Ready(None),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.upload.0.borrow_mut();
        if self.number.is_some() && self.number == state.reader {
            state.reader = None;
            // Whoever waits for the whole body must now read it.
            state.wake();
        }
    }
}

impl Outgoing {
    /// A body that no experiment looks at.
    pub(super) fn direct(incoming: Inlet) -> Self {
        let is_empty = incoming.is_end_stream();
        if is_empty { Outgoing::Empty(Rc::clone(incoming.watch())) } else { Outgoing::Direct(incoming) }
    }

    /// What is known of the client who sends this.
    pub(super) fn client(&self) -> Rc<Watch> {
        match self {
            Outgoing::Empty(watch) => Rc::clone(watch),
            Outgoing::Direct(incoming) => Rc::clone(incoming.watch()),
            Outgoing::Stream(stream) => Rc::clone(stream.upload.0.borrow().incoming.watch()),
            Outgoing::Rewritten(rewritten) => rewritten.client(),
            Outgoing::Held(held) => held.client(),
        }
    }

    /// Says whether the client has nothing more to send of it.
    pub(super) fn is_in_hand(&self) -> bool {
        match self {
            Outgoing::Empty(_) => true,
            Outgoing::Direct(incoming) => incoming.is_end_stream(),
            Outgoing::Stream(stream) => stream.upload.0.borrow().progress == Progress::Ended,
            Outgoing::Rewritten(rewritten) => rewritten.is_in_hand(),
            Outgoing::Held(_) => false,
        }
    }

    /// All of it in one piece, where it is in hand and nobody took of it yet; trailers are not among it.
    pub(super) fn whole(&self) -> Option<Bytes> {
        let Outgoing::Stream(stream) = self else { return None };
        let is_whole = stream.next == 0 && stream.upload.is_whole() && !stream.upload.has_trailers();
        is_whole.then(|| stream.upload.joined())
    }
}

impl Repeat for Outgoing {
    fn repeat(&self) -> Option<Self> {
        match self {
            Outgoing::Empty(watch) => Some(Outgoing::Empty(Rc::clone(watch))),
            // A body that is still coming belongs to the stream that reads it.
            Outgoing::Stream(stream) if stream.number.is_none() => stream.upload.stream(),
            Outgoing::Rewritten(rewritten) => {
                Some(Outgoing::Rewritten(Box::new(rewritten.repeat(Outgoing::repeat)?)))
            }
            Outgoing::Direct(_) | Outgoing::Stream(_) | Outgoing::Held(_) => None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Outgoing::Empty(_) => Poll::Ready(None),
            Outgoing::Direct(incoming) => {
                let mut frame = ready!(Pin::new(incoming).poll_frame(context));
                if let Some(Ok(frame)) = &mut frame {
                    headers::strip_trailers(frame);
                }
                Poll::Ready(frame)
            }
            Outgoing::Stream(stream) => stream.poll_next(context),
            Outgoing::Rewritten(rewritten) => Pin::new(rewritten.as_mut()).poll_frame(context),
            Outgoing::Held(held) => Pin::new(held.as_mut()).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Empty(_) => true,
            Outgoing::Direct(incoming) => incoming.is_end_stream(),
            Outgoing::Stream(stream) => {
                let state = stream.upload.0.borrow();
                state.progress == Progress::Ended
                    && stream.next >= state.frames.len()
                    && state.trailers.is_none()
            }
            Outgoing::Rewritten(rewritten) => rewritten.is_end_stream(),
            Outgoing::Held(held) => held.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Empty(_) => SizeHint::with_exact(0),
            Outgoing::Direct(incoming) => incoming.size_hint(),
            Outgoing::Stream(stream) => stream.upload.0.borrow().remaining(stream.next),
            Outgoing::Rewritten(rewritten) => rewritten.size_hint(),
            Outgoing::Held(held) => held.size_hint(),
        }
    }
}
