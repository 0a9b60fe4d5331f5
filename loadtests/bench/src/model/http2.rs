//! A model that speaks HTTP/2 with prior knowledge.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Either;
use http_body_util::Full;
use hyper::Request;
use hyper::Response;
use hyper::body::Body;
use hyper::body::Frame;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Interval;
use tokio::time::interval;
use tokio::time::sleep;

use crate::clock::now_ns;
use crate::model::Behaviour;
use crate::model::Settings;
use crate::model::announce;
use crate::model::milliseconds;

/// Events at a fixed interval, the first at once.
struct EventStream {
    settings: Arc<Settings>,
    left: u32,
    ticks: Interval,
}

pub(super) fn serve(settings: &Settings) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settings = Arc::new(settings.clone());
    let body = Bytes::from(settings.answer_body());
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        announce(listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (settings, body) = (Arc::clone(&settings), body.clone());
            let service = service_fn(move |request| answer(request, Arc::clone(&settings), body.clone()));
            let connection =
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
            // How it ends, the client knows.
            tokio::spawn(async move { drop(connection.await) });
        }
    })
}

async fn answer(
    request: Request<Incoming>,
    settings: Arc<Settings>,
    body: Bytes,
) -> Result<Response<Either<Full<Bytes>, EventStream>>, Infallible> {
    let mut upload = request.into_body();
    while let Some(Ok(_)) = upload.frame().await {}
    let delay = milliseconds(settings.delay_ms);
    if !delay.is_zero() {
        sleep(delay).await;
    }
    if settings.behaviour != Behaviour::Stream {
        return Ok(Response::new(Either::Left(Full::new(body))));
    }
    let ticks = interval(milliseconds(settings.interval_ms.max(0.001)));
    let left = settings.events;
    Ok(Response::new(Either::Right(EventStream { settings, left, ticks })))
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.ticks.poll_tick(context));
        self.left -= 1;
        let event = self.settings.event(now_ns());
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }
}
