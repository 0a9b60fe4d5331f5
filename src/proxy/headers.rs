//! Which headers pass, which are taken off, and which the gateway adds (RFC 9110, section 7.6).
//!
//! A field that `connection` nominates goes too, but never one that the message is framed, routed or authorised by.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::str::FromStr;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::Uri;
use http::header;
use http::request::Parts;
use http::uri::PathAndQuery;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::policy::Credentials;
use crate::protocol::grpc;
use crate::protocol::strip_credentials;
use crate::upstream::HostHeader;
use crate::upstream::Permit;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// The id of a request in an experiment, on every answer.
pub(super) const CROSSFADE_ID: HeaderName = HeaderName::from_static("crossfade-id");
/// The arm that answered, where the policy shows it.
pub(super) const CROSSFADE_ARM: HeaderName = HeaderName::from_static("crossfade-arm");
/// The signed ticket that feedback may carry.
pub(super) const CROSSFADE_TICKET: HeaderName = HeaderName::from_static("crossfade-ticket");
/// On every copy, so that a model can tell it from a user's request.
pub(super) const CROSSFADE_SHADOW: HeaderName = HeaderName::from_static("crossfade-shadow");

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// The user's side of a connection, as models are told of it.
#[derive(Debug, Clone)]
pub(super) struct Downstream {
    /// The user's address.
    pub(super) peer: HeaderValue,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
}

static HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HTTP2_SETTINGS,
];

/// Which of the fields that the gateway acts on a head has. One look at all names costs less than a search for each.
#[derive(Debug, Default)]
struct Present {
    hop_by_hop: bool,
    host: bool,
    via: bool,
    forwarded_for: bool,
    forwarded_proto: bool,
    forwarded_host: bool,
}

impl Present {
    fn of(headers: &HeaderMap) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade"
                | "http2-settings" => present.hop_by_hop = true,
                "host" => present.host = true,
                "via" => present.via = true,
                "x-forwarded-for" => present.forwarded_for = true,
                "x-forwarded-proto" => present.forwarded_proto = true,
                "x-forwarded-host" => present.forwarded_host = true,
                _ => {}
            }
        }
        present
    }
}

/// Takes the hop-by-hop fields off a request or an answer.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if Present::of(headers).hop_by_hop {
        strip_present(headers);
    }
}

