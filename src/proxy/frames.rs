//! The frames of an HTTP/2 client, counted as they come in: those that ask for nothing have a budget.
//!
//! A few bytes of PING, SETTINGS or RST_STREAM cost the gateway more than they cost the client. h2 bounds what they
//! hold in memory, and stops floods of CONTINUATION and of small DATA frames; how many of the others come, and how
//! fast, is bounded here. Payloads are skipped, not read.

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

use crate::proxy::exchange::Streams;
use crate::proxy::inspect::PREFACE;
use crate::proxy::limits::Limit;
use crate::proxy::watch::Watch;

/// The length of a frame's head (RFC 9113, section 4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
/// Of its budget a connection gets this part back every second.
const REFILL: f64 = 0.1;

/// Cuts bytes into frames and counts those that carry no part of a request.
#[derive(Debug)]
struct FrameCount {
    /// Bytes to pass before the next head begins: of the preface at first, then of a payload.
    skip: usize,
    head: [u8; HEAD],
    head_bytes: usize,
}

/// A connection whose incoming control frames have a budget. Beyond it, reading fails.
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    count: FrameCount,
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

impl FrameCount {
    fn new() -> Self {
        Self { skip: PREFACE.len(), head: [0; HEAD], head_bytes: 0 }
    }

    /// Passes bytes on and says how many control frames began in them.
    fn pass(&mut self, mut bytes: &[u8]) -> u32 {
        let mut control = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEAD - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..self.head_bytes + taken].copy_from_slice(&bytes[..taken]);
            self.head_bytes += taken;
            bytes = &bytes[taken..];
            if self.head_bytes == HEAD {
                control += u32::from(self.is_control());
                let [high, middle, low, ..] = self.head;
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.head_bytes = 0;
            }
        }
        control
    }

    /// Says whether the frame asks for nothing: anything but a head, and data that are some.
    fn is_control(&self) -> bool {
        let [high, middle, low, kind, flags, ..] = self.head;
        match kind {
            DATA => [high, middle, low] == [0, 0, 0] && flags & END_STREAM == 0,
            HEADERS => false,
            _ => true,
        }
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
        Self { stream, count: FrameCount::new(), budget }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Self { stream, count, budget } = &mut *self;
        let polled = Pin::new(stream).poll_read(context, buffer);
        match polled {
            Poll::Ready(Ok(())) => Poll::Ready(budget.spend(count.pass(&buffer.filled()[before..]))),
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
