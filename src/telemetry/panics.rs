//! Panics stay where they happen: in one request, one copy, one record.
//!
//! A future that panicked is not polled again. What it held is dropped as if it had been cancelled.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::backtrace::Backtrace;
use std::backtrace::BacktraceStatus;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::Poll;

use crate::telemetry::Metrics;

/// Where a panic happened. A metric label, so the set is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// A user's request or its answer.
    Answer,
    /// A copy of a request.
    Copy,
    /// A record that was being made.
    Record,
    /// A request of an operator.
    Admin,
}

/// Something panicked; it was counted, and its place is in the log.
#[derive(Debug, thiserror::Error)]
#[error("a part of the gateway panicked")]
pub struct Panicked;

impl Plane {
    fn as_str(self) -> &'static str {
        match self {
            Plane::Answer => "answer",
            Plane::Copy => "copy",
            Plane::Record => "record",
            Plane::Admin => "admin",
        }
    }
}

/// Has every panic of the process logged, in one line like all else: where it happened, and what was said if that is a
/// fixed text. A text that was put together may hold what users sent. `RUST_BACKTRACE` adds how it came to it.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(a text with values)");
        match Backtrace::capture() {
            trace if trace.status() == BacktraceStatus::Captured => {
                tracing::error!(place, said, %trace, "a part of the gateway panicked");
            }
            _ => tracing::error!(place, said, "a part of the gateway panicked"),
        }
    }));
}

/// Does something; a panic in it is counted and becomes an error.
///
/// What the work changed by reference must bear being left half done, or not be looked at again.
pub fn contained<T>(plane: Plane, metrics: &Metrics, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| counted(plane, metrics, panic))
}

/// Runs a future to its end; a panic in it is counted and becomes an error.
pub async fn contained_future<F: Future>(
    plane: Plane,
    metrics: &Metrics,
    mut future: Pin<&mut F>,
) -> Result<F::Output, Panicked> {
    poll_fn(|context| match contained(plane, metrics, || future.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// Counts a panic that somebody else caught.
pub fn counted(plane: Plane, metrics: &Metrics, panic: Box<dyn Any + Send>) -> Panicked {
    // A payload whose own drop panics must not undo the catching.
    std::mem::forget(panic);
    metrics.panics.with_label_values(&[plane.as_str()]).inc();
    Panicked
}
