//! A client of the gateway that shows everything it got.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

/// The host that requests name unless they say otherwise.
const HOST: &str = "models.example";

/// One connection to a gateway.
pub(crate) struct Client {
    sender: Sender,
    host: &'static str,
    /// The certificate that the other side showed.
    pub(crate) shown: Option<CertificateDer<'static>>,
    _connection: AbortOnDropHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Sending>),
    Http2(http2::SendRequest<Sending>),
}

/// The body of a request: whole, or frame by frame as a test says them.
#[derive(Debug)]
pub(crate) enum Sending {
    Whole(Full<Bytes>),
    Frames(mpsc::Receiver<Bytes>),
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// A request with headers and a body.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", HOST);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

impl Client {
    pub(crate) async fn http1(addr: SocketAddr) -> Self {
        Self::over_http1(TcpStream::connect(addr).await.unwrap()).await
    }

    pub(crate) async fn http2(addr: SocketAddr) -> Self {
        Self::over_http2(TcpStream::connect(addr).await.unwrap()).await
    }

    /// Over TLS, in the HTTP that both sides agree on; the error is the handshake's.
    pub(crate) async fn tls(addr: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        let name = ServerName::from(addr.ip());
        let mut stream = TlsConnector::from(config).connect(name, stream).await?;
        let session = stream.get_ref().1;
        let shown = session.peer_certificates().map(|chain| chain[0].clone());
        if session.alpn_protocol() == Some(b"h2") {
            return Ok(Self { shown, ..Self::over_http2(stream).await });
        }
        // In TLS 1.3 a refusal of the client's certificate comes after the handshake.
        stream.flush().await?;
        Ok(Self { shown, ..Self::over_http1(stream).await })
    }

    async fn over_http1<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let task = TaskTracker::new().spawn(async move { drop(connection.await) });
        Self::new(Sender::Http1(sender), task)
    }

    async fn over_http2<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        let task = TaskTracker::new().spawn(async move { drop(connection.await) });
        Self::new(Sender::Http2(sender), task)
    }

    fn new(sender: Sender, task: JoinHandle<()>) -> Self {
        Self { sender, host: HOST, shown: None, _connection: AbortOnDropHandle::new(task) }
    }

    /// Sends a request and gives the answer as soon as its head is here. Over HTTP/2 the target alone names the host.
    pub(crate) async fn head(
        &mut self,
        request: Request<impl Into<Sending>>,
    ) -> hyper::Result<Response<Incoming>> {
        let mut request = request.map(Into::into);
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                let host = request.headers_mut().remove("host");
                if let Some(host) = host.filter(|_| request.uri().authority().is_none()) {
                    let target = format!("http://{}{}", host.to_str().unwrap(), request.uri());
                    *request.uri_mut() = target.parse().unwrap();
                }
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Sends a request and reads the whole answer; the error says that it ended torn.
    pub(crate) async fn try_send(&mut self, request: Request<impl Into<Sending>>) -> hyper::Result<Got> {
        let (head, body) = self.head(request).await?.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Got { status: head.status, headers: head.headers, body: body.to_bytes(), trailers })
    }

    pub(crate) async fn send(&mut self, request: Request<impl Into<Sending>>) -> Got {
        self.try_send(request).await.unwrap()
    }

    /// The same client, naming this host in what [`Client::get`] and [`Client::post`] send.
    pub(crate) fn naming(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Got {
        self.ask("GET", path, &[], "").await
    }

    pub(crate) async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        self.ask("POST", path, headers, body).await
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = request(method, path, headers, body);
        request.headers_mut().insert("host", HeaderValue::from_static(self.host));
        self.send(request).await
    }
}

impl From<Full<Bytes>> for Sending {
    fn from(whole: Full<Bytes>) -> Self {
        Sending::Whole(whole)
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Sending::Whole(whole) => Pin::new(whole).poll_frame(context),
            Sending::Frames(frames) => {
                frames.poll_recv(context).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Sending::Whole(whole) => whole.is_end_stream(),
            Sending::Frames(frames) => frames.is_closed() && frames.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sending::Whole(whole) => whole.size_hint(),
            Sending::Frames(_) => SizeHint::default(),
        }
    }
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
