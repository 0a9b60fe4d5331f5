//! A small HTTP client: one kept connection, one request at a time, as a user's application holds it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::header::HOST;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A client of one address.
#[derive(Debug)]
pub struct Client {
    addr: SocketAddr,
    connection: Option<Connection>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Received {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Says why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot connect to {addr}: {source}; is it still running?")]
    Connect {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke, or what came was no HTTP.
    #[error("the connection to {addr} broke: {source}")]
    Broken {
        /// The address.
        addr: SocketAddr,
        /// Why.
        source: hyper::Error,
    },
    /// A header cannot be sent.
    #[error("the request for {path} cannot be made: {source}")]
    Request {
        /// The path.
        path: String,
        /// Why.
        source: http::Error,
    },
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; a set of one task, because dropping a set ends its tasks.
    _driver: JoinSet<()>,
}

impl Received {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Client {
    /// A client of an address; it connects with its first request, and again when the connection was closed.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, connection: None }
    }

    /// Posts JSON and reads the whole answer. When this is dropped half-way, the connection is given up.
    pub async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Received, ClientError> {
        let builder = Request::post(path).header(HOST, self.addr.to_string());
        let builder = builder.header(CONTENT_TYPE, "application/json");
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        self.send(path, builder.body(body.to_string().into())).await
    }

    /// Gets a path and reads the whole answer.
    pub async fn get(&mut self, path: &str) -> Result<Received, ClientError> {
        let request = Request::get(path).header(HOST, self.addr.to_string()).body(Full::default());
        self.send(path, request).await
    }

    async fn send(
        &mut self,
        path: &str,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<Received, ClientError> {
        let addr = self.addr;
        let request = request.map_err(|source| ClientError::Request { path: path.to_owned(), source })?;
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.sender.is_closed() => connection,
            _ => Connection::open(addr).await?,
        };
        let received = connection.exchange(request).await;
        let received = received.map_err(|source| ClientError::Broken { addr, source })?;
        self.connection = Some(connection);
        Ok(received)
    }
}

impl Connection {
    async fn open(addr: SocketAddr) -> Result<Self, ClientError> {
        let stream =
            TcpStream::connect(addr).await.map_err(|source| ClientError::Connect { addr, source })?;
        // Only slower where it fails.
        let _ = stream.set_nodelay(true);
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|source| ClientError::Broken { addr, source })?;
        let mut set = JoinSet::new();
        // Its error is the error of the request under way, which is told there.
        set.spawn(async move { drop(driver.await) });
        Ok(Self { sender, _driver: set })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Received, hyper::Error> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Received { status: head.status, headers: head.headers, body })
    }
}
