//! The operators' side: metrics, probes, experiments and orders over HTTP.
//!
//! It runs on the side runtime with its own listener and shares with the data plane only what is handed to it in
//! [`Admin`]; a request here never touches a user's. What it answers is described by `openapi.json`, which it serves
//! and a test holds against the routes.
//!
//! Who may ask: with a token, whoever brings it as `authorization: Bearer`, and for the probes anybody. Without
//! one the listener is bound to loopback, and requests must name this machine, so that no web page can reach it by
//! pointing a name of its own here. Orders that a browser sends from another site's page are refused.

mod answer;
mod flagger;
mod guard;
mod look_up;
mod ofrep;
mod review;
mod routes;
mod view;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::BoxError;
use tower::Service;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::judge::Judges;
use crate::policy::Policy;
use crate::rollout::Rollout;
use crate::telemetry::Metrics;
use crate::telemetry::Plane;
use crate::telemetry::counted;
use crate::vocab::ExperimentName;
use crate::vocab::Secret;

/// Connections at one moment; the rest wait in the listener's queue.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection may take over a request's head, or idle before it.
const HEAD_TIME: Duration = Duration::from_secs(60);
/// How long an answer may take, its request's body included.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// How long answers in flight may still take when the server stops.
const STOP_TIME: Duration = Duration::from_secs(5);

/// Everything that the operators' side answers from.
pub struct Admin {
    /// The present policy.
    pub policy: Arc<ArcSwap<Policy>>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The canaries' ramps.
    pub rollout: Rollout,
    /// The bearer token; `None` on loopback only.
    pub token: Option<Secret>,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// Who judges answers, people among them; `None`: nobody does here.
    pub judges: Option<Judges>,
    /// The rest of the gateway.
    pub gateway: Box<dyn Gateway>,
    /// Whether the gateway is shutting down, which makes it unready.
    pub draining: Arc<AtomicBool>,
}

/// What the operators' side asks of the rest of the gateway, which is wired above it.
pub trait Gateway: Send + Sync {
    /// Loads the policy file again. May block: it is called on a thread for that.
    fn reload(&self) -> Reload;

    /// Takes a report of outcomes in, and says what became of it. Must not block.
    fn take_feedback(&self, report: &[u8]) -> (StatusCode, Value);

    /// Sets the metrics that tell verdicts and evidence. Must not block.
    fn refresh(&self);

    /// The verdict on each candidate of an experiment as flat objects. Must not block.
    fn verdicts(&self, experiment: &ExperimentName) -> Value;

    /// Everything that is known, for another gateway's to be merged with. May take a moment: it is called on a thread
    /// for that.
    fn evidence(&self) -> Vec<u8>;

    /// What is known of an experiment's results so far; `None`: nothing. Must not block.
    fn summary(&self, experiment: &str) -> Option<Value>;
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// The file is the policy now.
    Applied {
        /// The new policy's hash.
        hash: String,
        /// Settings that changed in the file and take effect only with a restart.
        needs_restart: Vec<&'static str>,
    },
    /// The old policy stays.
    Refused {
        /// Everything that is wrong with the file, each with its place.
        problems: Vec<String>,
    },
}

/// Answers operators until `stop`, then lets answers in flight end for a few seconds.
pub async fn serve(listener: TcpListener, admin: Admin, stop: CancellationToken) {
    let admin = Arc::new(admin);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    while let Some(next) = stop.run_until_cancelled(accept(&listener, &places)).await {
        match next {
            Ok((stream, place)) => {
                let (admin, stop) = (admin.clone(), stop.clone());
                connections.spawn(async move {
                    converse(stream, admin, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Mostly: out of file descriptors. Trying again at once would only keep a core busy.
                tracing::warn!(%error, "the admin address cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn converse(stream: TcpStream, admin: Arc<Admin>, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(ringed(admin)));
    let mut connection = std::pin::pin!(connection);
    // How a conversation ends is the client's business: there is nobody to tell of an error.
    if stop.run_until_cancelled(connection.as_mut()).await.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(STOP_TIME, connection).await;
    }
}

/// The answers within their outer ring, so that a panic, or an answer that takes too long, stays in its own request.
fn ringed(
    admin: Arc<Admin>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>> + Send>,
    Error = BoxError,
    Future: Send,
> + Clone {
    let metrics = Arc::clone(&admin.metrics);
    let caught = move |panic: Box<dyn Any + Send>| {
        counted(Plane::Admin, &metrics, panic);
        answer::broken_off()
    };
    ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(caught))
        .map_result(|answered: Result<_, BoxError>| {
            Ok::<_, BoxError>(answered.unwrap_or_else(|_| answer::too_slow()))
        })
        .timeout(ANSWER_TIME)
        .service_fn(move |request| {
            let admin = admin.clone();
            async move { Ok::<_, Infallible>(answer::answer(admin, request).await) }
        })
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("token", &self.token).finish_non_exhaustive()
    }
}
