//! The answers that the gateway gives itself, and the body type of every answer.
//!
//! The only place that turns an error into HTTP. A client reads what happened and a word for it; addresses and
//! causes go to the log.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONNECTION;
use http::header::CONTENT_TYPE;
use http::header::RETRY_AFTER;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use serde_json::Value;
use serde_json::json;

use crate::protocol::grpc;
use crate::protocol::http1::Malformed;
use crate::proxy::held::Held;
use crate::proxy::relay::Relay;
use crate::telemetry::Metrics;
use crate::vocab::Fate;

/// Why the gateway answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No experiment matched and the policy has no default model.
    #[error("no experiment matches this request and the policy names no default model")]
    NoRoute,
    /// The model that was to answer failed before its answer's head, in this way.
    #[error("{}", said(*.0))]
    Model(Fate),
    /// The request can be read in more than one way, or not at all.
    #[error("{0}")]
    Malformed(Malformed),
    /// The request names no host, no valid one, or more than one.
    #[error("a request names one host")]
    Host,
    /// The request expects what nobody here knows.
    #[error("100-continue is the only expectation")]
    Expectation,
    /// The request's body broke off.
    #[error("the request's body broke off")]
    BodyIncomplete,
    /// The request's body did not arrive in time.
    #[error("the request's body did not arrive in time")]
    BodyLate,
    /// The request's head did not come to its end in time.
    #[error("the request's head did not arrive in time")]
    HeadLate,
    /// Something in the gateway panicked over this request.
    #[error("the gateway failed")]
    Fault,
    /// The feedback path takes only POST.
    #[error("feedback is sent by POST")]
    FeedbackMethod,
    /// A report is larger than feedback takes.
    #[error("the report is too large")]
    FeedbackTooLarge,
}

fn said(fate: Fate) -> &'static str {
    match fate {
        Fate::ConnectError => "the model could not be reached",
        Fate::Timeout => "the model did not answer in time",
        Fate::Overloaded => "the model has as many requests in flight as the policy allows; try again",
        Fate::BreakerOpen => "the model failed of late and is left alone for a moment; try again",
        Fate::Reset | Fate::Truncated | Fate::Complete | Fate::Cancelled => "the model broke off",
    }
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::Model(Fate::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            Refusal::Model(Fate::Overloaded | Fate::BreakerOpen) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Model(_) => StatusCode::BAD_GATEWAY,
            Refusal::Malformed(Malformed::Connect | Malformed::TransferCoding) => StatusCode::NOT_IMPLEMENTED,
            Refusal::Malformed(Malformed::Version) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Refusal::Malformed(Malformed::TargetTooLong) => StatusCode::URI_TOO_LONG,
            Refusal::Malformed(Malformed::HeadTooLarge | Malformed::TooManyFields) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Refusal::Malformed(_) | Refusal::Host | Refusal::BodyIncomplete => StatusCode::BAD_REQUEST,
            Refusal::Expectation => StatusCode::EXPECTATION_FAILED,
            Refusal::BodyLate | Refusal::HeadLate => StatusCode::REQUEST_TIMEOUT,
            Refusal::Fault => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::FeedbackMethod => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::FeedbackTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    fn grpc_status(self) -> grpc::Status {
        match self.status() {
            _ if self == Refusal::Model(Fate::Overloaded) => grpc::Status::RESOURCE_EXHAUSTED,
            StatusCode::NOT_FOUND => grpc::Status::UNIMPLEMENTED,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => grpc::Status::DEADLINE_EXCEEDED,
            status if status.is_client_error() => grpc::Status::INVALID_ARGUMENT,
            _ => grpc::Status::UNAVAILABLE,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Refusal::NoRoute => "no_route",
            Refusal::Model(fate) => fate.as_str(),
            Refusal::Malformed(malformed) => malformed.as_str(),
            Refusal::Host => "host",
            Refusal::Expectation => "expectation",
            Refusal::BodyIncomplete => "body_incomplete",
            Refusal::BodyLate => "body_late",
            Refusal::HeadLate => "head_late",
            Refusal::Fault => "fault",
            Refusal::FeedbackMethod => "feedback_method",
            Refusal::FeedbackTooLarge => "feedback_too_large",
        }
    }

    /// Says whether the client is one to hear nothing more from.
    fn closes(self) -> bool {
        matches!(self, Refusal::Malformed(_) | Refusal::Host)
    }

    fn document(self) -> Value {
        json!({ "error": self.to_string(), "reason": self.reason() })
    }

    fn count(self, metrics: &Metrics) {
        metrics.gateway_answers.with_label_values(&[self.status().as_str(), self.reason()]).inc();
    }
}

