//! An answer's body on its way from the model: its frames, its deadlines, and its connection's return to the pool.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio::time::sleep_until;

use crate::upstream::Deadlines;
use crate::upstream::Permit;
use crate::upstream::muffled;
use crate::upstream::pool::Link;
use crate::upstream::pool::Pool;
use crate::upstream::streams::Stream;
use crate::vocab::Fate;

/// The body of one answer.
///
/// Its error is how the leg ended: [`Fate::Timeout`] or [`Fate::Truncated`]. Read to its end, it gives its
/// connection back; dropped earlier, it closes it, or over HTTP/2 its stream alone.
#[derive(Debug)]
pub struct AnswerBody<B> {
    incoming: Incoming,
    lease: Option<Lease<B>>,
    deadlines: Deadlines,
    /// Made when a frame is first waited for: most answers are whole before anybody waits.
    timer: Option<Pin<Box<Sleep>>>,
    has_trailers: bool,
}

/// What an answer holds until its end.
pub(super) struct Lease<B> {
    pub(super) permit: Permit,
    pub(super) line: Line<B>,
}

/// What an answer comes over.
pub(super) enum Line<B> {
    /// A connection of its own, and where it goes back to.
    Http1 { link: Link<B>, pool: Pool<B> },
    /// A part of a connection.
    Http2(Stream<B>),
}

impl<B> AnswerBody<B> {
    pub(super) fn new(incoming: Incoming, lease: Lease<B>, deadlines: Deadlines) -> Self {
        Self { incoming, lease: Some(lease), deadlines, timer: None, has_trailers: false }
    }

    /// The next frame, or `None` at the end.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, Fate>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_frame(context)).await
    }

    /// Gives the connection back as soon as the last byte is here; a body of known length may never be asked for
    /// its end.
    pub(super) fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(Lease { permit, line: Line::Http1 { link, pool } }) = self.lease.take() {
            // Not ready means that the request is still being sent: an answer that came early, or a close. The rest
            // of such a request goes nowhere.
            if link.sender.is_ready() {
                pool.put(permit.pool_key(), link);
            }
        }
    }

    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Self { incoming, lease, .. } = self;
        let Some(Lease { line: Line::Http1 { link, .. }, .. }) = lease else {
            return Pin::new(incoming).poll_frame(context);
        };
        let polled = muffled(|| Pin::new(&mut *incoming).poll_frame(context));
        if polled.is_ready() && !incoming.is_end_stream() {
            link.bell.wake_by_ref();
        }
        polled
    }

    /// Says whether the end that HTTP tells is that of the answer. Over HTTP/2 it says the same of a stream that the
    /// model has reset and does not call an error, which it may do after the answer's end, and before it.
    fn has_ended(&self) -> bool {
        let Some(Lease { line: Line::Http2(_), .. }) = &self.lease else { return true };
        self.incoming.is_end_stream() || self.has_trailers || self.incoming.size_hint().exact() == Some(0)
    }

    fn hear(&self) {
        if let Some(Lease { line: Line::Http2(stream), .. }) = &self.lease {
            stream.hear();
        }
    }

    fn give_up(&mut self) {
        if let Some(Lease { line: Line::Http2(stream), .. }) = self.lease.take() {
            stream.give_up();
        }
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Self { timer, deadlines, .. } = self;
        let due = || deadlines.total.min(Instant::now() + deadlines.idle);
        timer.get_or_insert_with(|| Box::pin(sleep_until(due()))).as_mut().poll(context)
    }
}

impl<B> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        match self.poll_incoming(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.timer = None;
                self.has_trailers |= frame.is_trailers();
                self.hear();
                self.release_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                self.lease = None;
                Poll::Ready(Some(Err(Fate::Truncated)))
            }
            Poll::Ready(None) if !self.has_ended() => {
                self.lease = None;
                Poll::Ready(Some(Err(Fate::Truncated)))
            }
            Poll::Ready(None) => {
                self.release();
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_deadline(context).map(|()| {
                self.give_up();
                Some(Err(Fate::Timeout))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl<B> std::fmt::Debug for Lease<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("permit", &self.permit).finish_non_exhaustive()
    }
}
