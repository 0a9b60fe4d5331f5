//! What the clients of one worker keep it waiting for, looked over ten times a second.
//!
//! The look stands in for a timer and a clock read a request: whoever waits notes what for, in a cell of its own, and
//! the look wakes those who waited too long. All of it belongs to one thread.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::proxy::limits::Limit;
use crate::proxy::limits::Limits;
use crate::telemetry::Metrics;

/// How often to look at most; so long, too, a connection keeps its buffers after an answer. What a client asks for
/// within it costs nothing more; later, it costs the making of the buffers.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often to look at least, where a limit is short.
const LOOK_SOONEST: Duration = Duration::from_millis(10);

/// Everybody on one thread who waits for a client.
#[derive(Debug)]
pub(super) struct Watchlist {
    limits: Limits,
    metrics: Arc<Metrics>,
    begun: Instant,
    /// The time since `begun`, as of the last look.
    now: Cell<Duration>,
    draining: Cell<bool>,
    watched: RefCell<Vec<Rc<Watch>>>,
}

/// One connection, or one stream of an HTTP/2 connection, as the look sees it.
#[derive(Debug)]
pub(super) struct Watch {
    list: Rc<Watchlist>,
    doing: Cell<Doing>,
    since: Cell<Duration>,
    overdue: Cell<bool>,
    /// Who is told when it is overdue.
    waker: RefCell<Option<Waker>>,
    /// What is ended when an answer is not taken.
    task: RefCell<Option<AbortHandle>>,
    request: Cell<Request>,
    uploading: Cell<bool>,
    /// Whether this request's body was given up for its slowness.
    gave_up: Cell<bool>,
    /// How far the upload is behind its rate, and what arrived since the last look.
    behind: Cell<Duration>,
    arrived_bytes: Cell<u64>,
    unsent: Cell<bool>,
    /// Whether the client knows interim answers.
    knows_interim: Cell<bool>,
}

/// What the client is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nothing: it is the client who waits.
    Served,
    /// The next request, with the buffers for it in place.
    Lingering,
    /// The next request.
    Resting,
    /// The rest of a request's head.
    Head,
    /// More of the body that the answer waits for.
    Upload,
    /// Room for a piece of the answer.
    Taking,
    /// The end of a connection that was told to end.
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    None,
    Asked,
    Answering,
    /// There will be no other on this connection.
    Over,
}

impl Watchlist {
    pub(super) fn new(limits: &Limits, metrics: &Arc<Metrics>) -> Rc<Self> {
        Rc::new(Self {
            limits: limits.clone(),
            metrics: Arc::clone(metrics),
            begun: Instant::now(),
            now: Cell::default(),
            draining: Cell::new(false),
            watched: RefCell::default(),
        })
    }

    /// How often to look: no limit is passed by more than a quarter of itself, or a tenth of a second.
    pub(super) fn interval(&self) -> Duration {
        let Limits { header_time, body_grace, idle, write_stall, .. } = &self.limits;
        let shortest = header_time.min(body_grace).min(idle).min(write_stall);
        (*shortest / 4).clamp(LOOK_SOONEST, LOOK_EVERY)
    }

    /// Begins to watch a connection, or a stream of one.
    pub(super) fn watch(self: &Rc<Self>, doing: Doing) -> Rc<Watch> {
        let watch = Rc::new(Watch {
            list: Rc::clone(self),
            doing: Cell::new(doing),
            since: self.now.clone(),
            overdue: Cell::new(false),
            waker: RefCell::default(),
            task: RefCell::default(),
            request: Cell::new(Request::None),
            uploading: Cell::new(false),
            gave_up: Cell::new(false),
            behind: Cell::default(),
            arrived_bytes: Cell::default(),
            unsent: Cell::new(false),
            knows_interim: Cell::new(false),
        });
        self.watched.borrow_mut().push(Rc::clone(&watch));
        watch
    }

