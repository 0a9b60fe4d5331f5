//! The frames of an HTTP/2 client, counted as they come in: those that ask for nothing have a budget.
//!
//! A few bytes of PING, SETTINGS or RST_STREAM cost the gateway more than they cost the client. h2 bounds what they
//! hold in memory, and stops floods of CONTINUATION and of small DATA frames; how many of the others come, and how
//! fast, is bounded here.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::protocol::http2::DATA;
use crate::protocol::http2::END_STREAM;
use crate::protocol::http2::FrameHead;
use crate::protocol::http2::Frames;
use crate::protocol::http2::HEADERS;
use crate::proxy::exchange::Streams;
use crate::proxy::limits::Limit;
use crate::proxy::watch::Watch;

/// Of its budget a connection gets this part back every second.
const REFILL: f64 = 0.1;

/// A connection whose incoming control frames have a budget. Beyond it, reading fails.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    frames: Frames,
    budget: Budget,
}

/// What a client may still send, and when that was last reckoned.
#[derive(Debug)]
struct Budget {
    watch: Rc<Watch>,
    streams: Rc<Streams>,
    left: f64,
    reckoned: Duration,
}

/// Says whether a frame asks for nothing: anything but a head, and data that are some.
fn is_control(frame: FrameHead) -> bool {
    match frame.kind {
        DATA => frame.length == 0 && frame.flags & END_STREAM == 0,
        kind => kind != HEADERS,
    }
}

impl Budget {
    /// Takes so many frames off; an error when there are not as many left.
    fn spend(&mut self, frames: u32) -> io::Result<()> {
        if frames == 0 {
            return Ok(());
        }
        let list = self.watch.list();
        let most = f64::from(list.limits().control_frames);
        let refill = (list.now() - self.reckoned).as_secs_f64() * REFILL * most;
        self.reckoned = list.now();
        let earned = f64::from(self.streams.take_earned());
        self.left = (self.left + refill + earned).min(most) - f64::from(frames);
        if self.left >= 0.0 {
            return Ok(());
        }
        list.count(Limit::ControlFrames);
        Err(io::Error::other("too many control frames"))
    }
}

impl<S> Metered<S> {
    /// Meters a connection from its first byte on.
    pub(super) fn new(stream: S, watch: &Rc<Watch>, streams: &Rc<Streams>) -> Self {
        let list = watch.list();
        let (left, reckoned) = (f64::from(list.limits().control_frames), list.now());
        let budget = Budget { watch: Rc::clone(watch), streams: Rc::clone(streams), left, reckoned };
        Self { stream, frames: Frames::of_client(), budget }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Self { stream, frames, budget } = &mut *self;
        let polled = Pin::new(stream).poll_read(context, buffer);
        match polled {
            Poll::Ready(Ok(())) => {
                Poll::Ready(budget.spend(frames.count(&buffer.filled()[before..], is_control)))
            }
            polled => polled,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
