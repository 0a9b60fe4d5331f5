//! A model whose answers a test scripts: what it says, when, and how it breaks.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http_body::Body;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

/// A request as a model received it, whole.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A door that a test opens once, for all who wait at it and all who come later.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

/// What a model does with one request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) steps: Vec<Step>,
    /// The head waits for this.
    pub(crate) after: Option<Gate>,
    /// The connection is closed instead of an answer.
    pub(crate) reset: bool,
}

/// One step of an answer's body.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Data(Bytes),
    Wait(Gate),
    /// The connection breaks here, after what came before has left.
    Break,
    /// The same bytes again and again, without end.
    Forever(Bytes),
}

/// A running model; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Model {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _listening: AbortOnDropHandle<()>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.borrow()
    }

    async fn pass(&self) {
        let mut door = self.0.subscribe();
        let _ = door.wait_for(|open| *open).await;
    }
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            steps: vec![Step::Data(text.into().into())],
            after: None,
            reset: false,
        }
    }

    pub(crate) fn json(document: &serde_json::Value) -> Self {
        Self::text(document.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap(), ..Self::text(format!("status {status}")) }
    }

    pub(crate) fn reset() -> Self {
        Self { reset: true, ..Self::text("") }
    }

    pub(crate) fn steps(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::text("") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn after(self, gate: &Gate) -> Self {
        Self { after: Some(gate.clone()), ..self }
    }
}

impl Model {
    /// A model that answers every request by the script.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    /// The same, at an address of the test's choice.
    pub(crate) fn on(listener: TcpListener, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listening = serve(listener, Arc::clone(&seen), Arc::new(script));
        let tracker = TaskTracker::new();
        Self { addr, seen, _listening: AbortOnDropHandle::new(tracker.spawn(listening)) }
    }

    /// A model that always says the same.
    pub(crate) async fn saying(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    /// The address of a model that is gone: nobody listens there.
    pub(crate) async fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&seen), Arc::clone(&script)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
) -> Result<Response<Scripted>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Seen { method: head.method, uri: head.uri, headers: head.headers, body };
    let reply = script(&request);
    seen.lock().unwrap().push(request);
    if let Some(gate) = &reply.after {
        gate.pass().await;
    }
    if reply.reset {
        return Err(io::Error::other("the script says so"));
    }
    let builder = Response::builder().status(reply.status);
    let builder = reply.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value));
    Ok(builder.body(Scripted { steps: reply.steps.into(), waiting: None, flushed: false }).unwrap())
}

/// A body that runs through its steps.
struct Scripted {
    steps: VecDeque<Step>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    flushed: bool,
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Step::Break) if self.flushed => {
                Poll::Ready(Some(Err(io::Error::other("the script says so"))))
            }
            Some(Step::Break) => {
                // The server writes what it has when it finds nothing more to be ready.
                self.flushed = true;
                self.steps.push_front(Step::Break);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Forever(bytes)) => {
                self.steps.push_front(Step::Forever(bytes.clone()));
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Step::Wait(gate)) => {
                self.waiting = Some(Box::pin(async move { gate.pass().await }));
                self.poll_frame(context)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let sizes = self.steps.iter().map(|step| match step {
            Step::Data(bytes) => Some(bytes.len() as u64),
            _ => None,
        });
        sizes.sum::<Option<u64>>().map_or_else(http_body::SizeHint::default, http_body::SizeHint::with_exact)
    }
}