    /// Looks who was waited for too long, and forgets who has gone.
    pub(super) fn look(&self) {
        self.now.set(self.begun.elapsed());
        let mut watched = self.watched.borrow_mut();
        watched.retain(|watch| Rc::strong_count(watch) > 1);
        if watched.capacity() > 4 * watched.len().max(64) {
            watched.shrink_to_fit();
        }
        for watch in watched.iter().filter(|watch| !watch.overdue.get() && watch.is_due()) {
            watch.doing.get().limit().into_iter().for_each(|limit| self.count(limit));
            watch.overdue.set(true);
            match watch.doing.get() {
                Doing::Taking => watch.abort(),
                _ => watch.wake(),
            }
        }
    }

    /// Tells everybody that the gateway drains.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.watched.borrow().iter().for_each(|watch| watch.wake());
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// The time as of the last look.
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Counts that a client met a limit.
    pub(super) fn count(&self, limit: Limit) {
        self.metrics.limited.with_label_values(&[limit.as_str()]).inc();
    }
}

impl Doing {
    /// What a client has met who was waited for too long.
    fn limit(self) -> Option<Limit> {
        match self {
            Doing::Resting => Some(Limit::Idle),
            Doing::Head => Some(Limit::HeaderTime),
            Doing::Upload => Some(Limit::BodyRate),
            Doing::Taking => Some(Limit::WriteStall),
            Doing::Served | Doing::Lingering | Doing::Leaving => None,
        }
    }
}

impl Watch {
    pub(super) fn list(&self) -> &Rc<Watchlist> {
        &self.list
    }

    pub(super) fn doing(&self) -> Doing {
        self.doing.get()
    }

    /// Notes what the client is waited for from now on.
    pub(super) fn now_doing(&self, doing: Doing) {
        self.doing.set(doing);
        self.since.set(self.list.now.get());
        self.overdue.set(false);
    }

    /// Notes that a lingering connection has given its buffers back: its rest goes on.
    pub(super) fn rests(&self) {
        self.doing.set(Doing::Resting);
        self.overdue.set(false);
    }

