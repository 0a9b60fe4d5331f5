//! Idle connections of one thread, by endpoint, the most recently used first.
//!
//! A connection comes back when its request and its answer have both passed whole. A call takes it out again or
//! makes a new one; what stays unused is closed after a while, so a model's own idle timeout rarely meets a request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// How long a connection may stay unused. Most servers close theirs after 60 s or more.
const IDLE: Duration = Duration::from_secs(30);

/// Idle connections to one endpoint at most: above what a thread uses at a time they would only be memory.
const MAX_IDLE: usize = 512;

/// The idle connections of one thread; cloning shares them.
pub(super) struct Pool<B>(Rc<RefCell<HashMap<u64, Vec<Idle<B>>>>>);

struct Idle<B> {
    link: Link<B>,
    since: Instant,
}

/// A connection to a model. Dropping it closes the connection at once, whatever is still under way on it.
pub(super) struct Link<B> {
    pub(super) sender: SendRequest<B>,
    /// The task that reads and writes.
    pub(super) _driver: AbortOnDropHandle<()>,
}

impl<B> Pool<B> {
    pub(super) fn new() -> Self {
        Self(Rc::default())
    }

    /// Takes the most recently used connection that can carry a request now.
    pub(super) fn take(&self, key: u64) -> Option<Link<B>> {
        let mut pool = self.0.borrow_mut();
        let idle = pool.get_mut(&key)?;
        while let Some(Idle { link, since }) = idle.pop() {
            if link.sender.is_ready() && since.elapsed() < IDLE {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a connection for the next call.
    pub(super) fn put(&self, key: u64, link: Link<B>) {
        let mut pool = self.0.borrow_mut();
        let idle = pool.entry(key).or_default();
        if !link.sender.is_closed() && idle.len() < MAX_IDLE {
            idle.push(Idle { link, since: Instant::now() });
        }
    }

    /// Closes the idle connections of an endpoint: one turned out closed, and the others are of its age.
    pub(super) fn forget(&self, key: u64) {
        self.0.borrow_mut().remove(&key);
    }

    /// Closes what was unused for too long, and forgets endpoints without connections.
    pub(super) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, idle| {
            idle.retain(|Idle { link, since }| !link.sender.is_closed() && since.elapsed() < IDLE);
            !idle.is_empty()
        });
    }
}

impl<B> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
