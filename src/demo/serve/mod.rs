//! The digits models behind HTTP: which path is which model's, and how an answer or a refusal is said.

mod kserve;
mod rank;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::Method;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::BodyExt;
use http_body_util::Full;
use serde::Serialize;

use crate::demo::models::Model;
use crate::demo::server::AnswerBody;
use crate::demo::server::Program;
use crate::demo::server::Server;

/// The name under which a model serves its classifier.
pub const MODEL_NAME: &str = "digits";
/// The path that classifies images.
pub const INFER_PATH: &str = "/v2/models/digits/infer";
/// The path that ranks the catalogue.
pub const RANK_PATH: &str = "/rank";

/// A running model server. Dropping it without [`ModelServer::stop`] leaves it running until its runtime ends.
#[derive(Debug)]
pub struct ModelServer(Server);

/// Why a request gets no answer: the client's fault, with a text for it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error: String,
}

impl ModelServer {
    /// Serves a model on a free loopback port, on the runtime that this is called in.
    pub async fn start(model: Arc<Model>) -> io::Result<Self> {
        Server::start(model).await.map(Self)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Finishes the answers under way and closes.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

impl Program for Model {
    fn respond(&self, head: &Parts, body: Result<Bytes, String>) -> Response<AnswerBody> {
        let (status, body) = match body {
            Ok(body) => match route(self, &head.method, head.uri.path(), &body) {
                Ok(body) => (StatusCode::OK, body),
                Err(Refusal { status, error }) => (status, error_body(&error)),
            },
            Err(error) => (StatusCode::BAD_REQUEST, error_body(&format!("the body cannot be read: {error}"))),
        };
        let mut response = Response::new(Full::new(body).boxed_unsync());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
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
