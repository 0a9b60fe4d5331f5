//! Redaction: what must not reach the log is taken out here, before a line is built.
//!
//! Credentials in headers and in the query go always, and of headers only those are written that are known to name
//! nobody, or that the policy lists. The policy's rules act on requests, answers and outcomes alike. A body that a rule
//! cannot be applied to, because it is cut, compressed or neither JSON nor text, is withheld whole: the rule might have
//! spoken of it. Where units are hashed, the places that name the unit show its hash too.

use std::borrow::Cow;
use std::cmp::Reverse;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use serde_json::Value;

use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::UnitSource;
use crate::policy::decoded;
use crate::protocol::Document;
use crate::protocol::JsonPath;
use crate::protocol::is_credential;
use crate::record::Body;
use crate::record::Guard;
use crate::record::HeaderRecord;
use crate::record::MASK;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::Redact;
use crate::record::RedactAction;
use crate::record::RedactTarget;
use crate::record::Sought;
use crate::record::body::Content;
use crate::record::digest;
use crate::record::guard::escaped;
use crate::record::headers::Text;
use crate::vocab::ExperimentName;

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

/// The rules as they apply to one experiment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Redactor<'a> {
    guard: &'a Guard,
    policy: &'a Policy,
    experiment: &'a Experiment,
}

/// What becomes of one value: a rule's action, what the rule seeks in it, or the unit's hash.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Rule(RedactAction),
    Search(&'a Redact),
    Unit,
}

/// Headers as far as they may be written, and how many values may not.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) headers: HeaderRecord,
    pub(super) left_out: u32,
}

impl<'a> Redactor<'a> {
    pub(super) fn new(guard: &'a Guard, policy: &'a Policy, experiment: &'a Experiment) -> Self {
        Self { guard, policy, experiment }
    }