/// Makes the answer to a request that no model answers.
pub(super) fn refusal(refusal: Refusal, metrics: &Metrics) -> Response<AnswerBytes> {
    refusal.count(metrics);
    let status = refusal.status();
    let mut response = json_answer(status, &refusal.document());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if refusal.closes() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| match body {
        AnswerBytes::Whole(bytes) => AnswerBytes::Refused(refusal, bytes),
        other => other,
    })
}

/// Says an answer to a gRPC call as gRPC says it: the gateway's own becomes a status without a body, a model's that
/// breaks off ends in a status.
pub(super) fn in_grpc_terms(response: &mut Response<AnswerBytes>) {
    let refused = match response.body_mut() {
        AnswerBytes::Whole(_) => return,
        AnswerBytes::Relay(relay) => return relay.speak_grpc(),
        AnswerBytes::Refused(refused, _) => *refused,
        // Held back only once it is said in these terms.
        AnswerBytes::Held(_) => return,
    };
    *response.status_mut() = StatusCode::OK;
    *response.body_mut() = AnswerBytes::Whole(None);
    let headers = response.headers_mut();
    headers.remove(RETRY_AFTER);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(grpc::MEDIA_TYPE));
    headers.extend(grpc_trailers(refused.grpc_status(), &refused.to_string()));
}

/// The trailers of a gRPC call whose model failed in the middle of its answer.
pub(super) fn grpc_failure(fate: Fate) -> HeaderMap {
    grpc_trailers(Refusal::Model(fate).grpc_status(), said(fate))
}

fn grpc_trailers(status: grpc::Status, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(grpc::STATUS, status.value());
    // Plain ASCII, as gRPC wants it; a text that is not is left out.
    if let Ok(message) = HeaderValue::from_str(message) {
        trailers.insert(grpc::MESSAGE, message);
    }
    trailers
}

/// The same as the last bytes of an HTTP/1.1 connection, for a request that HTTP never got to see.
pub(super) fn raw_refusal(refusal: Refusal, metrics: &Metrics) -> Vec<u8> {
    refusal.count(metrics);
    let (status, body) = (refusal.status(), refusal.document().to_string());
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Counts the head that HTTP itself could not read and answered with a bare 400.
pub(super) fn count_unreadable(error: &hyper::Error, metrics: &Metrics) {
    if error.is_parse() {
        let code = StatusCode::BAD_REQUEST;
        metrics.gateway_answers.with_label_values(&[code.as_str(), "unreadable"]).inc();
    }
}

/// Makes an answer of JSON.
pub(super) fn json_answer(status: StatusCode, document: &Value) -> Response<AnswerBytes> {
    let mut response = Response::new(AnswerBytes::Whole(Some(document.to_string().into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body of an answer to a user.
#[derive(Debug)]
pub(super) enum AnswerBytes {
    /// Made here, whole.
    Whole(Option<Bytes>),
    /// The gateway's own, which says why there is no other.
    Refused(Refusal, Option<Bytes>),
    /// A model's, as it comes.
    Relay(Box<Relay>),
    /// One of these, whose end waits until it is on record.
    Held(Box<Held>),
}

impl Body for AnswerBytes {
    type Data = Bytes;
    type Error = Fate;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fate>>> {
        match self.get_mut() {
            AnswerBytes::Whole(bytes) | AnswerBytes::Refused(_, bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            AnswerBytes::Relay(relay) => Pin::new(relay.as_mut()).poll_frame(context),
            AnswerBytes::Held(held) => Pin::new(held.as_mut()).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBytes::Whole(bytes) | AnswerBytes::Refused(_, bytes) => bytes.is_none(),
            AnswerBytes::Relay(relay) => relay.is_end_stream(),
            AnswerBytes::Held(held) => held.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBytes::Whole(bytes) | AnswerBytes::Refused(_, bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            AnswerBytes::Relay(relay) => relay.size_hint(),
            AnswerBytes::Held(held) => held.size_hint(),
        }
    }
}