    /// Notes that bytes came: where a request was waited for, they begin its head.
    pub(super) fn heard(&self) {
        if matches!(self.doing.get(), Doing::Resting | Doing::Lingering) {
            self.now_doing(Doing::Head);
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.overdue.get()
    }

    /// Waits no longer than the client may be waited for, and not while the gateway drains.
    pub(super) fn poll_patience(&self, context: &Context<'_>) -> Poll<()> {
        if self.overdue.get() || self.list.draining.get() {
            return Poll::Ready(());
        }
        self.remember(context);
        Poll::Pending
    }

    /// Asks to be woken when this is overdue, and when the gateway drains.
    pub(super) fn remember(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// Lets the task that hands the answer over be ended when the client takes none of it.
    pub(super) fn may_abort(&self, task: AbortHandle) {
        *self.task.borrow_mut() = Some(task);
    }

    /// Notes whether the socket has still to take something.
    pub(super) fn set_unsent(&self, unsent: bool) {
        self.unsent.set(unsent);
    }

    /// Notes whether the client that sent this request knows interim answers.
    pub(super) fn set_knows_interim(&self, knows: bool) {
        self.knows_interim.set(knows);
    }

    /// Says whether the client of the last request is no older than HTTP/1.1, and knows interim answers and chunks.
    pub(super) fn knows_interim(&self) -> bool {
        self.knows_interim.get()
    }

    /// Says whether an interim answer may be written now: nothing of the answer is made yet, nor is anything before it
    /// half written.
    pub(super) fn may_send_interim(&self) -> bool {
        self.request.get() == Request::Asked && !self.unsent.get() && self.knows_interim.get()
    }

    /// Says whether a request is under way that has not got all of its answer.
    pub(super) fn is_serving(&self) -> bool {
        matches!(self.request.get(), Request::Asked | Request::Answering)
    }

    /// Notes that the connection is being closed: whoever closes it keeps the time.
    pub(super) fn closes(&self) {
        self.request.set(Request::Over);
        self.now_doing(Doing::Served);
    }

    /// Says whether the connection has lingered long enough and holds nothing that it still needs.
    pub(super) fn may_be_put_to_rest(&self) -> bool {
        self.doing.get() == Doing::Lingering && self.overdue.get() && !self.unsent.get()
    }

    /// A request's head has come whole.
    pub(super) fn request_begins(&self) {
        self.request.set(Request::Asked);
        self.gave_up.set(false);
        self.behind.set(Duration::ZERO);
        self.now_doing(Doing::Served);
    }

    /// The answer's head is here: from now on it is the model's affair how slowly the rest of the body comes.
    pub(super) fn answer_begins(&self) {
        self.request.set(Request::Answering);
        if self.doing.get() == Doing::Upload {
            self.now_doing(Doing::Served);
        }
    }

    /// The answer has been handed over, or its client left.
    pub(super) fn answer_ends(&self) {
        if self.is_serving() {
            self.request.set(Request::None);
        }
        // The handle alone would keep the task's memory until the next look.
        *self.task.borrow_mut() = None;
        self.settle();
    }

    /// The request has a body that is still to come.
    pub(super) fn upload_begins(&self) {
        self.uploading.set(true);
        self.arrived_bytes.set(0);
    }

    pub(super) fn upload_ends(&self) {
        self.uploading.set(false);
        self.settle();
    }

    /// Somebody waits for more of the body. `true`: in vain, it came too slowly.
    pub(super) fn awaits_body(&self, context: &Context<'_>) -> bool {
        if self.request.get() == Request::Answering {
            return false;
        }
        if self.doing.get() != Doing::Upload {
            self.now_doing(Doing::Upload);
        }
        // A byte that came since the look makes nothing good by itself.
        let behind = self.behind.get() >= self.list.limits.body_grace;
        if self.overdue.get() || behind && self.is_behind(Duration::ZERO) {
            self.gave_up.set(true);
        }
        self.remember(context);
        self.gave_up.get()
    }

    /// A piece of the body came, and whoever asked for it has something else to do.
    pub(super) fn body_came(&self, bytes: usize) {
        self.arrived_bytes.set(self.arrived_bytes.get() + bytes as u64);
        if self.doing.get() == Doing::Upload {
            self.now_doing(Doing::Served);
        }
    }

    /// Says whether it is the client's body that everybody waits for.
    pub(super) fn is_starved(&self) -> bool {
        self.doing.get() == Doing::Upload
    }

    /// Says whether the body of this request was given up because it came too slowly.
    pub(super) fn gave_up(&self) -> bool {
        self.gave_up.get()
    }

    fn settle(&self) {
        if self.request.get() == Request::None && !self.uploading.get() {
            self.now_doing(Doing::Lingering);
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn abort(&self) {
        if let Some(task) = self.task.borrow_mut().take() {
            task.abort();
        }
    }

    fn is_due(&self) -> bool {
        let limits = &self.list.limits;
        let waited = self.list.now.get().saturating_sub(self.since.get());
        match self.doing.get() {
            Doing::Served => false,
            Doing::Lingering => waited >= LOOK_EVERY.min(limits.idle),
            Doing::Resting => waited >= limits.idle,
            Doing::Head | Doing::Leaving => waited >= limits.header_time,
            Doing::Taking => waited >= limits.write_stall,
            Doing::Upload => self.is_behind(waited),
        }
    }

    /// Weighs what arrived since the last look against the time that was waited.
    fn is_behind(&self, waited: Duration) -> bool {
        let Limits { body_rate, body_grace, .. } = &self.list.limits;
        let millis = self.arrived_bytes.take().saturating_mul(1000) / body_rate;
        let behind = (self.behind.get() + waited).saturating_sub(Duration::from_millis(millis));
        self.behind.set(behind);
        self.since.set(self.list.now.get());
        behind >= *body_grace
    }
}
