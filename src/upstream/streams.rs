//! HTTP/2 connections of one thread, by endpoint: each carries many calls, and few are made.
//!
//! A connection takes calls until the model's own limit, or ours; then another is made, up to a bound, beyond which
//! calls wait inside HTTP/2. One that closes, is told to go away, or looks dead takes no further call, and those on it
//! run to their end.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use hyper::client::conn::http2::SendRequest;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::upstream::tether::Tether;
use crate::upstream::tether::Tethered;

/// How long a connection may stay without a call.
const IDLE: Duration = Duration::from_secs(30);

/// Connections of one thread to one endpoint at most.
const MAX_CONNECTIONS: usize = 4;

/// Calls on one connection before another is made: beyond it one lost packet would hold up too many.
const CROWDED: usize = 128;

/// The HTTP/2 connections of one thread.
pub(super) struct Streams<B>(RefCell<HashMap<u64, Lines<B>>>);

/// What is known of one endpoint.
struct Lines<B> {
    connections: Vec<Rc<Multiplexed<B>>>,
    /// Whoever makes a connection holds it; the others wait, and use what was made.
    turn: Rc<Mutex<()>>,
    /// The endpoint was asked by TLS and chose HTTP/1.1, of which each call needs a connection.
    chose_http1: bool,
}

/// One HTTP/2 connection.
pub(super) struct Multiplexed<B> {
    sender: SendRequest<Tethered<B>>,
    /// How many calls the model takes on it at a time.
    limit: Box<dyn Fn() -> usize>,
    calls: Cell<usize>,
    /// Counts what came from the model, so that a call can tell whether anything did in its time.
    heard: Cell<u64>,
    retired: Cell<bool>,
    since: Cell<Instant>,
}

/// One call's part in a connection.
pub(super) struct Stream<B> {
    connection: Rc<Multiplexed<B>>,
    heard_before: u64,
    /// Given with the request's body.
    tether: Option<Tether>,
}

impl<B> Streams<B> {
    pub(super) fn new() -> Self {
        Self(RefCell::default())
    }

    /// Begins a call on a connection that has room for it, or, where no further one may be made, on the least busy.
    pub(super) fn begin(&self, key: u64) -> Option<Stream<B>> {
        let mut lines = self.0.borrow_mut();
        let Lines { connections, .. } = lines.get_mut(&key)?;
        connections.retain(|connection| connection.is_open());
        let with_room = connections.iter().find(|connection| connection.has_room());
        let least_busy = || connections.iter().min_by_key(|connection| connection.calls.get());
        let full = connections.len() >= MAX_CONNECTIONS;
        let chosen = with_room.or_else(|| least_busy().filter(|_| full))?;
        Some(Stream::begin(chosen))
    }

    /// Keeps a new connection and begins its first call.
    pub(super) fn add(&self, key: u64, connection: Multiplexed<B>) -> Stream<B> {
        let connection = Rc::new(connection);
        let stream = Stream::begin(&connection);
        self.lines(key, |lines| lines.connections.push(connection));
        stream
    }

    /// The turn to make a connection.
    pub(super) fn turn(&self, key: u64) -> Rc<Mutex<()>> {
        self.lines(key, |lines| Rc::clone(&lines.turn))
    }

    /// Notes that the endpoint chose HTTP/1.1.
    pub(super) fn note_http1(&self, key: u64) {
        self.lines(key, |lines| lines.chose_http1 = true);
    }

    /// Says whether the endpoint chose HTTP/1.1 when it was asked last.
    pub(super) fn chose_http1(&self, key: u64) -> bool {
        self.0.borrow().get(&key).is_some_and(|lines| lines.chose_http1)
    }

    /// Closes what was unused for too long, and forgets endpoints without connections.
    pub(super) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, lines| {
            lines.connections.retain(|connection| connection.is_open() && !connection.is_forgotten());
            !lines.connections.is_empty() || Rc::strong_count(&lines.turn) > 1
        });
    }

    fn lines<T>(&self, key: u64, change: impl FnOnce(&mut Lines<B>) -> T) -> T {
        let new = || Lines { connections: Vec::new(), turn: Rc::default(), chose_http1: false };
        change(self.0.borrow_mut().entry(key).or_insert_with(new))
    }
}

impl<B> Multiplexed<B> {
    /// A connection without calls; `limit` says how many the model takes at present.
    pub(super) fn new(sender: SendRequest<Tethered<B>>, limit: Box<dyn Fn() -> usize>) -> Self {
        let (calls, heard, retired) = (Cell::new(0), Cell::new(0), Cell::new(false));
        Self { sender, limit, calls, heard, retired, since: Cell::new(Instant::now()) }
    }

    fn is_open(&self) -> bool {
        !self.retired.get() && !self.sender.is_closed()
    }

    fn has_room(&self) -> bool {
        self.calls.get() < CROWDED.min((self.limit)())
    }

    fn is_forgotten(&self) -> bool {
        self.calls.get() == 0 && self.since.get().elapsed() >= IDLE
    }
}

impl<B> Stream<B> {
    fn begin(connection: &Rc<Multiplexed<B>>) -> Self {
        connection.calls.set(connection.calls.get() + 1);
        Self { connection: Rc::clone(connection), heard_before: connection.heard.get(), tether: None }
    }

    pub(super) fn sender(&self) -> SendRequest<Tethered<B>> {
        self.connection.sender.clone()
    }

    /// Ties the request's body to this call.
    pub(super) fn tie(&mut self, body: B) -> Tethered<B> {
        let (tether, tethered) = Tethered::new(body);
        self.tether = Some(tether);
        tethered
    }

    /// Says whether the request's own body broke off.
    pub(super) fn is_body_broken(&self) -> bool {
        self.tether.as_ref().is_some_and(Tether::is_broken)
    }

    /// Notes that something came from the model.
    pub(super) fn hear(&self) {
        self.connection.heard.set(self.connection.heard.get() + 1);
    }

    /// Lets no further call begin on a connection on which nothing was heard in this call's time; says whether
    /// that is so. Most often the model, or the network, has silently gone.
    pub(super) fn give_up(&self) -> bool {
        let silent = self.connection.heard.get() == self.heard_before;
        if silent {
            self.connection.retired.set(true);
        }
        silent
    }
}

impl<B> Drop for Stream<B> {
    fn drop(&mut self) {
        let Multiplexed { calls, since, .. } = &*self.connection;
        calls.set(calls.get() - 1);
        since.set(Instant::now());
    }
}
