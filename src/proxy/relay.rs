//! A model's answer on its way to the user: every frame at once, the observation beside it.
//!
//! A body that breaks off ends in an error, so that the user's connection ends torn too and never cleanly. When the
//! user leaves, the relay is dropped, and its leg is recorded as cancelled.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::proxy::headers;
use crate::proxy::leg::Leg;
use crate::proxy::respond::grpc_failure;
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
        Self { first, body, leg, is_grpc: false, is_over: false, span: None }
    }

    /// Lets the request's span end with the answer.
    pub(super) fn carry(&mut self, span: ServerSpan, status: StatusCode) {
        self.span = Some((span, status));
        if self.is_end_stream() {
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

impl Body for Relay {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
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

    fn is_end_stream(&self) -> bool {
        self.is_over || self.first.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: u64 = self.first.iter().map(|frame| frame.len() as u64).sum();
        match self.body.size_hint().exact() {
            Some(coming) => SizeHint::with_exact(read + coming),
            None => SizeHint::default(),
        }
    }
}
