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

use hyper::client::conn::http1::SendRequest;

/// Idle connections to one endpoint at most: above what a thread uses at a time they would only be memory.
const MAX_IDLE: usize = 512;

/// The idle connections of one thread; cloning shares them.
pub(super) struct Pool<B>(Rc<RefCell<HashMap<u64, Idle<B>>>>);

/// The idle connections to one endpoint.
struct Idle<B> {
    /// The one that was used last at the end.
    senders: Vec<SendRequest<B>>,
    /// The fewest that were left at any time since the last sweep: so many had no use.
    unused: usize,
}

impl<B> Pool<B> {
    pub(super) fn new() -> Self {
        Self(Rc::default())
    }

    /// Takes the most recently used connection that can carry a request now.
    pub(super) fn take(&self, key: u64) -> Option<SendRequest<B>> {
        let mut pool = self.0.borrow_mut();
        let Idle { senders, unused } = pool.get_mut(&key)?;
        while let Some(sender) = senders.pop() {
            *unused = senders.len().min(*unused);
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    /// Keeps a connection for the next call.
    pub(super) fn put(&self, key: u64, sender: SendRequest<B>) {
        let mut pool = self.0.borrow_mut();
        let idle = pool.entry(key).or_insert_with(|| Idle { senders: Vec::new(), unused: 0 });
        if !sender.is_closed() && idle.senders.len() < MAX_IDLE {
            idle.senders.push(sender);
        }
    }

    /// Closes what had no use since the last sweep, and forgets endpoints without connections.
    pub(super) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, Idle { senders, unused }| {
            senders.drain(..(*unused).min(senders.len()));
            senders.retain(|sender| !sender.is_closed());
            senders.shrink_to_fit();
            *unused = senders.len();
            !senders.is_empty()
        });
    }
}

impl<B> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
