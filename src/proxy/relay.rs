//! A model's answer on its way to the user: every frame at once, the observation beside it.
//!
//! Where the gateway asked for a stream's usage and the client did not, the client does not get it; the record does.
//! A body that breaks off ends in an error, so that the user's connection ends torn too and never cleanly. When the
//! user leaves, the relay is dropped, and its leg is recorded as cancelled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;
use http::header;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::protocol::Unasked;
use crate::protocol::is_event_stream;
use crate::proxy::headers;
use crate::proxy::leg::Leg;
use crate::proxy::respond::grpc_failure;
use crate::proxy::rewriting::Asked;
use crate::proxy::upload::Outgoing;
use crate::record::Observation;
use crate::telemetry::traces::ServerSpan;
use crate::upstream::AnswerBody;
use crate::vocab::Fate;

/// One answer in passing.
#[derive(Debug)]
pub(super) struct Relay {
    /// Frames that were read before it was decided to relay, observed already.
    first: VecDeque<Bytes>,
    body: AnswerBody<Outgoing>,
    leg: Box<Leg>,
    /// A gRPC call's, whose failure is told in trailers.
    is_grpc: bool,
    /// The trailers that told it were the last.
    is_over: bool,
    /// The request's own span, which ends with the answer.
    span: Option<(ServerSpan, StatusCode)>,
    /// What takes usage out that nobody asked for.
    hiding: Option<Box<Hiding>>,
}

/// An answer that is freed of what its client did not ask for.
#[derive(Debug)]
struct Hiding {
    asked: Asked,
    unasked: Unasked,
    /// What comes behind what was held back.
    behind: Option<Result<Frame<Bytes>, Fate>>,
}

impl Relay {
    /// Relays an answer from its first byte.
    pub(super) fn new(body: AnswerBody<Outgoing>, leg: Box<Leg>) -> Self {
        Self::resumed(VecDeque::new(), body, leg)
    }

    /// Relays an answer whose first frames have been read, and observed, already.
    pub(super) fn resumed(first: VecDeque<Bytes>, body: AnswerBody<Outgoing>, mut leg: Box<Leg>) -> Self {
        if body.is_end_stream() {
            leg.end(Fate::Complete);
        }
        Self { first, body, leg, is_grpc: false, is_over: false, span: None, hiding: None }
    }

    /// Takes usage out of a stream whose client did not ask for it; says whether its length is not known any more.
    pub(super) fn hides_usage(&mut self, headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        let asked = self.leg.unasked().filter(|_| is_plain && kind.is_some_and(is_event_stream));
        self.hiding =
            asked.map(|asked| Box::new(Hiding { asked, unasked: Unasked::default(), behind: None }));
        self.hiding.is_some()
    }

    /// Lets the request's span end with the answer.
    pub(super) fn carry(&mut self, span: ServerSpan, status: StatusCode) {
        self.span = Some((span, status));
        if self.first.is_empty() && self.body.is_end_stream() {
            self.end(Fate::Complete);
        }
    }

    /// The leg that answers, as it was seen so far.
    pub(super) fn observed(&self) -> Observation {
        self.leg.observed()
    }

    /// Lets a failure be told as gRPC tells it.
    pub(super) fn speak_grpc(&mut self) {
        self.is_grpc = true;
    }

    fn end(&mut self, fate: Fate) {
        self.leg.end(fate);
        if let Some((span, status)) = self.span.take() {
            span.finish(Some(status), fate);
        }
    }
}

impl Relay {
    /// The next frame as the model sent it.
    fn poll_observed(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        let mut polled = Pin::new(&mut self.body).poll_frame(context);
        match &mut polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                headers::strip_trailers(frame);
                self.leg.frame(frame);
                if self.body.is_end_stream() {
                    self.end(Fate::Complete);
                }
            }
            Poll::Ready(Some(Err(fate))) => {
                self.end(*fate);
                if self.is_grpc {
                    self.is_over = true;
                    return Poll::Ready(Some(Ok(Frame::trailers(grpc_failure(*fate)))));
                }
            }
            Poll::Ready(None) => self.end(Fate::Complete),
        }
        polled
    }

    /// The next frame without usage that was not asked for.
    fn poll_freed(
        &mut self,
        mut hiding: Box<Hiding>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        if let Some(behind) = hiding.behind.take() {
            return Poll::Ready(Some(behind));
        }
        loop {
            let polled = match self.poll_observed(context) {
                Poll::Ready(polled) => polled,
                Poll::Pending => {
                    self.hiding = Some(hiding);
                    return Poll::Pending;
                }
            };
            let (out, behind) = match polled {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !hiding.asked.get() => (bytes, None),
                    Ok(bytes) => (hiding.unasked.push(&bytes), None),
                    Err(trailers) => (hiding.unasked.finish(), Some(Ok(trailers))),
                },
                Some(Err(fate)) => (hiding.unasked.finish(), Some(Err(fate))),
                None => {
                    let rest = hiding.unasked.finish();
                    return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
                }
            };
            match (out.is_empty(), behind) {
                (true, None) => {}
                (true, Some(behind)) => return Poll::Ready(Some(behind)),
                (false, behind) => {
                    hiding.behind = behind;
                    self.hiding = Some(hiding);
                    return Poll::Ready(Some(Ok(Frame::data(out))));
                }
            }
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        match self.hiding.take() {
            None => self.poll_observed(context),
            Some(hiding) => self.poll_freed(hiding, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.hiding.is_none() && (self.is_over || self.first.is_empty() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.hiding.is_some() {
            return SizeHint::default();
        }
        let read: u64 = self.first.iter().map(|frame| frame.len() as u64).sum();
        match self.body.size_hint().exact() {
            Some(coming) => SizeHint::with_exact(read + coming),
            None => SizeHint::default(),
        }
    }
}
