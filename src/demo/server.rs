//! A program behind HTTP, on a free port of this machine, as a model server in production would be.
//!
//! Nothing is shared with the gateway but the socket. A program is asked on the connection's own task: an answer is a
//! fraction of a millisecond of arithmetic, less than handing it to another thread.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::request::Parts;
use http_body_util::BodyExt;
use http_body_util::Limited;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The body of an answer, at once or in pieces.
pub type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// What answers requests.
pub trait Program: Send + Sync + 'static {
    /// Answers a request; the body is what was sent, or says why it cannot be read.
    fn respond(&self, head: &Parts, body: Result<Bytes, String>) -> Response<AnswerBody>;
}

/// A running server. Dropping it without [`Server::stop`] leaves it running until its runtime ends.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Serves a program on a free loopback port, on the runtime that this is called in.
    pub async fn start(program: Arc<dyn Program>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, program, stop.clone(), tasks.clone()));
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

async fn accept(
    listener: TcpListener,
    program: Arc<dyn Program>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    const AFTER_ERROR: Duration = Duration::from_millis(50);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tasks.spawn(serve(stream, program.clone(), stop.clone()))),
            // Out of file descriptors, mostly: without a pause the loop would burn a core until one is free.
            Err(_) => tokio::time::sleep(AFTER_ERROR).await,
        }
    }
}

async fn serve(stream: TcpStream, program: Arc<dyn Program>, stop: CancellationToken) {
    // Without it small answers wait for the peer's acknowledgement; where it fails they are only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let program = program.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
            let body = body.map(|body| body.to_bytes()).map_err(|error| error.to_string());
            Ok::<_, Infallible>(program.respond(&head, body))
        }
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
