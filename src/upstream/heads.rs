//! A model's HTTP/2 connection on which heads are counted: those of answers are as many as requests ask for.
//!
//! Before its answer a model may send interim ones, which are consumed. HTTP/1 looks at each and bounds them; HTTP/2's own
//! reader takes in as many as come, and a model that sends them without end keeps the thread from its users.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::protocol::http1::MAX_INTERIM;
use crate::protocol::http1::Malformed;
use crate::protocol::http2::Frames;
use crate::protocol::http2::HEADERS;

/// Heads that may answer one request: its interim answers, its answer, its trailers.
const HEADS_A_REQUEST: u32 = MAX_INTERIM as u32 + 2;

/// Heads that may come at most, however many requests were answered by fewer: so many calls can never be under way
/// on one connection that their answers need more.
const MOST: u32 = 1024 * HEADS_A_REQUEST;

/// A stream that fails when more heads come than were asked for.
#[derive(Debug)]
pub(super) struct Heads<S> {
    stream: S,
    asked: Frames,
    answered: Frames,
    allowed: u32,
}

impl<S> Heads<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, asked: Frames::of_client(), answered: Frames::of_server(), allowed: 0 }
    }

    fn wrote(&mut self, bytes: &[u8]) {
        let requests = self.asked.count(bytes, |frame| frame.kind == HEADERS);
        self.allowed = requests.saturating_mul(HEADS_A_REQUEST).saturating_add(self.allowed).min(MOST);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = self.answered.count(&buffer.filled()[before..], |frame| frame.kind == HEADERS);
        Poll::Ready(match self.allowed.checked_sub(came) {
            Some(allowed) => {
                self.allowed = allowed;
                Ok(())
            }
            None => Err(io::Error::new(io::ErrorKind::InvalidData, Malformed::Interim)),
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wrote(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let taken = left.min(slice.len());
            self.wrote(&slice[..taken]);
            left -= taken;
        }
        Poll::Ready(Ok(written))
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
