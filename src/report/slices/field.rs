//! What requests are put into slices by: a field of theirs, whichever it is.

use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use serde_json::Value;

use crate::policy::decoded;
use crate::protocol::Document;
use crate::protocol::JsonPath;
use crate::record::Body;
use crate::record::PairedRecord;
use crate::record::RequestRecord;

/// The longest value of a slice, in characters; longer ones are told by their beginning.
const LONGEST: usize = 120;

/// A field of requests.
#[derive(Debug, Clone)]
pub enum SliceField {
    /// The method.
    Method,
    /// The path, without the query.
    Path,
    /// A parameter of the query, by its first value.
    Query(String),
    /// A header, by its first value.
    Header(HeaderName),
    /// What a path selects in the body; several values as a list.
    Json(JsonPath),
    /// The canary's stage.
    Stage,
    /// The hour of the day, UTC.
    Hour,
}

/// Says why a text names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SliceFieldError {
    /// There is no such field.
    #[error(
        "`{0}` is no field of a request: expected `method`, `path`, `query:NAME`, `header:NAME`, `json:$.path`, `stage` \
         or `hour`"
    )]
    Unknown(String),
    /// The header's name is none.
    #[error("`{0}` is no name of a header")]
    Header(String),
    /// The path is none.
    #[error("{0}")]
    Path(String),
}

impl FromStr for SliceField {
    type Err = SliceFieldError;

    fn from_str(text: &str) -> Result<Self, SliceFieldError> {
        let unknown = || SliceFieldError::Unknown(text.to_owned());
        let named = |name: &str| if name.is_empty() { Err(unknown()) } else { Ok(name.to_owned()) };
        Ok(match text.split_once(':') {
            None => match text {
                "method" => SliceField::Method,
                "path" => SliceField::Path,
                "stage" => SliceField::Stage,
                "hour" => SliceField::Hour,
                _ => return Err(unknown()),
            },
            Some(("query", name)) => SliceField::Query(named(name)?),
            Some(("header", name)) => SliceField::Header(
                named(name)?.parse().map_err(|_| SliceFieldError::Header(name.to_owned()))?,
            ),
            Some(("json", path)) => {
                SliceField::Json(path.parse().map_err(|why| SliceFieldError::Path(format!("{why}")))?)
            }
            Some(_) => return Err(unknown()),
        })
    }
}

impl fmt::Display for SliceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SliceField::Method => f.write_str("method"),
            SliceField::Path => f.write_str("path"),
            SliceField::Query(name) => write!(f, "query:{name}"),
            SliceField::Header(name) => write!(f, "header:{name}"),
            SliceField::Json(path) => write!(f, "json:{}", path.as_str()),
            SliceField::Stage => f.write_str("stage"),
            SliceField::Hour => f.write_str("hour"),
        }
    }
}

impl SliceField {
    /// A request's value; `None`: it has none, or the record does not tell.
    pub fn value(&self, record: &PairedRecord) -> Option<String> {
        let RequestRecord { method, path, query, headers, body, .. } = &record.request;
        let value = match self {
            SliceField::Method => method.clone(),
            SliceField::Path => path.clone(),
            SliceField::Query(name) => parameter(query.as_deref()?, name)?,
            SliceField::Header(name) => headers.get(name)?.into_owned(),
            SliceField::Json(path) => selected(body.as_ref()?, path)?,
            SliceField::Stage => record.stage?.to_string(),
            SliceField::Hour => record.time.to_string().split_once('T')?.1.get(..2)?.to_owned(),
        };
        Some(shortened(value))
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

fn selected(body: &Body, path: &JsonPath) -> Option<String> {
    let Body::Json(raw) = body else { return None };
    let document = Document::from(raw.get());
    let mut found = document.select(path)?;
    let told = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match found.len() {
        0 => None,
        1 => found.pop().map(|value| told(&value)),
        _ => Some(Value::Array(found.into_iter().map(|value| value.into_owned()).collect()).to_string()),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
