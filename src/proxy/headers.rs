//! Which headers pass, which are taken off, and which the gateway adds (RFC 9110, section 7.6).
//!
//! A field that `connection` nominates goes too, but never one that the message is framed, routed or authorised by.

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Uri;
use http::header;
use http::request::Parts;
use http::uri::PathAndQuery;
use http_body::SizeHint;

use crate::policy::Credentials;
use crate::protocol::grpc;
use crate::protocol::strip_credentials;
use crate::upstream::HostHeader;
use crate::upstream::Permit;

/// The id of a request in an experiment, on every answer.
pub(super) const CROSSFADE_ID: HeaderName = HeaderName::from_static("crossfade-id");
/// The arm that answered, where the policy shows it.
pub(super) const CROSSFADE_ARM: HeaderName = HeaderName::from_static("crossfade-arm");
/// The signed ticket that feedback may carry.
pub(super) const CROSSFADE_TICKET: HeaderName = HeaderName::from_static("crossfade-ticket");
/// On every copy, so that a model can tell it from a user's request.
pub(super) const CROSSFADE_SHADOW: HeaderName = HeaderName::from_static("crossfade-shadow");

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The user's side of a connection, as its requests need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Downstream {
    pub(super) peer: IpAddr,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
}

/// Takes the hop-by-hop fields off a request or an answer.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let trailers = headers.get_all(header::TE).iter().any(names_trailers);
    if headers.contains_key(header::CONNECTION) {
        strip_nominated(headers);
    }
    let hop_by_hop = [
        header::CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    for name in hop_by_hop {
        headers.remove(name);
    }
    if trailers {
        // gRPC servers insist on it.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn names_trailers(value: &HeaderValue) -> bool {
    let codings = value.to_str().unwrap_or("").split(',');
    codings
        .map(|coding| coding.split(';').next().unwrap_or("").trim())
        .any(|it| it.eq_ignore_ascii_case("trailers"))
}

fn strip_nominated(headers: &mut HeaderMap) {
    let kept = [
        header::HOST,
        header::AUTHORIZATION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONTENT_TYPE,
    ];
    let lines: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for name in lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        match HeaderName::from_str(name.trim()) {
            Ok(name) if !kept.contains(&name) => {
                headers.remove(name);
            }
            _ => {}
        }
    }
}

/// Says whether a request names its host once, as RFC 9112, section 3.2, demands: two could be read in two ways.
pub(super) fn names_one_host(head: &Parts) -> bool {
    match head.headers.get_all(header::HOST).iter().count() {
        0 => head.version != http::Version::HTTP_11 || head.uri.authority().is_some(),
        count => count == 1,
    }
}

/// Says whether a request is a gRPC call, which comes over HTTP/2 and can go on over nothing else.
pub(super) fn is_grpc(head: &Parts) -> bool {
    head.version == http::Version::HTTP_2 && grpc::is_grpc(&head.headers)
}

/// Takes the users' credentials off where the arm is not to see them.
pub(super) fn withhold(headers: &mut HeaderMap, credentials: Credentials) {
    if credentials == Credentials::Strip {
        strip_credentials(headers);
    }
}

/// Prepares a client's head for the models: hop-by-hop fields off, `x-forwarded-*` and `via` on, `host` from
/// wherever the client's version of HTTP puts it. Its version is from then on the one that a model must be spoken to
/// in at least: HTTP/1.1, and HTTP/2 for gRPC.
pub(super) fn prepare(head: &mut Parts, downstream: Downstream) {
    let is_grpc = is_grpc(head);
    strip_hop_by_hop(&mut head.headers);
    head.headers.remove(HTTP2_SETTINGS);
    if let Some(host) = named_host(head) {
        head.headers.insert(header::HOST, host);
    }
    if head.version == http::Version::HTTP_2 {
        join_cookies(&mut head.headers);
    }
    forwarded(&mut head.headers, downstream);
    let via = match head.version {
        http::Version::HTTP_2 => "2 crossfade",
        http::Version::HTTP_10 => "1.0 crossfade",
        _ => "1.1 crossfade",
    };
    append(&mut head.headers, header::VIA, via);
    head.version = if is_grpc { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
}

/// The authority of an HTTP/2 or absolute-form request goes before its `host` field (RFC 9112, section 3.2.2).
fn named_host(head: &Parts) -> Option<HeaderValue> {
    let authority = head.uri.authority()?;
    let host = authority.as_str().rsplit('@').next()?;
    HeaderValue::from_str(host).ok()
}

/// HTTP/2 may split the cookies over several fields; HTTP/1.1 may not (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let fields: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if fields.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&fields.join(b"; ".as_slice())) {
        headers.insert(header::COOKIE, joined);
    }
}

fn forwarded(headers: &mut HeaderMap, downstream: Downstream) {
    let Downstream { peer, scheme } = downstream;
    append(headers, X_FORWARDED_FOR, &peer.to_canonical().to_string());
    if !headers.contains_key(X_FORWARDED_PROTO) {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
    if let (false, Some(host)) = (headers.contains_key(X_FORWARDED_HOST), headers.get(header::HOST).cloned())
    {
        headers.insert(X_FORWARDED_HOST, host);
    }
}

/// Adds an element at the end of a comma-separated list.
fn append(headers: &mut HeaderMap, name: HeaderName, element: &str) {
    let mut list = Vec::new();
    for line in headers.get_all(&name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(element.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
    }
}

/// Addresses a prepared head to an endpoint: target in origin form, `host` as the model is to see it.
pub(super) fn address(head: &mut Parts, permit: &Permit) {
    let endpoint = permit.endpoint();
    let path_and_query = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let path_and_query = match endpoint.base_path.as_str() {
        "" => path_and_query,
        base => PathAndQuery::from_str(&format!("{base}{path_and_query}")).unwrap_or(path_and_query),
    };
    head.uri = Uri::from(path_and_query);
    let original =
        permit.model().settings.host == HostHeader::Original && head.headers.contains_key(header::HOST);
    if let (false, Ok(host)) = (original, HeaderValue::from_str(endpoint.authority.as_str())) {
        head.headers.insert(header::HOST, host);
    }
}

/// Says how a body of unknown length is framed. Left to itself HTTP takes a `GET` to have no body.
pub(super) fn frame(headers: &mut HeaderMap, size: &SizeHint) {
    if size.exact().is_none() && !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// Turns a prepared head into a copy's: marked, of known length, and expecting nothing.
pub(super) fn mark_copy(headers: &mut HeaderMap, body_bytes: u64) {
    headers.insert(CROSSFADE_SHADOW, HeaderValue::from_static("1"));
    headers.remove(header::EXPECT);
    headers.remove(header::TRAILER);
    if body_bytes > 0 || headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body_bytes));
    }
}
