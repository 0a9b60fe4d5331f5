//! Who may ask: the token, and what protects an address without one from web pages.

use http::HeaderMap;
use http::Method;
use http::StatusCode;
use http::header;
use http::request::Parts;
use http::uri::Authority;

use crate::admin::answer::Problem;
use crate::admin::review;
use crate::admin::review::Page;
use crate::admin::routes::Endpoint;
use crate::vocab::Secret;

/// Lets a request pass or says why not. Paths that do not exist are guarded too, so that they tell nothing.
pub(super) fn admit(head: &Parts, endpoint: Option<Endpoint>, token: Option<&Secret>) -> Result<(), Problem> {
    // A kubelet has no token, and an answer to a probe tells nothing.
    if matches!(endpoint, Some(Endpoint::Live | Endpoint::Ready)) {
        return Ok(());
    }
    let page = match endpoint {
        Some(Endpoint::Review(page)) => Some(page),
        _ => None,
    };
    match token {
        Some(_) if page.is_some_and(Page::is_open) => {}
        Some(token) if page.is_some() && review::admits(&head.headers, token) => {}
        Some(token) => brings_token(&head.headers, token)?,
        None => names_this_machine(head)?,
    }
    if head.method == Method::GET || head.method == Method::HEAD {
        return Ok(());
    }
    comes_from_no_other_site(head)
}

fn brings_token(headers: &HeaderMap, token: &Secret) -> Result<(), Problem> {
    let given = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let (scheme, rest) = given.split_at(given.len().min("Bearer ".len()));
    if scheme.eq_ignore_ascii_case(b"Bearer ") && token.matches(rest.trim_ascii()) {
        return Ok(());
    }
    let text = "this address needs the token of the policy's `listen.token` as `authorization: Bearer TOKEN`";
    Err(Problem::new(StatusCode::UNAUTHORIZED, text).with(header::WWW_AUTHENTICATE, "Bearer".to_owned()))
}

/// A web page can make its own host name resolve to 127.0.0.1, but it cannot make the browser send another one.
fn names_this_machine(head: &Parts) -> Result<(), Problem> {
    let names = |authority: &Authority| {
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        address.is_ok() || name.eq_ignore_ascii_case("localhost")
    };
    // A host that cannot be read names nothing, and of two one may be a page's.
    let alone = head.headers.get_all(header::HOST).iter().nth(1).is_none();
    if alone && host(head).as_ref().is_some_and(names) {
        return Ok(());
    }
    let text = "without a token only requests to `localhost` or to an address are answered";
    Err(Problem::new(StatusCode::FORBIDDEN, text))
}

fn comes_from_no_other_site(head: &Parts) -> Result<(), Problem> {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("null");
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let own = host(head);
    if let (Some(from), Some(own)) = (from, own)
        && own.as_str().eq_ignore_ascii_case(from)
    {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "a page of another site may not give orders"))
}

fn host(head: &Parts) -> Option<Authority> {
    let named = head.headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    head.uri.authority().cloned().or(named)
}
