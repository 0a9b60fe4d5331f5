//! A connection's waker that can be muffled while something is taken from the connection.
//!
//! hyper hands a body over through a channel that wakes the connection's task for each piece that is taken, also when
//! there is nothing left to do for it. Of most messages, whose one piece is there at once, that would be a third of all
//! turns: of a request's body for the client's connection, of an answer's for the model's. Taken with the bell
//! muffled, the last piece costs no turn. Whoever muffles it must ring if the connection has more to hand over.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

thread_local! {
    /// Of the thread, so that a bell that another one rings meanwhile is always heard.
    static MUFFLED: Cell<bool> = const { Cell::new(false) };
}

/// What rings for a connection: its socket, channels, timers.
#[derive(Debug)]
pub struct Bell(Mutex<Waker>);

/// Does something during which no bell rings that this thread would ring.
pub fn muffled<T>(quietly: impl FnOnce() -> T) -> T {
    let _ends = Muffling::begin();
    quietly()
}

/// Ends with a panic too, which takes one request along and no other.
struct Muffling;

impl Muffling {
    fn begin() -> Self {
        MUFFLED.set(true);
        Self
    }
}

impl Drop for Muffling {
    fn drop(&mut self) {
        MUFFLED.set(false);
    }
}

impl Bell {
    /// A bell that nobody hears yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waker::noop().clone())))
    }

    /// Lets the task hear it that polls in this context.
    pub fn heard_by(&self, context: &Context<'_>) {
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.will_wake(context.waker()) {
            task.clone_from(context.waker());
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !MUFFLED.get() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
        }
    }
}
