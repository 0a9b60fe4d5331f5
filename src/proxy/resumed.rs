//! A connection that goes on from bytes read before, and notes what passes for the watch over it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use bytes::Buf;
use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::proxy::watch::Watch;

/// A stream whose first bytes are here already.
#[derive(Debug)]
pub(super) struct Resumed<S> {
    /// Read before and not taken up yet.
    pub(super) ahead: Bytes,
    pub(super) stream: S,
    /// Who is told of what passes; nobody for HTTP/2, where not every byte belongs to a request.
    watch: Option<Rc<Watch>>,
}

impl<S> Resumed<S> {
    pub(super) fn new(stream: S, ahead: Bytes, watch: Option<Rc<Watch>>) -> Self {
        Self { ahead, stream, watch }
    }

    fn set_unsent(&self, unsent: bool) {
        if let Some(watch) = &self.watch {
            watch.set_unsent(unsent);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Resumed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let before = buffer.filled().len();
            let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
            if let Some(watch) = self.watch.as_ref().filter(|_| buffer.filled().len() > before) {
                watch.heard();
            }
            return polled;
        }
        let size = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..size]);
        self.ahead.advance(size);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Resumed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.set_unsent(true);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.set_unsent(true);
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called when HTTP has nothing left to write, and not before.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.set_unsent(polled.is_pending());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