    /// The headers of an answer.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Written {
        let mut written = Written { headers: HeaderRecord::with_capacity(headers.len()), left_out: 0 };
        for (name, value) in headers {
            match self.header(name, value) {
                Some(text) => written.headers.push(name, text),
                None => written.left_out += 1,
            }
        }
        written
    }

    /// The headers of a request. Where some are left out, what the policy asks for and is not there is told to be absent,
    /// for nobody could tell it from what was left out.
    pub(super) fn request_headers(&self, headers: &HeaderMap) -> Written {
        let mut written = self.headers(headers);
        if written.left_out > 0 {
            let mut told: Vec<&HeaderName> = Vec::new();
            for name in self.asked().filter(|name| !headers.contains_key(*name) && !self.guard.lists(name)) {
                if !told.contains(&name) {
                    written.headers.push_absent(name);
                    told.push(name);
                }
            }
        }
        written
    }

    /// A path of a URL.
    pub(super) fn path(&self, path: &str) -> String {
        self.guard.path(path).into_owned()
    }

    /// A query, or a form, with the values of credentials and units replaced, and what rules find.
    pub(super) fn query(&self, query: &str) -> String {
        let pairs = query.split('&').filter_map(|pair| self.parameter(pair));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The body of a request; `None`: it is empty.
    pub(super) fn request_body(&self, content: &Content) -> Option<Body> {
        let paths: Vec<_> = self.json_changes().chain(self.json_units()).collect();
        self.body(content, &paths)
    }

    /// The body of an answer; `None`: it is empty.
    pub(super) fn answer_body(&self, content: &Content) -> Option<Body> {
        let paths: Vec<_> = self.json_changes().collect();
        self.body(content, &paths)
    }

    /// A text of an answer that stands outside its body: the id of an item, the place of a difference.
    pub(super) fn told(&self, text: String) -> String {
        let mut text = text;
        for rule in self.json_searches() {
            text = self.guard.text_by(std::slice::from_ref(rule), &text).unwrap_or(text);
        }
        match self.guard.text(&text) {
            Cow::Owned(cleaned) => cleaned,
            Cow::Borrowed(_) => text,
        }
    }

    /// A text put together from a body's pieces, likewise; `is_cut`: it may go on after its end. `None`: it cannot be
    /// cleaned.
    pub(super) fn told_body(&self, text: &str, is_cut: bool) -> Option<String> {
        if !self.guard.searches() {
            return Some(text.to_owned());
        }
        self.guard.body(text, is_cut)
    }

    /// Says whether rules look for something in every text.
    pub(super) fn searches(&self) -> bool {
        self.guard.searches()
    }

    /// Takes out of a value that stands outside its body what rules look for everywhere.
    pub(super) fn clean(&self, value: &mut Value) {
        self.guard.clean_document(self.guard.everywhere(), value);
    }

    /// Says whether any rule speaks of JSON fields, of all that stands there or of something in it.
    pub(super) fn speaks_of_json(&self) -> bool {
        self.json_changes().next().is_some()
    }

    /// The id of an item that is hidden in the answers.
    pub(super) fn hidden_id(&self, id: &str) -> String {
        self.guard.digest(id.as_bytes())
    }

    /// The unit as it is recorded: where it is shown and rules would hide some of it, its hash takes its place, for units
    /// must stay apart.
    pub(super) fn unit(&self, unit: String) -> String {
        unit_told(self.guard, &self.experiment.name, unit)
    }

    /// Says whether rules find something in a value that stands outside its body.
    pub(super) fn finds_in(&self, value: &Value) -> bool {
        self.guard.changes(self.guard.everywhere(), value)
            || self.json_searches().any(|rule| self.guard.changes(std::slice::from_ref(rule), value))
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
        let rules = self.whole_json_rules();
        rules
            .flat_map(|(path, action)| path.pointers(answer).into_iter().map(move |place| (place, action)))
            .collect()
    }

    /// Says whether any rule speaks of JSON fields.
    pub(super) fn reads_json(&self) -> bool {
        self.json_rules().next().is_some()
    }

    fn body(&self, content: &Content, paths: &[(&JsonPath, Change<'a>)]) -> Option<Body> {
        let everywhere = self.guard.everywhere();
        if !paths.is_empty() {
            return content.redacted(|document| {
                self.apply(paths, document);
                self.guard.clean_document(everywhere, document);
            });
        }
        let as_form = content.is_form() && (!everywhere.is_empty() || self.has_parameter_rules());
        if everywhere.is_empty() && !as_form {
            return content.plain();
        }
        self.searched(content, as_form)
    }

    /// A body that rules search as a whole.
    fn searched(&self, content: &Content, as_form: bool) -> Option<Body> {
        let everywhere = self.guard.everywhere();
        if content.is_empty() {
            return None;
        }
        match content.plain() {
            Some(Body::Json(json)) if !Guard::may_change(everywhere, json.get()) => {
                return Some(Body::Json(json));
            }
            _ if content.json().is_some() => {
                return content.redacted(|document| _ = self.guard.clean_document(everywhere, document));
            }
            _ => {}
        }
        let cleaned = content.text().and_then(|(text, is_cut)| {
            let form = as_form.then(|| self.query(text));
            self.guard.clean_body(everywhere, form.as_deref().unwrap_or(text), is_cut)
        });
        Some(cleaned.map_or_else(Body::Withheld, Body::Text))
    }

    /// Finds every place first, then changes them: a rule that looks at a field which another rule hides must
    /// still see it. Changes never move an element, so the places stay right.
    fn apply(&self, paths: &[(&JsonPath, Change<'a>)], document: &mut Value) {
        let find = |(path, change): &(&'_ JsonPath, Change<'a>)| -> Vec<(String, Change<'a>)> {
            let mut places = path.pointers(document);
            if matches!(change, Change::Rule(RedactAction::Drop)) {
                // From the last: taking a member out moves all that stand behind it.
                places.reverse();
            }
            places.into_iter().map(|place| (place, *change)).collect()
        };
        let places: Vec<(String, Change<'a>)> = paths.iter().flat_map(find).collect();
        // Searching may give members other names, and what lies inside them would not be found: it comes last, and the
        // innermost places come first.
        let (mut searches, rest): (Vec<_>, Vec<_>) =
            places.into_iter().partition(|(_, change)| matches!(change, Change::Search(_)));
        for (place, change) in rest {
            match self.changed(change, document.pointer(&place)) {
                Some(value) => replace(document, &place, value),
                None => remove(document, &place),
            }
        }
        searches.sort_by_key(|(place, _)| Reverse(place.len()));
        for (place, change) in searches {
            if let (Change::Search(rule), Some(value)) = (change, document.pointer_mut(&place)) {
                self.guard.clean_document(std::slice::from_ref(rule), value);
            }
        }
    }

    fn changed(&self, change: Change<'_>, value: Option<&Value>) -> Option<Value> {
        let text = match value {
            Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
            Some(other) => Cow::Owned(other.to_string()),
            None => Cow::Borrowed(""),
        };
        match change {
            Change::Rule(action) => self.guard.whole(action, &text).map(Value::from),
            Change::Search(_) => Some(text.into_owned().into()),
            Change::Unit => Some(digest::hashed_unit(&self.experiment.name, &text).into()),
        }
    }

    fn header(&self, name: &HeaderName, value: &HeaderValue) -> Option<Text> {
        if is_credential(name) {
            return None;
        }
        if let Some(action) = self.whole_header_rule(name) {
            return match action {
                RedactAction::Hash => Some(Text::Made(self.guard.digest(value.as_bytes()))),
                _ => self.guard.whole(action, "").map(Text::Made),
            };
        }
        if self.names_unit(name) {
            let unit = String::from_utf8_lossy(value.as_bytes());
            return Some(match self.experiment.hash_unit {
                true => Text::Made(digest::hashed_unit(&self.experiment.name, &unit)),
                false => Text::Made(self.unit(unit.into_owned())),
            });
        }
        if self.guard.lists(name) {
            // A context that is none may be anything.
            let is_context = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
            let is_broken = name == "traceparent" && !value.as_bytes().iter().all(is_context);
            return (!is_broken).then(|| self.searched_header(name, value));
        }
        self.asked().any(|asked| asked == name).then(|| match self.is_asked_for(name, value) {
            true => Text::of(value),
            false => Text::Made(MASK.to_owned()),
        })
    }

    fn searched_header(&self, name: &HeaderName, value: &HeaderValue) -> Text {
        let text = String::from_utf8_lossy(value.as_bytes());
        let own = |rule: &&Redact| matches!(&rule.target, RedactTarget::Header(header) if header == name);
        let mut cleaned: Option<String> = None;
        for rule in self.guard.rules().iter().filter(own) {
            let next = self.guard.text_by(std::slice::from_ref(rule), cleaned.as_deref().unwrap_or(&text));
            cleaned = next.or(cleaned);
        }
        let next = self.guard.text_by(self.guard.everywhere(), cleaned.as_deref().unwrap_or(&text));
        next.or(cleaned).map_or_else(|| Text::of(value), Text::Made)
    }

    /// `None`: nothing is left of the parameter.
    fn parameter(&self, pair: &str) -> Option<String> {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        };
        let known = decoded(name);
        let told = match self.guard.text(&known) {
            Cow::Owned(cleaned) => escaped(&cleaned, ""),
            Cow::Borrowed(_) => name.to_owned(),
        };
        let Some(value) = value else { return Some(told) };
        if MASKED_PARAMETERS.contains(&known.to_ascii_lowercase().as_str()) {
            return Some(format!("{told}={MASK}"));
        }
        let own = |rule: &&Redact| matches!(&rule.target, RedactTarget::Query(own) if *own == known);
        let own: Vec<&Redact> = self.guard.rules().iter().filter(own).collect();
        let plain = decoded(value);
        if let Some(rule) = own.iter().find(|rule| rule.sought == Sought::All) {
            return self.guard.whole(rule.action, &plain).map(|left| format!("{told}={left}"));
        }
        if self.hidden_units().any(|hidden| matches!(hidden, UnitSource::Query(name) if *name == known)) {
            return Some(format!("{told}={}", digest::hashed_unit(&self.experiment.name, &plain)));
        }
        if let Some(left) = self.guard.promised(&known, &plain) {
            return Some(format!("{told}={left}"));
        }
        let mut left: Option<String> = None;
        let everywhere = self.guard.everywhere();
        for rules in own.into_iter().map(std::slice::from_ref).chain([everywhere]) {
            left = match &left {
                Some(left) => self.guard.text_by(rules, left),
                // A plus is a blank to those who read forms, and a plus to those who dial.
                None => self.guard.text_by(rules, &plain).or_else(|| self.guard.text_by(rules, value)),
            }
            .or(left);
        }
        Some(format!("{told}={}", left.map_or_else(|| value.to_owned(), |left| escaped(&left, ""))))
    }

    /// The headers that some experiment asks requests for.
    fn asked(&self) -> impl Iterator<Item = &'a HeaderName> {
        self.policy.experiments.iter().flat_map(|experiment| {
            let matched = experiment.matcher.headers.iter().map(|(name, _)| name);
            matched.chain(&experiment.force_header)
        })
    }

    /// Says whether a value is one that the policy itself names.
    fn is_asked_for(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        self.policy.experiments.iter().any(|experiment| {
            let mut matched = experiment.matcher.headers.iter();
            let forces = experiment.force_header.as_ref() == Some(name)
                && experiment
                    .arms
                    .iter()
                    .any(|arm| self.policy.model(*arm).name.as_str().as_bytes() == value.as_bytes());
            forces || matched.any(|(own, wanted)| own == name && wanted.as_bytes() == value.as_bytes())
        })
    }

    fn whole_header_rule(&self, name: &HeaderName) -> Option<RedactAction> {
        let applies = |rule: &&Redact| {
            rule.sought == Sought::All
                && matches!(&rule.target, RedactTarget::Header(header) if header == name)
        };
        self.guard.rules().iter().find(applies).map(|rule| rule.action)
    }

    fn has_parameter_rules(&self) -> bool {
        self.guard.rules().iter().any(|rule| matches!(rule.target, RedactTarget::Query(_)))
    }

    fn names_unit(&self, name: &HeaderName) -> bool {
        let mut sources = self.experiment.unit.iter();
        sources.any(|source| matches!(source, UnitSource::Header(header) if header == name))
    }

    /// What the rules of JSON paths do to a body.
    fn json_changes(&self) -> impl Iterator<Item = (&'a JsonPath, Change<'a>)> {
        self.guard.rules().iter().filter_map(|rule| match (&rule.target, &rule.sought) {
            (RedactTarget::Json(path), Sought::All) => Some((path, Change::Rule(rule.action))),
            (RedactTarget::Json(path), _) => Some((path, Change::Search(rule))),
            _ => None,
        })
    }

    /// The rules of JSON paths that hide all that stands there.
    fn whole_json_rules(&self) -> impl Iterator<Item = (&'a JsonPath, RedactAction)> {
        self.guard.rules().iter().filter_map(|rule| match (&rule.target, &rule.sought) {
            (RedactTarget::Json(path), Sought::All) => Some((path, rule.action)),
            _ => None,
        })
    }

    fn json_rules(&self) -> impl Iterator<Item = (&'a JsonPath, Change<'a>)> {
        self.whole_json_rules().map(|(path, action)| (path, Change::Rule(action)))
    }

    /// The rules of JSON paths that seek something there.
    fn json_searches(&self) -> impl Iterator<Item = &'a Redact> {
        let searches =
            |rule: &&Redact| matches!(rule.target, RedactTarget::Json(_)) && rule.sought != Sought::All;
        self.guard.rules().iter().filter(searches)
    }

    fn json_units(&self) -> impl Iterator<Item = (&'a JsonPath, Change<'a>)> {
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

/// Takes out of an outcome what rules look for everywhere.
pub(super) fn clean_outcome(guard: &Guard, record: &mut OutcomeRecord) {
    if !guard.searches() {
        return;
    }
    let clean = |text: &mut String| {
        if let Cow::Owned(cleaned) = guard.text(text) {
            *text = cleaned;
        }
    };
    match &mut record.value {
        OutcomeValue::Click { item, .. } => item.iter_mut().for_each(clean),
        OutcomeValue::Label(label) => clean(label),
        OutcomeValue::Json(value) => _ = guard.clean_document(guard.everywhere(), value),
        OutcomeValue::Number(number) => {
            // A whole number may be somebody's, and whoever reports it writes no point.
            let digits = format!("{number:.0}");
            let whole = (number.fract() == 0.0).then(|| digits.parse().ok()).flatten();
            let mut written = whole.map_or_else(|| Value::from(*number), Value::Number);
            if guard.clean_document(guard.everywhere(), &mut written) {
                record.value = OutcomeValue::Json(written);
            }
        }
        OutcomeValue::Binary(_) => {}
    }
    let told = |unit| unit_told(guard, &record.experiment, unit);
    record.unit = record.unit.take().map(told);
}

fn unit_told(guard: &Guard, experiment: &ExperimentName, unit: String) -> String {
    match guard.text(&unit) {
        Cow::Owned(_) => digest::hashed_unit(experiment, &unit),
        Cow::Borrowed(_) => unit,
    }
}

/// Says whether no change touches what a path selects.
fn spares<'a>(
    changes: impl Iterator<Item = (&'a JsonPath, Change<'a>)>,
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
