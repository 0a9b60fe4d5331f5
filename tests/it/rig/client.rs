//! A client of the gateway that shows everything it got.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

/// The host that requests name unless they say otherwise.
const HOST: &str = "models.example";

/// One connection to a gateway.
pub(crate) struct Client {
    sender: Sender,
    host: &'static str,
    _connection: AbortOnDropHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
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
        let stream = TcpStream::connect(addr).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let task = TaskTracker::new().spawn(async move { drop(connection.await) });
        Self { sender: Sender::Http1(sender), host: HOST, _connection: AbortOnDropHandle::new(task) }
    }

    pub(crate) async fn http2(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.unwrap();
        let task = TaskTracker::new().spawn(async move { drop(connection.await) });
        Self { sender: Sender::Http2(sender), host: HOST, _connection: AbortOnDropHandle::new(task) }
    }

    /// Sends a request and gives the answer as soon as its head is here. Over HTTP/2 the target alone names the host.
    pub(crate) async fn head(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
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
    pub(crate) async fn try_send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Got> {
        let (head, body) = self.head(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Got { status: head.status, headers: head.headers, body })
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Got {
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
