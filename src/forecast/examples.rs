//! Requests that an experiment's `match` takes, made from the conditions themselves, to be put to two policies.
//!
//! What real users send is not known here. One request that just meets the conditions of each experiment, and one that
//! meets those of each two at once, show where a changed or moved `match` sends requests; a condition on a JSON path that
//! may select several places has no example.

use http::HeaderValue;
use http::Method;
use http::Request;
use http::header::HOST;
use http::request::Parts;
use serde_json::Map;
use serde_json::Value;

use crate::policy::BodyView;
use crate::policy::Matcher;
use crate::policy::PathPattern;

/// A path that no policy is likely to name.
const ANY_PATH: &str = "/any-other-path";

/// One request.
#[derive(Debug)]
pub(super) struct Example {
    pub(super) head: Parts,
    pub(super) body: Value,
}

impl Example {
    pub(super) fn body(&self) -> BodyView<'_> {
        BodyView::Json(&self.body)
    }
}

/// Examples for each of the matchers, then for each two of them, then one for no condition at all.
pub(super) fn examples(matchers: &[&Matcher]) -> Vec<Example> {
    let none = Matcher::default();
    let alternatives = Alternatives::of(matchers);
    let alone = matchers.iter().map(|matcher| vec![*matcher]);
    let pairs = matchers.iter().enumerate().flat_map(|(at, first)| {
        let later = &matchers[at + 1..];
        later.iter().map(move |second| vec![*first, *second])
    });
    let wanted = alone.chain(pairs).chain([vec![&none]]);
    wanted.flat_map(|matchers| meeting(&matchers, &alternatives)).collect()
}

/// What policies name anywhere, for conditions that leave it open.
struct Alternatives {
    methods: Vec<Method>,
    hosts: Vec<Option<String>>,
}

impl Alternatives {
    fn of(matchers: &[&Matcher]) -> Self {
        let mut methods = vec![Method::POST];
        let mut hosts = vec![None];
        for matcher in matchers {
            methods.extend(matcher.methods.iter().cloned());
            hosts.extend(matcher.hosts.iter().cloned().map(Some));
        }
        let mut seen = Vec::new();
        methods.retain(|method| {
            !seen.contains(method) && {
                seen.push(method.clone());
                true
            }
        });
        hosts.sort();
        hosts.dedup();
        Self { methods, hosts }
    }
}

/// The requests that meet all of the matchers: one for each method and host that they leave open.
fn meeting(matchers: &[&Matcher], alternatives: &Alternatives) -> Vec<Example> {
    let Some(path) = narrowest(matchers) else { return Vec::new() };
    let methods = shared(matchers.iter().map(|matcher| &matcher.methods[..]));
    let methods = methods.unwrap_or_else(|| alternatives.methods.clone());
    let hosts = shared(matchers.iter().map(|matcher| &matcher.hosts[..]));
    let hosts =
        hosts.map_or_else(|| alternatives.hosts.clone(), |hosts| hosts.into_iter().map(Some).collect());
    let Some(body) = document(matchers) else { return Vec::new() };
    let uri = uri(&path, matchers);
    let mut examples = Vec::new();
    for method in &methods {
        for host in &hosts {
            let Some(head) = head(method, &uri, host.as_deref(), matchers) else { continue };
            let example = Example { head, body: body.clone() };
            if matchers.iter().all(|matcher| matcher.matches(&example.head, example.body()) == Some(true)) {
                examples.push(example);
            }
        }
    }
    examples
}

fn narrowest(matchers: &[&Matcher]) -> Option<String> {
    let mut patterns = matchers.iter().filter_map(|matcher| matcher.path.as_ref());
    let Some(mut narrow) = patterns.next() else { return Some(ANY_PATH.to_owned()) };
    for pattern in patterns {
        match (narrow.covers(pattern), pattern.covers(narrow)) {
            (true, _) => narrow = pattern,
            (false, true) => {}
            (false, false) => return None,
        }
    }
    Some(match narrow {
        PathPattern::Exact(path) => path.clone(),
        PathPattern::Prefix(path) => format!("{path}{ANY_PATH}"),
    })
}

/// What all lists of alternatives have in common, where an empty one means any; `None`: all are empty.
fn shared<'a, T: Clone + PartialEq + 'a>(lists: impl Iterator<Item = &'a [T]>) -> Option<Vec<T>> {
    lists.filter(|list| !list.is_empty()).map(<[T]>::to_vec).reduce(|mut common, list| {
        common.retain(|item| list.contains(item));
        common
    })
}

fn uri(path: &str, matchers: &[&Matcher]) -> String {
    let pairs = matchers.iter().flat_map(|matcher| &matcher.query);
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A text as it stands in a query.
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn head(method: &Method, uri: &str, host: Option<&str>, matchers: &[&Matcher]) -> Option<Parts> {
    let (mut head, ()) = Request::builder().method(method).uri(uri).body(()).ok()?.into_parts();
    for (name, value) in matchers.iter().flat_map(|matcher| &matcher.headers) {
        let value = HeaderValue::from_str(value).ok()?;
        // A header that two conditions want to be different has no example: who would send both?
        if head.headers.insert(name, value.clone()).is_some_and(|before| before != value) {
            return None;
        }
    }
    if let Some(host) = host {
        head.headers.insert(HOST, HeaderValue::from_str(host).ok()?);
    }
    Some(head)
}

/// A document that has every value which the matchers' conditions want.
fn document(matchers: &[&Matcher]) -> Option<Value> {
    let mut document = Value::Object(Map::new());
    for (path, value) in matchers.iter().flat_map(|matcher| &matcher.json) {
        plant(&mut document, &path.place()?, value)?;
    }
    Some(document)
}

/// Puts a value where an RFC 6901 pointer points, and makes what lies on the way; `None`: something else is there.
pub(super) fn plant(document: &mut Value, pointer: &str, value: &Value) -> Option<()> {
    let mut place = document;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = if step.parse::<u16>().is_ok() {
                Value::Array(Vec::new())
            } else {
                Value::Object(Map::new())
            };
        }
        place = match place {
            Value::Object(members) => members.entry(step).or_insert(Value::Null),
            Value::Array(items) => {
                let at = usize::from(step.parse::<u16>().ok()?);
                items.resize(items.len().max(at + 1), Value::Null);
                &mut items[at]
            }
            _ => return None,
        };
    }
    *place = value.clone();
    Some(())
}

/// An example as a person reads it.
pub(super) fn told(example: &Example) -> String {
    let Example { head, body } = example;
    let headers =
        head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")));
    let body = body.as_object().filter(|members| !members.is_empty()).map(|_| body.to_string());
    let more: Vec<String> = headers.chain(body).collect();
    let line = format!("{} {}", head.method, head.uri);
    if more.is_empty() { line } else { format!("{line} with {}", more.join(", ")) }
}
