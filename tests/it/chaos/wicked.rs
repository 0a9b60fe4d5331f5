//! Candidates that go wrong in every way that a socket knows, below HTTP and within it.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

use crate::rig::Asks;
use crate::rig::Authority;

/// How a candidate goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nobody listens.
    Gone,
    /// Its name leads nowhere.
    Nameless,
    /// It never accepts, and the system's queue for it is full, so that connecting takes for ever.
    BlackHole,
    /// It reads and never answers.
    Mute,
    /// It never reads.
    Deaf,
    /// It says what is no HTTP.
    Garbage,
    /// It resets the connection instead of an answer.
    Resets,
    /// It says 500.
    Fails,
    /// It sends a head and half a body, and no more.
    Stalls,
    /// It sends a byte of its answer a second.
    Drips,
    /// It breaks off in the middle of its body.
    Tears,
    /// It sends an answer of a gigabyte, and says so.
    Huge,
    /// It sends an answer without end.
    Endless,
    /// It answers a TLS handshake with what is none.
    NoTls,
    /// It never answers a TLS handshake.
    MuteTls,
    /// It breaks off in the middle of a TLS handshake.
    TornTls,
    /// It shows a certificate that nobody vouches for.
    Stranger,
}

impl Way {
    fn scheme(self) -> &'static str {
        match self {
            Way::NoTls | Way::MuteTls | Way::TornTls | Way::Stranger => "https",
            _ => "http",
        }
    }
}

/// A candidate that goes wrong; it ends when dropped.
pub(super) struct Wicked {
    pub(super) url: String,
    _listening: Option<AbortOnDropHandle<()>>,
    _queued: Option<(TcpListener, TcpStream)>,
}

const CHUNK: usize = 65_536;

impl Wicked {
    pub(super) async fn start(way: Way) -> Self {
        match way {
            Way::Gone => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                Self::nobody(format!("http://{}", listener.local_addr().unwrap()))
            }
            // RFC 6761, section 6.4: no name below `invalid` leads anywhere.
            Way::Nameless => Self::nobody("http://candidate.invalid:8080".to_owned()),
            Way::BlackHole => {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let listener = socket.listen(0).unwrap();
                let addr = listener.local_addr().unwrap();
                let queued = TcpStream::connect(addr).await.unwrap();
                Self { url: format!("http://{addr}"), _listening: None, _queued: Some((listener, queued)) }
            }
            way => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("{}://{}", way.scheme(), listener.local_addr().unwrap());
                let listening = TaskTracker::new().spawn(accept(listener, way));
                Self { url, _listening: Some(AbortOnDropHandle::new(listening)), _queued: None }
            }
        }
    }

    fn nobody(url: String) -> Self {
        Self { url, _listening: None, _queued: None }
    }
}

async fn accept(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            // However it ends, the gateway has hung up.
            let _ = serve(stream, way).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, way: Way) -> std::io::Result<()> {
    match way {
        Way::Deaf => return std::future::pending().await,
        Way::NoTls | Way::MuteTls | Way::TornTls | Way::Stranger => return shake_hands(stream, way).await,
        _ => {}
    }
    loop {
        read_request(&mut stream).await?;
        match way {
            Way::Mute => return std::future::pending().await,
            Way::Gone | Way::Nameless | Way::BlackHole | Way::Deaf => unreachable!("it has read a request"),
            Way::NoTls | Way::MuteTls | Way::TornTls | Way::Stranger => unreachable!("it speaks TLS"),
            Way::Garbage => stream.write_all(b"\x15\x03\x01\x00\x02\x02\x50 no HTTP at all\r\n\r\n").await?,
            Way::Resets => return stream.set_zero_linger(),
            Way::Fails => {
                let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nwrong";
                stream.write_all(answer).await?;
            }
            Way::Stalls => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegun").await?;
                return std::future::pending().await;
            }
            Way::Drips => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
                loop {
                    stream.write_all(b"x").await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Way::Tears => {
                return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegun").await;
            }
            Way::Huge => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await?;
                let chunk = vec![b'x'; CHUNK];
                for _ in 0..(1 << 30) / CHUNK {
                    stream.write_all(&chunk).await?;
                }
            }
            Way::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let chunk =
                    [format!("{CHUNK:x}\r\n").into_bytes(), vec![b'x'; CHUNK], b"\r\n".to_vec()].concat();
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
        }
    }
}

/// Lets a TLS handshake come to nothing.
async fn shake_hands(mut stream: TcpStream, way: Way) -> std::io::Result<()> {
    if way == Way::Stranger {
        let tls = TlsAcceptor::from(Authority::new().server(Asks::Nothing, &["h2", "http/1.1"]));
        // The gateway says what it thinks of it, and hangs up.
        return tls.accept(stream).await.map(drop);
    }
    stream.read_buf(&mut Vec::with_capacity(CHUNK)).await?;
    match way {
        Way::NoTls => stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?,
        // The beginning of a server's hello of 122 bytes.
        Way::TornTls => return stream.write_all(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03").await,
        _ => {}
    }
    std::future::pending().await
}

/// Reads one request with a `content-length`.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut read = Vec::new();
    let head = loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let rest = (head + length.unwrap_or(0)).saturating_sub(read.len());
    tokio::io::copy(&mut stream.take(rest as u64), &mut tokio::io::sink()).await?;
    Ok(())
}
