//! A request's body over HTTP/2, tied to the call that it belongs to.
//!
//! Over HTTP/1.1 a call that is given up takes its connection with it. An HTTP/2 connection lives on, so the body must
//! be told to end, or a model would be sent the rest of an upload that nobody waits for. The other way round the body
//! tells the call that it was the client who broke off, which HTTP/2's error does not say.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

/// The call's end of the tie. Dropping it ends the body.
pub(super) struct Tether(Rc<State>);

/// The body's end of the tie.
pub(super) struct Tethered<B> {
    body: B,
    state: Rc<State>,
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutShort {
    /// The call was given up.
    #[error("the call was given up")]
    GivenUp,
    /// The body itself broke off.
    #[error("the body broke off: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Default)]
struct State {
    given_up: Cell<bool>,
    broken: Cell<bool>,
    /// Who reads the body and waits for more of it.
    reader: Cell<Option<Waker>>,
}

impl<B> Tethered<B> {
    pub(super) fn new(body: B) -> (Tether, Self) {
        let state = Rc::new(State::default());
        (Tether(Rc::clone(&state)), Self { body, state })
    }

    pub(super) fn into_inner(self) -> B {
        self.body
    }
}

impl Tether {
    /// Says whether it was the body that broke off.
    pub(super) fn is_broken(&self) -> bool {
        self.0.broken.get()
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        self.0.given_up.set(true);
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }
}

impl<B> Body for Tethered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.state.given_up.get() {
            return Poll::Ready(Some(Err(CutShort::GivenUp)));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match polled {
            Poll::Pending => {
                self.state.reader.set(Some(context.waker().clone()));
                Poll::Pending
            }
            Poll::Ready(Some(Err(error))) => {
                self.state.broken.set(true);
                Poll::Ready(Some(Err(CutShort::Broken(error.into()))))
            }
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
