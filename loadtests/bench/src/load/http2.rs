//! The same over HTTP/2 with prior knowledge, in a closed loop on every stream.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::clock::now_ns;
use crate::load::Length;
use crate::load::Settings;
use crate::load::arrivals::Arrivals;
use crate::load::tally::Tally;

/// Connections that carry many requests at once.
pub(super) struct Http2 {
    runtime: Runtime,
    settings: Settings,
    request: Request<Full<Bytes>>,
    senders: Vec<Option<SendRequest<Full<Bytes>>>>,
}

/// What the streams of a slice share.
struct Slice {
    arrivals: RefCell<Arrivals>,
    tally: RefCell<Tally>,
    request: Request<Full<Bytes>>,
    timeout: Duration,
}

impl Http2 {
    pub(super) fn new(settings: Settings) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let senders = (0..settings.connections).map(|_| None).collect();
        let request = Request::post(format!("http://models.example{}", settings.path))
            .header("content-type", "application/json")
            .body(Full::new(settings.body().into()))
            .map_err(io::Error::other)?;
        Ok(Self { runtime, settings, request, senders })
    }

    pub(super) fn slice(&mut self, length: Length) -> io::Result<Tally> {
        let Self { runtime, settings, request, senders } = self;
        let now = now_ns();
        let slice = Rc::new(Slice {
            arrivals: RefCell::new(Arrivals::new(length, None, now)),
            tally: RefCell::new(Tally::new(now)),
            request: request.clone(),
            timeout: settings.timeout(),
        });
        let streams = LocalSet::new();
        runtime.block_on(streams.run_until(async {
            for sender in senders.iter_mut() {
                connect(sender, settings, &slice).await;
            }
            let tasks: Vec<_> = senders
                .iter()
                .flatten()
                .flat_map(|sender| std::iter::repeat_n(sender, settings.streams))
                .map(|sender| tokio::task::spawn_local(Rc::clone(&slice).stream(sender.clone())))
                .collect();
            for task in tasks {
                task.await.map_err(io::Error::other)?;
            }
            Ok::<(), io::Error>(())
        }))?;
        // The tasks are done, and with them their shares.
        let slice = Rc::into_inner(slice).ok_or_else(|| io::Error::other("a stream is still open"))?;
        Ok(slice.tally.into_inner())
    }
}

/// Makes a connection again that is not there any more.
async fn connect(sender: &mut Option<SendRequest<Full<Bytes>>>, settings: &Settings, slice: &Slice) {
    if sender.as_ref().is_some_and(|sender| !sender.is_closed()) {
        return;
    }
    slice.tally.borrow_mut().connects += 1;
    let handshake = async {
        let stream = TcpStream::connect(settings.target).await?;
        stream.set_nodelay(true)?;
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        handshake.await.map_err(io::Error::other)
    };
    *sender = match timeout(slice.timeout, handshake).await {
        Ok(Ok((made, connection))) => {
            // Lives on between slices; how it ends, its requests are told.
            tokio::spawn(async move { drop(connection.await) });
            Some(made)
        }
        _ => {
            slice.tally.borrow_mut().errors.connect += 1;
            None
        }
    };
}

impl Slice {
    /// One request after the other.
    async fn stream(self: Rc<Self>, mut sender: SendRequest<Full<Bytes>>) {
        loop {
            let begun = now_ns();
            if self.arrivals.borrow_mut().take(begun).is_none() {
                return;
            }
            let answer = timeout(self.timeout, ask(&mut sender, self.request.clone())).await;
            let (now, mut tally) = (now_ns(), self.tally.borrow_mut());
            match answer {
                Ok(Ok(status)) => tally.answered(status, now - begun, now),
                Ok(Err(_)) => {
                    tally.errors.reset += 1;
                    return;
                }
                Err(_) => tally.errors.timeout += 1,
            }
        }
    }
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> hyper::Result<u16> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(status)
}
