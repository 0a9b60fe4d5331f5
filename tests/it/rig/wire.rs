//! A connection that a test speaks byte by byte, as a client or as a model.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// One end of a connection, and what it has read so far.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A model that a test plays itself.
#[derive(Debug)]
pub(crate) struct WireModel(TcpListener);

impl Wire {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.unwrap())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends a text and then a byte every few milliseconds until the other end says no more; gives what it said.
    pub(crate) async fn trickle(mut self, text: &str) -> String {
        self.send(text).await;
        let (mut reading, mut writing) = self.stream.split();
        let mut answer = Vec::new();
        let trickle = async {
            // The other end may take a little more after its last word.
            while writing.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            std::future::pending::<()>().await;
        };
        let read = async {
            // A reset is a close too.
            let _ = reading.read_to_end(&mut answer).await;
        };
        let done = timeout(PATIENCE, async {
            tokio::select! {
                () = trickle => {}
                () = read => {}
            }
        });
        assert!(done.await.is_ok(), "never closed");
        String::from_utf8(answer).unwrap()
    }

    /// Reads until the text so far satisfies the test, and gives all of it.
    pub(crate) async fn read_until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if enough(&text) {
                return text;
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
            let read = read.unwrap_or_else(|_| panic!("waited in vain after {text:?}"));
            assert!(read.is_ok_and(|bytes| bytes > 0), "the connection ended after {text:?}");
        }
    }

    /// Reads one message with a `content-length` and gives its text; the next call begins after it.
    pub(crate) async fn read_message(&mut self) -> String {
        let text = self.read_until(|text| message_bytes(text).is_some_and(|size| text.len() >= size)).await;
        let size = message_bytes(&text).unwrap();
        self.read.drain(..size);
        text[..size].to_owned()
    }

    /// Sends what the other end takes of it, which may be none when it has closed.
    pub(crate) async fn send_if_open(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// Sends no more, and goes on reading.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads to the other end's close, which must be a clean one, and gives everything that no message took.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await.expect("never closed");
        read.expect("the connection was reset");
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Reads to the other end's close, which must not be a clean one.
    pub(crate) async fn reset(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await.expect("never closed");
        let text = String::from_utf8_lossy(&self.read);
        assert!(read.is_err(), "the connection ended cleanly after {text:?}");
    }

    /// Waits until the other end closes.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is a close too.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("never closed");
    }
}

/// The size of the message that a text begins with, when its head is whole.
fn message_bytes(text: &str) -> Option<usize> {
    let head = text.find("\r\n\r\n")?;
    let length = text[..head].lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    Some(head + 4 + length.unwrap_or(0))
}

impl WireModel {
    pub(crate) async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        Self(listener)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The gateway's next connection.
    pub(crate) async fn accept(&self) -> Wire {
        let accepted = timeout(PATIENCE, self.0.accept()).await.expect("nobody connected");
        Wire::over(accepted.unwrap().0)
    }
}
