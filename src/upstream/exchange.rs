//! One request over one connection, up to the answer's head, and what is known when none comes.

use std::error::Error as _;
use std::io;

use bytes::Bytes;
use http::HeaderValue;
use http::Request;
use http::Response;
use http::Uri;
use http::Version;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::Timeout;
use tokio::time::error::Elapsed;
use tokio::time::timeout_at;

use crate::upstream::Deadlines;
use crate::upstream::Endpoint;
use crate::upstream::body::Line;
use crate::upstream::pool::Link;
use crate::upstream::streams::Stream;
use crate::upstream::tether::Tethered;

/// Why a connection gave no answer's head.
pub(super) enum Unanswered<B> {
    /// It was closed before it took the request.
    Unsent(Box<Request<B>>, hyper::Error),
    /// It was closed before anything came back.
    Closed(hyper::Error),
    /// What came back was no answer.
    Broken(hyper::Error),
    /// The request's own body broke off.
    RequestBody,
    /// The deadline passed.
    Late,
}

/// Sends a request on a connection of its own. It has left when this returns; the future waits for the answer.
pub(super) fn send_http1<B>(
    link: &mut Link<B>,
    mut request: Request<B>,
    deadlines: Deadlines,
) -> Timeout<impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> + use<B>>
where
    B: Body + 'static,
{
    *request.version_mut() = Version::HTTP_11;
    timeout_at(deadlines.head, link.sender.try_send_request(request))
}

/// What came of it.
pub(super) fn heard_http1<B>(
    answered: Result<Result<Response<Incoming>, TrySendError<Request<B>>>, Elapsed>,
) -> Result<Response<Incoming>, Unanswered<B>> {
    match answered {
        Ok(answered) => answered.map_err(why_unanswered),
        Err(_) => Err(Unanswered::Late),
    }
}

fn why_unanswered<B>(mut refused: TrySendError<Request<B>>) -> Unanswered<B> {
    let unsent = refused.take_message();
    let error = refused.into_error();
    match unsent {
        Some(unsent) => Unanswered::Unsent(Box::new(unsent), error),
        // hyper says `user` where the body that we gave it failed.
        None if error.is_user() => Unanswered::RequestBody,
        None if is_no_answer(&error) => Unanswered::Broken(error),
        None => Unanswered::Closed(error),
    }
}

/// Says whether something came back that cannot be read as an answer, or not in one way alone.
fn is_no_answer(error: &hyper::Error) -> bool {
    let malformed = |source: &io::Error| source.kind() == io::ErrorKind::InvalidData;
    error.is_parse() || error.source().and_then(|source| source.downcast_ref()).is_some_and(malformed)
}

/// Sends a request as one of many on a connection.
pub(super) async fn send_http2<B>(
    mut stream: Stream<B>,
    endpoint: &Endpoint,
    request: Box<Request<B>>,
    deadlines: Deadlines,
) -> Result<(Response<Incoming>, Line<B>), Unanswered<B>>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (mut head, body) = request.into_parts();
    to_http2(&mut head, endpoint);
    let request = Request::from_parts(head, stream.tie(body));
    let mut sender = stream.sender();
    match timeout_at(deadlines.head, sender.try_send_request(request)).await {
        Ok(Ok(response)) => {
            stream.hear();
            Ok((response, Line::Http2(stream)))
        }
        Ok(Err(mut refused)) => {
            let unsent = refused.take_message();
            let error = refused.into_error();
            let silent = stream.give_up();
            Err(match unsent {
                Some(unsent) => Unanswered::Unsent(Box::new(from_http2(unsent)), error),
                None if stream.is_body_broken() => Unanswered::RequestBody,
                None if silent => Unanswered::Closed(error),
                None => Unanswered::Broken(error),
            })
        }
        Err(_) => {
            stream.give_up();
            Err(Unanswered::Late)
        }
    }
}

/// Names the host where HTTP/2 wants it: in the target.
fn to_http2(head: &mut Parts, endpoint: &Endpoint) {
    let host = head.headers.remove(HOST);
    let named = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut target = std::mem::take(&mut head.uri).into_parts();
    target.scheme = Some(endpoint.scheme.clone());
    target.authority = Some(named.unwrap_or_else(|| endpoint.authority.clone()));
    // It held a path, and now holds all that a target may hold.
    head.uri = Uri::from_parts(target).unwrap_or_default();
    head.version = Version::HTTP_2;
}

/// Takes back what [`to_http2`] did, for a request that was not sent.
fn from_http2<B>(unsent: Request<Tethered<B>>) -> Request<B> {
    let mut request = unsent.map(Tethered::into_inner);
    let target = std::mem::take(request.uri_mut()).into_parts();
    let host = target.authority.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    *request.uri_mut() = target.path_and_query.map(Uri::from).unwrap_or_default();
    request
}
