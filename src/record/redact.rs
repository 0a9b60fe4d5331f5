//! Redaction: what must not reach the log is taken out here, before a line is built.
//!
//! Credentials in headers and in the query go always. The policy's rules act on requests and answers alike. A body
//! that a rule for JSON fields cannot be applied to, because it is cut or no JSON, is withheld whole: the rule might
//! have spoken of it. Where units are hashed, the places that name the unit show its hash too. The path is
//! written as it came.

use std::borrow::Cow;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;

use crate::policy::Experiment;
use crate::policy::UnitSource;
use crate::policy::decoded;
use crate::protocol::Document;
use crate::protocol::JsonPath;
use crate::protocol::is_credential;
use crate::record::Body;
use crate::record::HeaderRecord;
use crate::record::Redact;
use crate::record::RedactAction;
use crate::record::RedactTarget;
use crate::record::body::Content;
use crate::record::digest;
use crate::record::headers::Text;

/// Query parameters whose values are never written, in lower case.
const MASKED_PARAMETERS: [&str; 14] = [
    "key",
    "api_key",
    "api-key",
    "apikey",
    "token",
    "access_token",
    "password",
    "secret",
    "signature",
    "sig",
    "x-amz-signature",
    "client_secret",
    "id_token",
    "refresh_token",
];

const MASK: &str = "***";

/// The rules as they apply to one experiment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Redactor<'a> {
    rules: &'a [Redact],
    experiment: &'a Experiment,
}

/// What becomes of one value: a rule's action, or the unit's hash.
#[derive(Debug, Clone, Copy)]
enum Change {
    Rule(RedactAction),
    Unit,
}

impl<'a> Redactor<'a> {
    pub(super) fn new(rules: &'a [Redact], experiment: &'a Experiment) -> Self {
        Self { rules, experiment }
    }

    /// The headers of a request or an answer, as far as they may be written.
    pub(super) fn headers(&self, headers: &HeaderMap) -> HeaderRecord {
        let mut written = HeaderRecord::with_capacity(headers.len());
        for (name, value) in headers {
            if let Some(text) = self.header(name, value) {
                written.push(name, text);
            }
        }
        written
    }

