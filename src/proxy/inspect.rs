//! A client's connection whose heads are looked at before HTTP reads them.
//!
//! HTTP's own reader hides or accepts forms that two readers could take for two different requests. A head with such
//! a form never reaches it: another takes its place, which no client can send, and its answer says what was wrong.
//! Nothing that follows is read. HTTP/2 has no such forms and passes unseen, as do tunnels.

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Buf;
use bytes::BytesMut;
use http::Method;
use http::Version;
use http::header;
use http::request::Parts;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::protocol::http1::Bounds;
use crate::protocol::http1::Malformed;
use crate::protocol::http1::Messages;
use crate::protocol::http1::RequestHead;
use crate::protocol::http1::STAND_IN;
use crate::protocol::http2::PREFACE;
use crate::proxy::limits::Limits;
use crate::proxy::parting::Breaks;
use crate::proxy::watch::Watch;

/// How much is read before the version is known: most requests whole.
const FIRST_READ: usize = 2048;

/// A stream that hands on whole heads only, each of them readable in one way.
#[derive(Debug)]
pub(super) struct Inspected<S> {
    stream: S,
    messages: Messages<RequestHead>,
    /// Looked at and not handed on yet.
    ready: BytesMut,
    /// The beginning of a head.
    begun: BytesMut,
    fault: Option<Malformed>,
}

/// What is wrong with a request that reached the handler, or with the one that it stands in for.
pub(super) fn fault(limits: &Limits, head: &Parts) -> Option<Malformed> {
    if head.method == Method::CONNECT {
        return Some(Malformed::Connect);
    }
    // HTTP/2 is not looked at before: its heads are bounded here, and every method is the client's own.
    if head.version == Version::HTTP_2 {
        return excess(limits, head).or_else(|| doubt(head));
    }
    if head.method.as_str() != STAND_IN {
        return None;
    }
    let reason = head.uri.path().trim_start_matches('/');
    Malformed::OF_REQUESTS.into_iter().find(|malformed| malformed.as_str() == reason)
}

fn excess(limits: &Limits, head: &Parts) -> Option<Malformed> {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.uri_bytes {
        return Some(Malformed::TargetTooLong);
    }
    (head.headers.len() > limits.header_count).then_some(Malformed::TooManyFields)
}

/// What HTTP/2 takes for one request and a model, in HTTP/1, perhaps for another.
fn doubt(head: &Parts) -> Option<Malformed> {
    if head.headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some() {
        return Some(Malformed::ContentLength);
    }
    (head.uri.path() == "*" && head.method != Method::OPTIONS).then_some(Malformed::FirstLine)
}

/// The head that takes a malformed one's place.
fn stand_in(malformed: Malformed) -> String {
    format!("{STAND_IN} /{} HTTP/1.1\r\nconnection: close\r\n\r\n", malformed.as_str())
}

impl<S: AsyncRead + Unpin> Inspected<S> {
    pub(super) fn new(stream: S, limits: &Limits) -> Self {
        let Limits { uri_bytes, header_bytes, header_count, .. } = *limits;
        let bounds = Bounds { target: uri_bytes, head: header_bytes, fields: header_count };
        Self {
            stream,
            messages: Messages::within(bounds),
            ready: BytesMut::new(),
            begun: BytesMut::new(),
            fault: None,
        }
    }

    /// Waits until the first bytes tell which version of HTTP the client speaks; an error at the end of the stream,
    /// and when the watch ends the wait.
    pub(super) async fn version(&mut self, watch: &Watch) -> io::Result<Version> {
        while self.begun.is_empty() || PREFACE.starts_with(&self.begun) && self.begun.len() < PREFACE.len() {
            poll_fn(|context| self.poll_begin(context, watch)).await?;
        }
        let version = if self.begun.starts_with(PREFACE) { Version::HTTP_2 } else { Version::HTTP_11 };
        if version == Version::HTTP_2 {
            self.messages.leave();
        }
        self.look();
        Ok(version)
    }

    /// Waits for the first byte of the next request, with nothing kept for it; an error as above. This is where an
    /// idle connection rests.
    pub(super) async fn rest(&mut self, watch: &Watch) -> io::Result<()> {
        if self.begun.is_empty() && self.ready.is_empty() {
            // Empty as they are, they may hold on to memory.
            (self.begun, self.ready) = (BytesMut::new(), BytesMut::new());
            poll_fn(|context| self.poll_begin(context, watch)).await?;
            self.look();
        }
        watch.heard();
        Ok(())
    }

    fn poll_begin(&mut self, context: &mut Context<'_>, watch: &Watch) -> Poll<io::Result<()>> {
        let mut room = [const { MaybeUninit::uninit() }; FIRST_READ];
        let mut buffer = ReadBuf::uninit(&mut room);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => watch.poll_patience(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => {
                watch.heard();
                self.begun.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Takes bytes back that were handed on and not read.
    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        let rest = std::mem::replace(&mut self.ready, BytesMut::from(bytes));
        self.ready.extend_from_slice(&rest);
    }

    /// Says whether something came of a request that HTTP was not shown yet.
    pub(super) fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Looks at what has begun and makes ready what can be handed on of it.
    fn look(&mut self) {
        let (passed, looked) = self.messages.pass(&self.begun);
        self.ready = self.begun.split_to(passed);
        if let Err(malformed) = looked {
            self.refuse(malformed);
        }
    }

    fn refuse(&mut self, malformed: Malformed) {
        self.fault = Some(malformed);
        self.begun.clear();
        if malformed != Malformed::Chunk {
            self.ready.extend_from_slice(stand_in(malformed).as_bytes());
        }
    }

    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..length]);
        self.ready.advance(length);
        if self.ready.is_empty() {
            // Gives the memory back: most connections need it for their first request alone.
            self.ready = BytesMut::new();
        }
    }

    /// Takes what was just read: trusted bytes stay where they are, a head's beginning is held back.
    fn sift(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let fresh = &buffer.filled()[before..];
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(fresh);
            buffer.set_filled(before);
            self.look();
            return;
        }
        let (passed, looked) = self.messages.pass(fresh);
        match looked {
            Ok(()) => self.begun.extend_from_slice(&fresh[passed..]),
            Err(malformed) => self.refuse(malformed),
        }
        buffer.set_filled(before + passed);
    }

    /// Says whether every request that has begun is here in full, and more may come.
    pub(super) fn is_between_requests(&self) -> bool {
        self.messages.is_between() && self.begun.is_empty() && self.ready.is_empty() && self.fault.is_none()
    }

    /// Says whether the connection serves HTTP/1 no longer, or never did.
    pub(super) fn is_left(&self) -> bool {
        self.messages.is_over()
    }

    /// Reads what nobody is to see.
    pub(super) fn poll_discard(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Inspected<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            if !self.ready.is_empty() {
                self.hand_on(buffer);
                return Poll::Ready(Ok(()));
            }
            match self.fault {
                Some(Malformed::Chunk) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Malformed::Chunk)));
                }
                // The answer to the stand-in closes the connection; an end of the stream would come before it.
                Some(_) => return Poll::Pending,
                None => {}
            }
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            self.sift(buffer, before);
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: Breaks> Breaks for Inspected<S> {
    fn break_off(&self) {
        self.stream.break_off();
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inspected<S> {
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
