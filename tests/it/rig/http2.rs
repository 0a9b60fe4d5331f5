//! An HTTP/2 client whose frames a test writes byte by byte, to do what no library would.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a test waits for a frame that must come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// One connection, its preface and settings sent.
pub(crate) struct Frames {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![high, middle, low, kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One setting.
pub(crate) fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A field as a literal that is not indexed (RFC 7541, section 6.2.2).
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        length(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn length(bytes: &mut Vec<u8>, length: usize) {
    if length < 127 {
        return bytes.push(length as u8);
    }
    bytes.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// The fields of a request to a path.
pub(crate) fn request_fields(method: &str, path: &str) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
    pseudo.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The head of a request.
pub(crate) fn request_head(stream: u32, flags: u8, method: &str, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &request_fields(method, path))
}

impl Frames {
    pub(crate) async fn connect(addr: SocketAddr, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await.unwrap();
        Self { stream, read: Vec::new() }
    }

    /// The model's side of the gateway's next connection: the preface read, the settings sent.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.expect("nobody connected").unwrap();
        stream.set_nodelay(true).unwrap();
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.unwrap();
        assert_eq!(preface, PREFACE);
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends the same again and again until the other end closes.
    pub(crate) async fn flood(mut self, bytes: &[u8]) {
        let (mut reading, mut writing) = self.stream.split();
        let read = async {
            let mut sink = vec![0; 64 * 1024];
            while reading.read(&mut sink).await.is_ok_and(|bytes| bytes > 0) {}
        };
        let write = async { while writing.write_all(bytes).await.is_ok() {} };
        let flooded = timeout(PATIENCE, async { tokio::join!(read, write) });
        assert!(flooded.await.is_ok(), "a flood was taken in without end");
    }

    /// The next frame; `None`: the other end closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(size) = frame_size(&self.read)
                && self.read.len() >= size
            {
                let rest = self.read.split_off(size);
                let bytes = std::mem::replace(&mut self.read, rest);
                let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
                return Some(Frame { kind: bytes[3], flags: bytes[4], stream, payload: bytes[9..].to_vec() });
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
            if !read.expect("waited in vain for a frame").is_ok_and(|bytes| bytes > 0) {
                return None;
            }
        }
    }

    /// The next frame of this kind for this stream; others are passed over.
    pub(crate) async fn next_of(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("closed before {kind} for {stream}"));
            if (frame.kind, frame.stream) == (kind, stream) {
                return frame;
            }
        }
    }

    /// Waits until the other end closes.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

fn frame_size(bytes: &[u8]) -> Option<usize> {
    let [high, middle, low, ..] = *bytes.first_chunk::<9>()?;
    Some(9 + (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)))
}
