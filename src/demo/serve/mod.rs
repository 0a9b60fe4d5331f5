//! A model behind HTTP, on a free port of this machine, as a model server in production would be.
//!
//! Nothing is shared with the gateway but the socket. A model is asked on the connection's own task: an answer is a
//! fraction of a millisecond of arithmetic, less than handing it to another thread.

mod kserve;
mod rank;

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::demo::models::Model;

/// The name under which a model serves its classifier.
pub const MODEL_NAME: &str = "digits";
/// The path that classifies images.
pub const INFER_PATH: &str = "/v2/models/digits/infer";
/// The path that ranks the catalogue.
pub const RANK_PATH: &str = "/rank";

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A running model server. Dropping it without [`ModelServer::stop`] leaves it running until its runtime ends.
#[derive(Debug)]
pub struct ModelServer {
    addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a request gets no answer: the client's fault, with a text for it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: String,
}

impl ModelServer {
    /// Serves a model on a free loopback port, on the runtime that this is called in.
    pub async fn start(model: Arc<Model>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, model, stop.clone(), tasks.clone()));
        Ok(Self { addr, stop, tasks })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Finishes the answers under way and closes.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(listener: TcpListener, model: Arc<Model>, stop: CancellationToken, tasks: TaskTracker) {
    const AFTER_ERROR: Duration = Duration::from_millis(50);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tasks.spawn(serve(stream, model.clone(), stop.clone()))),
            // Out of file descriptors, mostly: without a pause the loop would burn a core until one is free.
            Err(_) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

async fn serve(stream: TcpStream, model: Arc<Model>, stop: CancellationToken) {
    // Without it small answers wait for the peer's acknowledgement; where it fails they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let model = model.clone();
        async move { Ok::<_, Infallible>(respond(&model, request).await) }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A broken connection is the client's; there is nobody left to tell.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn respond(model: &Model, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let (status, body) = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => match route(model, &head.method, head.uri.path(), &body.to_bytes()) {
            Ok(body) => (StatusCode::OK, body),
            Err(Refusal { status, error }) => (status, error_body(&error)),
        },
        Err(error) => (StatusCode::BAD_REQUEST, error_body(&format!("the body cannot be read: {error}"))),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn route(model: &Model, method: &Method, path: &str, body: &[u8]) -> Result<Bytes, Refusal> {
    match (method, path) {
        (&Method::POST, INFER_PATH) => kserve::infer(model, body),
        (&Method::POST, RANK_PATH) => rank::rank(model, body),
        (&Method::GET, path) => kserve::describe(model, path).unwrap_or_else(|| Err(no_route(method, path))),
        (method, path) => Err(no_route(method, path)),
    }
}

fn no_route(method: &Method, path: &str) -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, error: format!("there is no {method} {path} here") }
}

fn error_body(error: &str) -> Bytes {
    serde_json::json!({ "error": error }).to_string().into()
}

fn json_body(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("answers are maps of strings to plain values").into()
}

impl Refusal {
    fn bad_request(error: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: error.to_string() }
    }
}