fn strip_present(headers: &mut HeaderMap) {
    let trailers = headers.get_all(header::TE).iter().any(names_trailers);
    if headers.contains_key(header::CONNECTION) {
        strip_nominated(headers);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    if trailers {
        // gRPC servers insist on it.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn names_trailers(value: &HeaderValue) -> bool {
    elements(value)
        .map(|coding| coding.split(';').next().unwrap_or("").trim())
        .any(|it| it.eq_ignore_ascii_case("trailers"))
}

/// The elements of a comma-separated list.
pub(super) fn elements(value: &HeaderValue) -> impl Iterator<Item = &str> {
    value.to_str().unwrap_or("").split(',').map(str::trim).filter(|element| !element.is_empty())
}

/// Says whether `connection` names this field.
pub(super) fn nominates(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(header::CONNECTION).iter().flat_map(elements).any(|it| it.eq_ignore_ascii_case(name))
}

fn strip_nominated(headers: &mut HeaderMap) {
    let lines: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    for name in lines.iter().flat_map(elements).filter_map(|name| HeaderName::from_str(name).ok()) {
        if !is_end_to_end(&name) {
            headers.remove(name);
        }
    }
}

/// The fields that are meant for everybody on the way, or for the last on it: nominating them takes nothing off.
fn is_end_to_end(name: &HeaderName) -> bool {
    static END_TO_END: [HeaderName; 16] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::FORWARDED,
        header::HOST,
        header::SET_COOKIE,
        header::TRANSFER_ENCODING,
        header::VIA,
        X_FORWARDED_FOR,
        X_FORWARDED_HOST,
        X_FORWARDED_PROTO,
    ];
    END_TO_END.contains(name)
}

/// Takes the fields off a trailer section that mean something only in a head (RFC 9110, section 6.5.1): whoever
/// merged them into it could be made to read another message.
pub(super) fn strip_trailers(frame: &mut Frame<Bytes>) {
    let Some(trailers) = frame.trailers_mut() else { return };
    let names: Vec<HeaderName> = trailers.keys().filter(|name| is_for_heads(name)).cloned().collect();
    for name in names {
        trailers.remove(name);
    }
}

fn is_for_heads(name: &HeaderName) -> bool {
    static CONNECTION_OWN: [HeaderName; 8] = [
        header::CONNECTION,
        KEEP_ALIVE,
        header::MAX_FORWARDS,
        header::PROXY_AUTHORIZATION,
        PROXY_CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
    ];
    is_end_to_end(name) || CONNECTION_OWN.contains(name)
}

/// Says whether a request names its host as RFC 9112, section 3.2, and RFC 9113, section 8.3.1, demand: in one way.
///
/// HTTP/1 has one `host` field, which the target's own authority goes before; HTTP/2 may leave it out, but not let
/// it differ from `:authority`.
pub(super) fn names_one_host(head: &Parts) -> bool {
    let mut hosts = walk(&head.headers, header::HOST);
    let (host, authority) = (hosts.next(), head.uri.authority().map(|it| it.as_str().as_bytes()));
    let is_alone = hosts.next().is_none();
    let agree = match (host.map(HeaderValue::as_bytes), head.version) {
        (None, http::Version::HTTP_2) => authority.is_some(),
        (None, version) => version < http::Version::HTTP_11,
        (Some(host), http::Version::HTTP_2) => authority.is_none_or(|it| it.eq_ignore_ascii_case(host)),
        (Some(host), _) => is_host(host),
    };
    agree && is_alone && authority.is_none_or(is_host)
}

/// The bytes of a host's name (RFC 3986, section 3.2.2).
static IN_HOST_NAMES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0_u8;
    loop {
        bytes[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&')
            || matches!(byte, b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        if byte == u8::MAX {
            break bytes;
        }
        byte += 1;
    }
};

/// Says whether this is a host and perhaps a port (RFC 3986, section 3.2), and nothing else: no user, no path.
fn is_host(bytes: &[u8]) -> bool {
    let (host, port) = match bytes.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !bytes[colon..].contains(&b']') => (&bytes[..colon], &bytes[colon + 1..]),
        _ => (bytes, [].as_slice()),
    };
    let named = match host {
        [b'[', address @ .., b']'] => {
            str::from_utf8(address).is_ok_and(|address| address.parse::<Ipv6Addr>().is_ok())
        }
        name => name.iter().all(|byte| IN_HOST_NAMES[usize::from(*byte)]),
    };
    named && !host.is_empty() && port.iter().all(u8::is_ascii_digit)
}

/// Says whether the only thing that a request expects is to be told to go on.
pub(super) fn expects_only_to_go_on(headers: &HeaderMap) -> bool {
    walk(headers, header::EXPECT).all(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Says whether a request has a body of known length that nobody needs to be asked for.
pub(super) fn sends_body_at_once<B: Body>(request: &Request<B>) -> bool {
    request.body().size_hint().exact().is_some_and(|bytes| bytes > 0)
        && walk(request.headers(), header::EXPECT).next().is_none()
}

/// The values of a field. A walk over all of them costs less than a search, which begins with a hash.
fn walk(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    headers.iter().filter(move |(present, _)| **present == name).map(|(_, value)| value)
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
pub(super) fn prepare(head: &mut Parts, downstream: &Downstream) {
    let is_grpc = is_grpc(head);
    let mut present = Present::of(&head.headers);
    if present.hop_by_hop {
        strip_present(&mut head.headers);
        present = Present::of(&head.headers);
    }
    if let Some(host) = named_host(head) {
        head.headers.insert(header::HOST, host);
        present.host = true;
    }
    if head.version == http::Version::HTTP_2 {
        join_cookies(&mut head.headers);
    }
    forwarded(&mut head.headers, downstream, &present);
    let via = match head.version {
        http::Version::HTTP_2 => "2 crossfade",
        http::Version::HTTP_10 => "1.0 crossfade",
        _ => "1.1 crossfade",
    };
    append(&mut head.headers, header::VIA, present.via, HeaderValue::from_static(via));
    if head.version == http::Version::HTTP_10 {
        // Its clients cannot be told to go on (RFC 9110, section 10.1.1).
        head.headers.remove(header::EXPECT);
    }
    head.version = if is_grpc { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
}

/// The authority of an HTTP/2 or absolute-form request goes before its `host` field (RFC 9112, section 3.2.2).
fn named_host(head: &Parts) -> Option<HeaderValue> {
    let authority = head.uri.authority()?;
    HeaderValue::from_str(authority.as_str()).ok()
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

/// A client's address as `x-forwarded-for` tells it.
pub(super) fn address_of(peer: IpAddr) -> HeaderValue {
    HeaderValue::from_str(&peer.to_canonical().to_string()).expect("an address is digits, dots and colons")
}

fn forwarded(headers: &mut HeaderMap, downstream: &Downstream, present: &Present) {
    let Downstream { peer, scheme } = downstream;
    append(headers, X_FORWARDED_FOR, present.forwarded_for, peer.clone());
    if !present.forwarded_proto {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
    if present.host && !present.forwarded_host {
        let host = walk(headers, header::HOST).next().cloned();
        host.and_then(|host| headers.insert(X_FORWARDED_HOST, host));
    }
}

/// Adds an element at the end of a comma-separated list, which is `present` or begins with it.
fn append(headers: &mut HeaderMap, name: HeaderName, present: bool, element: HeaderValue) {
    if !present {
        headers.insert(name, element);
        return;
    }
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

/// Gives a copy an idempotency key of its own: one that it shared with the user's request could be answered with what
/// that was answered with, and nothing be learnt, or be refused.
pub(super) fn identify_copy(headers: &mut HeaderMap, id: RequestId, role: Role) {
    let key = HeaderValue::from_str(&format!("{id}-{}", role.as_str()));
    headers.insert(IDEMPOTENCY_KEY, key.expect("an id and a word are visible ASCII"));
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
