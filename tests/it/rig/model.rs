//! A model whose answers a test scripts: what it says, when, and how it breaks.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::Uri;
use http::Version;
use http::request::Parts;
use http_body::Body;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use tokio_util::task::TaskTracker;

/// A request as a model received it, whole.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) version: Version,
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
    /// What the request's body says, as it comes; for a model that answers at once.
    Echo,
    /// How the answer ends.
    Trailers(Vec<(&'static str, &'static str)>),
}

/// A running model; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Model {
    addr: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    front: Arc<Front>,
    _listening: AbortOnDropHandle<()>,
}

/// How a model takes connections. Each may speak HTTP/1.1 or HTTP/2.
#[derive(Debug, Default)]
pub(crate) struct Front {
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Calls on one connection of HTTP/2 at a time.
    pub(crate) streams: Option<u32>,
    /// The script is asked, and the answer begins, before the request's body is read.
    pub(crate) answers_at_once: bool,
    pub(crate) connections: AtomicUsize,
    pub(crate) goes_away: Notify,
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
        Self::behind(Front::default(), script).await
    }

    /// The same, with a front of its own.
    pub(crate) async fn behind(
        front: Front,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), front, script)
    }

    /// The same, at an address of the test's choice.
    pub(crate) fn on(listener: TcpListener, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::at(listener, Front::default(), script)
    }

    fn at(
        listener: TcpListener,
        front: Front,
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let addr = listener.local_addr().unwrap();
        let scheme = if front.tls.is_some() { "https" } else { "http" };
        let (seen, front) = (Arc::new(Mutex::new(Vec::new())), Arc::new(front));
        let listening = serve(listener, Arc::clone(&front), Arc::clone(&seen), Arc::new(script));
        let listening = AbortOnDropHandle::new(TaskTracker::new().spawn(listening));
        Self { addr, scheme, seen, front, _listening: listening }
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.front.connections.load(Ordering::Relaxed)
    }

    /// Asks every open connection to end when its calls have.
    pub(crate) fn go_away(&self) {
        self.front.goes_away.notify_waiters();
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
        format!("{}://{}", self.scheme, self.addr)
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    front: Arc<Front>,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (front, seen, script) = (Arc::clone(&front), Arc::clone(&seen), Arc::clone(&script));
        connections.spawn(async move {
            let (at_once, tls) = (front.answers_at_once, front.tls.clone());
            let service =
                service_fn(move |request| answer(request, at_once, Arc::clone(&seen), Arc::clone(&script)));
            match tls {
                None => converse(stream, &front, service).await,
                Some(tls) => {
                    if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                        converse(stream, &front, service).await;
                    }
                }
            }
        });
    }
}

async fn converse<S, A>(stream: S, front: &Front, service: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Service<Request<Incoming>, Response = Response<Scripted>, Error = io::Error>,
    A::Future: Send + 'static,
{
    front.connections.fetch_add(1, Ordering::Relaxed);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(front.streams);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        _ = connection.as_mut() => true,
        () = front.goes_away.notified() => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn answer(
    request: Request<Incoming>,
    at_once: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
) -> Result<Response<Scripted>, io::Error> {
    let (head, body) = request.into_parts();
    let (body, upload) = match at_once {
        true => (Bytes::new(), Some(body)),
        false => (body.collect().await.map_err(io::Error::other)?.to_bytes(), None),
    };
    let Parts { version, method, uri, headers, .. } = head;
    let request = Seen { version, method, uri, headers, body };
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
    Ok(builder.body(Scripted { steps: reply.steps.into(), upload, waiting: None, flushed: false }).unwrap())
}

/// A body that runs through its steps.
struct Scripted {
    steps: VecDeque<Step>,
    upload: Option<Incoming>,
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
            Some(Step::Trailers(trailers)) => {
                let header = |(name, value): (&'static str, &'static str)| {
                    (HeaderName::from_static(name), HeaderValue::from_static(value))
                };
                Poll::Ready(Some(Ok(Frame::trailers(trailers.into_iter().map(header).collect()))))
            }
            Some(Step::Echo) => {
                let upload = self.upload.as_mut().expect("the model answers at once");
                match Pin::new(upload).poll_frame(context) {
                    Poll::Ready(None) => self.poll_frame(context),
                    frame => {
                        self.steps.push_front(Step::Echo);
                        frame.map_err(io::Error::other)
                    }
                }
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