    /// A query, with the values of credentials and units replaced.
    pub(super) fn query(&self, query: &str) -> String {
        let pairs = query.split('&').map(|pair| self.parameter(pair));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The body of a request; `None`: it is empty.
    pub(super) fn request_body(&self, content: &Content) -> Option<Body> {
        let paths: Vec<_> = self.json_rules().chain(self.json_units()).collect();
        self.body(content, &paths)
    }

    /// The body of an answer; `None`: it is empty.
    pub(super) fn answer_body(&self, content: &Content) -> Option<Body> {
        let paths: Vec<_> = self.json_rules().collect();
        self.body(content, &paths)
    }

    /// Says whether rules leave the values at a path of an answer as they are.
    pub(super) fn spares(&self, path: &JsonPath, answer: &Document) -> bool {
        spares(self.json_rules(), path, answer)
    }

    /// Says whether rules, and the hashing of units, leave the values at a path of a request as they are.
    pub(super) fn spares_in_request(&self, path: &JsonPath, request: &Document) -> bool {
        spares(self.json_rules().chain(self.json_units()), path, request)
    }

    /// RFC 6901 pointers to what rules hide in an answer, and how.
    pub(super) fn hidden_places(&self, answer: &Value) -> Vec<(String, RedactAction)> {
        let rules = self.rules.iter().filter_map(|rule| match &rule.target {
            RedactTarget::Json(path) => Some((path, rule.action)),
            RedactTarget::Header(_) => None,
        });
        rules
            .flat_map(|(path, action)| path.pointers(answer).into_iter().map(move |place| (place, action)))
            .collect()
    }

    /// Says whether any rule speaks of JSON fields.
    pub(super) fn reads_json(&self) -> bool {
        self.json_rules().next().is_some()
    }

    fn body(&self, content: &Content, paths: &[(&JsonPath, Change)]) -> Option<Body> {
        if paths.is_empty() {
            return content.plain();
        }
        content.redacted(|document| self.apply(paths, document))
    }

    /// Finds every place first, then changes them: a rule that looks at a field which another rule hides must
    /// still see it. Changes never move an element, so the places stay right.
    fn apply(&self, paths: &[(&JsonPath, Change)], document: &mut Value) {
        let find = |(path, change): &(&JsonPath, Change)| -> Vec<(String, Change)> {
            let mut places = path.pointers(document);
            if matches!(change, Change::Rule(RedactAction::Drop)) {
                // From the last: taking a member out moves all that stand behind it.
                places.reverse();
            }
            places.into_iter().map(|place| (place, *change)).collect()
        };
        let places: Vec<(String, Change)> = paths.iter().flat_map(find).collect();
        for (place, change) in places {
            match self.changed(change, document.pointer(&place)) {
                Some(value) => replace(document, &place, value),
                None => remove(document, &place),
            }
        }
    }

    fn changed(&self, change: Change, value: Option<&Value>) -> Option<Value> {
        let text = || match value {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(other) => Cow::Owned(other.to_string()),
            None => Cow::Borrowed(""),
        };
        match change {
            Change::Rule(RedactAction::Mask) => Some(MASK.into()),
            Change::Rule(RedactAction::Hash) => Some(digest::of_value(text().as_bytes()).into()),
            Change::Rule(RedactAction::Drop) => None,
            Change::Unit => Some(digest::hashed_unit(&self.experiment.name, &text()).into()),
        }
    }

    fn header(&self, name: &HeaderName, value: &HeaderValue) -> Option<Text> {
        if is_credential(name) {
            return None;
        }
        match self.header_rule(name) {
            Some(RedactAction::Mask) => Some(Text::Made(MASK.to_owned())),
            Some(RedactAction::Hash) => Some(Text::Made(digest::of_value(value.as_bytes()))),
            Some(RedactAction::Drop) => None,
            None if self.names_unit(name) => {
                let unit = String::from_utf8_lossy(value.as_bytes());
                Some(Text::Made(digest::hashed_unit(&self.experiment.name, &unit)))
            }
            None => Some(Text::of(value)),
        }
    }

    fn parameter(&self, pair: &str) -> String {
        let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
        let known = decoded(name);
        if MASKED_PARAMETERS.contains(&known.to_ascii_lowercase().as_str()) {
            return format!("{name}={MASK}");
        }
        let source = UnitSource::Query(known);
        if self.hidden_units().any(|hidden| *hidden == source) {
            return format!("{name}={}", digest::hashed_unit(&self.experiment.name, &decoded(value)));
        }
        pair.to_owned()
    }

    fn header_rule(&self, name: &HeaderName) -> Option<RedactAction> {
        let applies = |rule: &&Redact| matches!(&rule.target, RedactTarget::Header(header) if header == name);
        self.rules.iter().find(applies).map(|rule| rule.action)
    }

    fn names_unit(&self, name: &HeaderName) -> bool {
        self.hidden_units().any(|source| matches!(source, UnitSource::Header(header) if header == name))
    }

    fn json_rules(&self) -> impl Iterator<Item = (&'a JsonPath, Change)> {
        self.rules.iter().filter_map(|rule| match &rule.target {
            RedactTarget::Json(path) => Some((path, Change::Rule(rule.action))),
            RedactTarget::Header(_) => None,
        })
    }

    fn json_units(&self) -> impl Iterator<Item = (&'a JsonPath, Change)> {
        self.hidden_units().filter_map(|source| match source {
            UnitSource::Json(path) => Some((path, Change::Unit)),
            _ => None,
        })
    }

    fn hidden_units(&self) -> impl Iterator<Item = &'a UnitSource> {
        let hidden = self.experiment.hash_unit;
        self.experiment.unit.iter().filter(move |_| hidden)
    }
}

/// Says whether no change touches what a path selects.
fn spares<'a>(
    changes: impl Iterator<Item = (&'a JsonPath, Change)>,
    path: &JsonPath,
    document: &Document,
) -> bool {
    let mut changes = changes.peekable();
    if changes.peek().is_none() {
        return true;
    }
    let Some(document) = document.value() else { return false };
    let hidden: Vec<String> = changes.flat_map(|(hidden, _)| hidden.pointers(document)).collect();
    let touches = |place: &str| hidden.iter().any(|pointer| overlaps(pointer, place));
    !path.pointers(document).iter().any(|place| touches(place))
}

/// Says whether one place is the other, or lies inside it.
fn overlaps(one: &str, other: &str) -> bool {
    let within = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(one, other) || within(other, one)
}

fn replace(document: &mut Value, place: &str, value: Value) {
    if let Some(old) = document.pointer_mut(place) {
        *old = value;
    }
}

/// Leaves a member out; in an array `null` takes the place, so that the other elements keep theirs.
fn remove(document: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else {
        *document = Value::Null;
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(elements)) => {
            let element = key.parse().ok().and_then(|place: usize| elements.get_mut(place));
            if let Some(element) = element {
                *element = Value::Null;
            }
        }
        _ => {}
    }
}
