//! How an HTTP/1 connection ends: whoever closes only their sending side still gets their answer, and a last answer
//! is not lost with what its client still sends.
//!
//! TCP tells nobody whether a client that has sent its last byte left or listens. What is written to it tells: the
//! system of one that has left says so, and the next write fails. So while its answer is not here, a client is sent an
//! interim one now and then, which means nothing and which every client overlooks (RFC 9110, section 15.2). One of
//! HTTP/1.0, which knows none, is given a moment. And a socket that is closed while bytes arrive makes the system throw away what
//! was sent: so the gateway closes its own side first and reads away what comes until the client closes too, within a
//! bound (RFC 9112, section 9.6).

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use http::Version;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::proxy::inspect::Inspected;
use crate::proxy::watch::Watch;

/// How long a client that has closed its sending side may wait for the first byte of its answer when it cannot be asked
/// whether it listens. Most such clients have left, and their model works for nobody.
const LISTENS: Duration = Duration::from_secs(2);

/// When such a client is first asked. So much later it is asked again, which is when one that has left is found out;
/// then the time doubles each time.
const ASKS: Duration = Duration::from_secs(1);

/// Asks whether a client listens. Of all interim answers it is the one that old clients know too.
const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a client may take to close after the gateway did.
const LINGERS: Duration = Duration::from_secs(5);

/// How much it may send until then, in bytes.
const LINGER_BYTES: u64 = 16 * 1024 * 1024;

/// A stream that ends gently.
#[derive(Debug)]
pub(super) struct Parting<S> {
    stream: Inspected<S>,
    watch: Rc<Watch>,
    client: ClientSide,
    /// Whether the last write had to wait.
    blocked: bool,
    /// Whether the client was waited for since it was last written to: it has got what it was sent.
    rests: bool,
    lingering: Option<Lingering>,
}

/// What is known of the client's end.
#[derive(Debug)]
enum ClientSide {
    Sends,
    /// It sends no more.
    Quiet(Quiet),
    /// It was written to since: if it has left, a later write fails.
    WrittenTo,
}

/// A client that sends no more, and has got nothing since.
#[derive(Debug)]
struct Quiet {
    time: Pin<Box<Sleep>>,
    since: Instant,
    /// Whether it was asked if it listens.
    asked: bool,
}

#[derive(Debug)]
struct Lingering {
    time: Pin<Box<Sleep>>,
    bytes_left: u64,
}

/// A connection that can be made to end as broken, and not as ended: what was sent and not taken is lost.
pub(super) trait Breaks {
    /// Lets it do so when it is dropped.
    fn break_off(&self);
}

/// Closes a connection that HTTP has let go of, as gently.
pub(super) async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = timeout(LINGERS, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    })
    .await;
}

impl Breaks for TcpStream {
    fn break_off(&self) {
        // Where it fails the connection is broken already.
        let _ = self.set_zero_linger();
    }
}

impl<S: Breaks> Breaks for TlsStream<S> {
    fn break_off(&self) {
        self.get_ref().0.break_off();
    }
}

impl<S: Breaks> Breaks for Parting<S> {
    fn break_off(&self) {
        self.stream.break_off();
    }
}

impl<S: AsyncRead + Unpin> Parting<S> {
    pub(super) fn new(stream: Inspected<S>, watch: Rc<Watch>) -> Self {
        Self { stream, watch, client: ClientSide::Sends, blocked: false, rests: true, lingering: None }
    }

    /// Waits as [`Inspected::version`] does.
    pub(super) async fn version(&mut self) -> io::Result<Version> {
        self.stream.version(&self.watch).await
    }

    /// The stream without the gentle end, for HTTP/2, which has its own.
    pub(super) fn into_inspected(self) -> Inspected<S> {
        self.stream
    }

    /// Waits for the next request as [`Inspected::rest`] does.
    pub(super) async fn rest(&mut self) -> io::Result<()> {
        self.stream.rest(&self.watch).await
    }

    /// Takes bytes back that HTTP has not read.
    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        self.stream.take_back(bytes);
    }

    fn wrote<T>(&mut self, written: Poll<T>) -> Poll<T> {
        self.watch.set_unsent(true);
        self.blocked = written.is_pending();
        self.rests = false;
        if matches!(self.client, ClientSide::Quiet(_)) {
            self.client = ClientSide::WrittenTo;
        }
        written
    }

    /// Reads away what still comes.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, lingering, .. } = self;
        let Lingering { time, bytes_left } = lingering
            .get_or_insert_with(|| Lingering { time: Box::pin(sleep(LINGERS)), bytes_left: LINGER_BYTES });
        let mut bytes = [0; 8 * 1024];
        while *bytes_left > 0 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match stream.poll_discard(context, &mut buffer) {
                Poll::Pending => return time.as_mut().poll(context).map(Ok),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *bytes_left = bytes_left.saturating_sub(buffer.filled().len() as u64);
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Parting<S> {
    /// Holds the end of the stream back while an answer is owed and the client may listen for it.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let owed = self.stream.is_between_requests() && (self.watch.is_serving() || self.blocked);
        if !owed {
            return Poll::Ready(Ok(()));
        }
        if matches!(self.client, ClientSide::Sends) {
            self.client = ClientSide::Quiet(Quiet::new());
        }
        let Self { stream, watch, client: ClientSide::Quiet(quiet), .. } = self else { return Poll::Pending };
        loop {
            ready!(quiet.time.as_mut().poll(context));
            if watch.may_send_interim() {
                if !asked(&mut *stream, context) {
                    return Poll::Ready(Ok(()));
                }
                quiet.asked = true;
            } else if !quiet.asked && quiet.since.elapsed() >= LISTENS {
                return Poll::Ready(Ok(()));
            }
            quiet.wait_on();
        }
    }
}

impl Quiet {
    fn new() -> Self {
        Self { time: Box::pin(sleep(ASKS)), since: Instant::now(), asked: false }
    }

    /// Waits as long again as it was waited.
    fn wait_on(&mut self) {
        let waited = self.since.elapsed();
        self.time.as_mut().reset(Instant::now() + waited);
    }
}

/// Asks a client whether it listens; `false`: it has left.
fn asked(mut stream: impl AsyncWrite + Unpin, context: &mut Context<'_>) -> bool {
    match Pin::new(&mut stream).poll_write(context, INTERIM) {
        Poll::Ready(Ok(written)) if written == INTERIM.len() => {
            !matches!(Pin::new(&mut stream).poll_flush(context), Poll::Ready(Err(_)))
        }
        // Half of it said, nothing else can be.
        Poll::Ready(_) => false,
        Poll::Pending => true,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Parting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before || self.stream.has_begun() {
            self.watch.heard();
        }
        if read.is_pending() {
            self.rests = !self.watch.is_serving() && self.stream.is_between_requests();
        }
        ready!(read)?;
        if buffer.filled().len() > before { Poll::Ready(Ok(())) } else { self.poll_end(context) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Parting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called when HTTP has nothing left to write, and not before.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch.set_unsent(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.closes();
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if self.stream.is_left() || self.rests {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_linger(context)
    }
}
