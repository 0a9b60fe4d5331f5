//! A model's connection whose answers are looked at as they come.
//!
//! What could be read in two ways is that model's failure and reaches nobody: HTTP's own reader would pass on some
//! of it in other words. Bytes that no request asked for end the connection before anybody can take them for theirs.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::protocol::http1::AnswerHead;
use crate::protocol::http1::Malformed;
use crate::protocol::http1::Messages;

/// A stream that fails where its answers cannot be trusted.
#[derive(Debug)]
pub(super) struct Checked<S> {
    stream: S,
    messages: Messages<AnswerHead>,
    /// The beginning of a head that is not whole yet; it was handed on already.
    begun: Vec<u8>,
    fault: Option<Malformed>,
}

impl<S> Checked<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, messages: Messages::default(), begun: Vec::new(), fault: None }
    }

    /// Looks at what was just read and says how much of it can be trusted.
    fn look(&mut self, fresh: &[u8]) -> usize {
        if self.begun.is_empty() {
            let (passed, looked) = self.messages.pass(fresh);
            self.fault = looked.err();
            if self.fault.is_some() {
                return passed;
            }
            self.begun.extend_from_slice(&fresh[passed..]);
            return fresh.len();
        }
        let before = self.begun.len();
        self.begun.extend_from_slice(fresh);
        let (passed, looked) = self.messages.pass(&self.begun);
        self.fault = looked.err();
        self.begun.drain(..passed);
        if self.fault.is_some() { passed.saturating_sub(before) } else { fresh.len() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.fault.is_none() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            let trusted = self.look(&buffer.filled()[before..]);
            buffer.set_filled(before + trusted);
        }
        match self.fault {
            // The good bytes first: an answer that is whole is its user's, whatever follows it.
            Some(fault) if buffer.filled().len() == before => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.messages.ask(bytes);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.messages.ask(slices.first().map_or(&[], |slice| slice));
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
