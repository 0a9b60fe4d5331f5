//! Which requests an experiment takes: path, method, host, headers, query, fields of a JSON body.
//!
//! Every part that is given must hold; an empty matcher takes all. The body is asked for only when everything
//! else holds already.

use http::HeaderName;
use http::Method;
use http::header::HOST;
use http::request::Parts;
use serde_json::Value;

use crate::compare::same;
use crate::protocol::JsonPath;

/// The conditions of one experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matcher {
    /// The path, without the query; `None`: any.
    pub path: Option<PathPattern>,
    /// The methods; empty: any.
    pub methods: Vec<Method>,
    /// The hosts, lower case, without a port; empty: any.
    pub hosts: Vec<String>,
    /// Headers that must have exactly this value.
    pub headers: Vec<(HeaderName, String)>,
    /// Query parameters that must have exactly this value, percent-decoded.
    pub query: Vec<(String, String)>,
    /// Paths into a JSON body that must select a value equal to this one.
    pub json: Vec<(JsonPath, Value)>,
}

/// A pattern for paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// The whole path.
    Exact(String),
    /// The path itself or anything below it; written with a trailing `/*` and held without.
    Prefix(String),
}

/// What is known of a request's body.
#[derive(Debug, Clone, Copy)]
pub enum BodyView<'a> {
    /// It was not read yet.
    Unread,
    /// It is this JSON.
    Json(&'a Value),
    /// It is no JSON, or above the cap.
    Opaque,
}

impl PathPattern {
    /// Reads a pattern: a trailing `/*` makes it a prefix.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix("/*") {
            Some(prefix) => PathPattern::Prefix(prefix.to_owned()),
            None => PathPattern::Exact(text.to_owned()),
        }
    }

    /// Says whether a path fits.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// Says whether every path that `other` takes is taken by this one too.
    pub fn covers(&self, other: &PathPattern) -> bool {
        match (self, other) {
            (PathPattern::Exact(own), PathPattern::Exact(theirs)) => own == theirs,
            (PathPattern::Exact(_), PathPattern::Prefix(_)) => false,
            (PathPattern::Prefix(_), PathPattern::Exact(path) | PathPattern::Prefix(path)) => {
                self.matches(path)
            }
        }
    }
}

impl Matcher {
    /// Says whether a request fits; `None` when only its body can tell.
    pub fn matches(&self, head: &Parts, body: BodyView<'_>) -> Option<bool> {
        if !self.head_matches(head) {
            return Some(false);
        }
        match body {
            _ if self.json.is_empty() => Some(true),
            BodyView::Unread => None,
            BodyView::Opaque => Some(false),
            BodyView::Json(document) => Some(self.json_matches(document)),
        }
    }

    /// Says whether every request that `other` takes is certainly taken by this one too: its path is as wide or
    /// wider, and each of its other conditions is one of `other`'s.
    pub fn covers(&self, other: &Matcher) -> bool {
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(theirs)) => own.covers(theirs),
        };
        path && as_wide(&self.methods, &other.methods)
            && as_wide(&self.hosts, &other.hosts)
            && within(&self.headers, &other.headers)
            && within(&self.query, &other.query)
            && within(&self.json, &other.json)
    }

    fn head_matches(&self, head: &Parts) -> bool {
        self.path.as_ref().is_none_or(|path| path.matches(head.uri.path()))
            && (self.methods.is_empty() || self.methods.contains(&head.method))
            && (self.hosts.is_empty() || host(head).is_some_and(|host| self.takes_host(host)))
            && self.headers.iter().all(|(name, value)| has_header(head, name, value))
            && self.query.iter().all(|(name, value)| query_has(head, name, value))
    }

    fn takes_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|wanted| wanted.eq_ignore_ascii_case(host))
    }

    fn json_matches(&self, document: &Value) -> bool {
        self.json.iter().all(|(path, value)| path.all(document).into_iter().any(|found| same(found, value)))
    }
}

/// For alternatives, of which none means any.
fn as_wide<T: PartialEq>(own: &[T], other: &[T]) -> bool {
    own.is_empty() || (!other.is_empty() && within(other, own))
}

fn within<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    part.iter().all(|item| whole.contains(item))
}

/// The host that a request names, without its port.
fn host(head: &Parts) -> Option<&str> {
    let named = match head.uri.host() {
        Some(host) => host,
        None => head.headers.get(HOST)?.to_str().ok()?,
    };
    match named.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map(|(address, _)| address),
        None => named.split(':').next(),
    }
}

fn has_header(head: &Parts, name: &HeaderName, value: &str) -> bool {
    head.headers.get_all(name).iter().any(|found| found.as_bytes() == value.as_bytes())
}

fn query_has(head: &Parts, name: &str, value: &str) -> bool {
    query_values(head, name).any(|found| found == value)
}

/// The percent-decoded values of a query parameter, in order.
pub fn query_values<'a>(head: &'a Parts, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let query = head.uri.query().unwrap_or("");
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

/// Decodes `%41` and `+` as HTML forms do; a broken escape stays as it is.
pub fn decoded(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
