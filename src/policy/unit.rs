//! What is randomised: a user, named by a header, a cookie, a query parameter or a field of the body.
//!
//! The sources are tried in order and the first present counts. A value that is empty, or in JSON neither string
//! nor number, is not present.

use http::HeaderName;
use http::header::COOKIE;
use http::request::Parts;
use serde_json::Value;

use crate::policy::BodyView;
use crate::policy::Experiment;
use crate::policy::matcher::query_values;
use crate::protocol::JsonPath;

/// Where a unit's name stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitSource {
    /// In this header.
    Header(HeaderName),
    /// In the cookie of this name.
    Cookie(String),
    /// In this query parameter.
    Query(String),
    /// At this path of a JSON body.
    Json(JsonPath),
}

/// The unit of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// The unit that the policy names.
    Named(String),
    /// The policy names none: the request is its own unit.
    Request,
    /// The policy names one and the request lacks it.
    Missing,
}

impl Unit {
    /// What the name holds in memory, in bytes.
    pub fn held_bytes(&self) -> usize {
        match self {
            Unit::Named(name) => name.len(),
            Unit::Request | Unit::Missing => 0,
        }
    }
}

impl Experiment {
    /// Finds the unit of a request; `None` when only the body can tell.
    pub fn unit_of(&self, head: &Parts, body: BodyView<'_>) -> Option<Unit> {
        if self.unit.is_empty() {
            return Some(Unit::Request);
        }
        for source in &self.unit {
            let found = match source {
                UnitSource::Header(name) => {
                    head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
                }
                UnitSource::Cookie(name) => cookie(head, name),
                UnitSource::Query(name) => query_values(head, name).next(),
                UnitSource::Json(path) => match body {
                    BodyView::Unread => return None,
                    BodyView::Opaque => None,
                    BodyView::Json(document) => path.first(document).and_then(as_name),
                },
            };
            if let Some(name) = found.filter(|name| !name.is_empty()) {
                return Some(Unit::Named(name));
            }
        }
        Some(Unit::Missing)
    }
}

fn as_name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn cookie(head: &Parts, name: &str) -> Option<String> {
    let lines = head.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"').to_owned())
}
