//! Idle connections of one thread, by endpoint, the most recently used first.
//!
//! A connection comes back when its request and its answer have both passed whole. A call takes it out again or
//! makes a new one; what nobody had use for between two sweeps is closed, so that a burst leaves nothing behind and a
//! model's own idle timeout rarely meets a request. No clock is read for it.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use hyper::client::conn::http1::SendRequest;
use tokio_util::task::AbortOnDropHandle;

use crate::upstream::Bell;

/// Idle connections to one endpoint at most: above what a thread uses at a time they would only be memory.
const MAX_IDLE: usize = 512;

/// The idle connections of one thread; cloning shares them.
pub(super) struct Pool<B>(Rc<RefCell<HashMap<u64, Idle<B>>>>);

/// The idle connections to one endpoint.
struct Idle<B> {
    /// The one that was used last at the end.
    links: Vec<Link<B>>,
    /// The fewest that were left at any time since the last sweep: so many had no use.
    unused: usize,
}

/// A connection to a model. Dropping it closes the connection at once, whatever is still under way on it.
pub(super) struct Link<B> {
    pub(super) sender: SendRequest<B>,
    /// What the connection's task wakes by.
    pub(super) bell: Arc<Bell>,
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
        let Idle { links, unused } = pool.get_mut(&key)?;
        while let Some(link) = links.pop() {
            *unused = links.len().min(*unused);
            if link.sender.is_ready() {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a connection for the next call.
    pub(super) fn put(&self, key: u64, link: Link<B>) {
        let mut pool = self.0.borrow_mut();
        let idle = pool.entry(key).or_insert_with(|| Idle { links: Vec::new(), unused: 0 });
        if !link.sender.is_closed() && idle.links.len() < MAX_IDLE {
            idle.links.push(link);
        }
    }

    /// Closes the idle connections of an endpoint: one turned out closed, and the others are of its age.
    pub(super) fn forget(&self, key: u64) {
        self.0.borrow_mut().remove(&key);
    }

    /// Closes what had no use since the last sweep, and forgets endpoints without connections.
    pub(super) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, Idle { links, unused }| {
            links.drain(..(*unused).min(links.len()));
            links.retain(|link| !link.sender.is_closed());
            links.shrink_to_fit();
            *unused = links.len();
            !links.is_empty()
        });
    }
}

impl<B> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
