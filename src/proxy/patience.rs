//! A client's connection that does not wait for ever for a client who reads nothing.
//!
//! An answer that nobody reads holds its model's place: HTTP asks the model for no more of it, so none of the model's
//! deadlines passes. The write that makes no progress is the only sign, and here it becomes an error.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::time::Sleep;
use tokio::time::sleep;

use crate::proxy::limits::Limit;
use crate::proxy::parting::Breaks;
use crate::proxy::watch::Watchlist;

/// A stream whose writes fail when the other side takes nothing for as long as `limits.write_stall` says.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    list: Rc<Watchlist>,
    /// Made when a write first waits: most never do.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, list: Rc<Watchlist>) -> Self {
        Self { stream, list, stalled: None }
    }

    fn lose_patience<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let Self { stalled, list, .. } = self;
        let stalled = stalled.get_or_insert_with(|| Box::pin(sleep(list.limits().write_stall)));
        stalled.as_mut().poll(context).map(|()| {
            list.count(Limit::WriteStall);
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

impl<S: Breaks> Breaks for Patient<S> {
    fn break_off(&self) {
        self.stream.break_off();
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.lose_patience(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.lose_patience(context, written)
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

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
