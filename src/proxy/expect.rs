//! `expect: 100-continue` (RFC 9110, section 10.1.1): a client that asks first sends its body when the model wants it.
//!
//! HTTP tells the client to go on when somebody reads its body; so the body is not read before the model says so,
//! or has had its time to. A model that answers at once never makes the client send anything.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::StatusCode;
use http::header;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::ext::on_informational;
use tokio::time::Sleep;
use tokio::time::sleep;

use crate::proxy::exchange::BrokenOff;
use crate::proxy::upload::Outgoing;
use crate::proxy::watch::Watch;

/// How long a model may take to say that it wants the body; many never say it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A body that waits to be wanted.
#[derive(Debug)]
pub(super) struct Held {
    body: Outgoing,
    /// Set by the task that reads the model's answer, which also sends this body: nobody needs waking.
    wanted: Arc<AtomicBool>,
    patience: Pin<Box<Sleep>>,
}

/// Lets the body of a request that expects it wait until it is wanted. A body that is here already waits for nobody.
pub(super) fn hold_body(request: &mut Request<Outgoing>) {
    if !request.headers().contains_key(header::EXPECT) {
        return;
    }
    if request.body().is_in_hand() {
        request.headers_mut().remove(header::EXPECT);
        return;
    }
    let wanted = Arc::new(AtomicBool::new(false));
    let nothing = Outgoing::Empty(request.body().client());
    let body = std::mem::replace(request.body_mut(), nothing);
    let held = Held { body, wanted: Arc::clone(&wanted), patience: Box::pin(sleep(PATIENCE)) };
    *request.body_mut() = Outgoing::Held(Box::new(held));
    on_informational(request, move |interim| {
        if interim.status() == StatusCode::CONTINUE {
            // Relaxed: written and read by one task.
            wanted.store(true, Ordering::Relaxed);
        }
    });
}

impl Held {
    /// What is known of the client who sends the body.
    pub(super) fn client(&self) -> Rc<Watch> {
        self.body.client()
    }

    fn poll_wanted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.wanted.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.patience.as_mut().poll(context).map(|()| self.wanted.store(true, Ordering::Relaxed))
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        ready!(self.poll_wanted(context));
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
