//! Paths into JSON (RFC 9535), compiled once when the policy is read.
//!
//! Most policies name plain members (`$.user.id`, `$.outputs[0].data[0]`); those are walked directly, without
//! the general engine. The general engine serves everything else that the RFC allows.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::protocol::seek::seek;

/// The longest path, in bytes.
const MAX_BYTES: usize = 1_000;
/// How deep brackets may nest: the parser's time doubles with each, and its stack is not bounded.
const MAX_NESTING: usize = 8;

/// A compiled path that selects any number of values.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Steps,
}

/// A compiled path to one list: plain members, then `[*]`, as in `$.results[*]`.
///
/// Where a list must be put back in its place, a path that could select several places would be ambiguous.
#[derive(Debug, Clone)]
pub struct ListPath {
    text: String,
    steps: Vec<Step>,
}

/// Says why a text is no path, or not the path that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// The text is no RFC 9535 path.
    #[error("`{text}` is not a JSON path: {problem}")]
    Syntax {
        /// The text as given.
        text: String,
        /// What the parser said.
        problem: String,
    },
    /// The path is valid but does not name one list.
    #[error("`{0}` does not name one list: expected plain members and a final `[*]`, as in `$.results[*]`")]
    NotOneList(String),
}

#[derive(Debug, Clone)]
enum Steps {
    Plain(Vec<Step>),
    General(Box<serde_json_path::JsonPath>),
}

/// One step down a document.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Member(String),
    Element(usize),
}

impl TryFrom<String> for JsonPath {
    type Error = JsonPathError;

    fn try_from(text: String) -> Result<Self, JsonPathError> {
        text.parse()
    }
}

impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

impl JsonPath {
    /// The path `$`, which selects the document itself.
    pub fn root() -> Self {
        Self { text: "$".to_owned(), steps: Steps::Plain(Vec::new()) }
    }

    /// The first value that the path selects.
    pub fn first<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        match &self.steps {
            Steps::Plain(steps) => walk(steps, document),
            Steps::General(path) => path.query(document).first(),
        }
    }

    /// Every value that the path selects, in document order.
    pub fn all<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        match &self.steps {
            Steps::Plain(steps) => walk(steps, document).into_iter().collect(),
            Steps::General(path) => path.query(document).all(),
        }
    }

    /// The value that a path of plain members selects, found without building the document; `None`: the path is
    /// not so plain.
    pub(super) fn seek(&self, text: &[u8]) -> Option<Result<Option<Value>, serde_json::Error>> {
        match &self.steps {
            Steps::Plain(steps) => Some(seek(steps, text)),
            Steps::General(_) => None,
        }
    }

    /// RFC 6901 pointers to every value that the path selects, for whoever changes them in place.
    pub fn pointers(&self, document: &Value) -> Vec<String> {
        match &self.steps {
            Steps::Plain(steps) => walk(steps, document).map(|_| pointer(steps)).into_iter().collect(),
            Steps::General(path) => {
                path.query_located(document).locations().map(|place| place.to_json_pointer()).collect()
            }
        }
    }

    /// The RFC 6901 pointer to the one place that the path names; `None`: other than by plain members and indices, it
    /// might select several.
    pub fn place(&self) -> Option<String> {
        match &self.steps {
            Steps::Plain(steps) => Some(pointer(steps)),
            Steps::General(_) => None,
        }
    }

    /// The path as the policy gives it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl ListPath {
    /// The list, when the document holds an array at that place.
    pub fn list<'a>(&self, document: &'a Value) -> Option<&'a Vec<Value>> {
        walk(&self.steps, document)?.as_array()
    }

    /// The list in place, to be replaced.
    pub fn list_mut<'a>(&self, document: &'a mut Value) -> Option<&'a mut Vec<Value>> {
        document.pointer_mut(&pointer(&self.steps))?.as_array_mut()
    }

    /// The path as the policy gives it.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, JsonPathError> {
        let general = parse(text)?;
        let steps = match plain(text) {
            Some(steps) => Steps::Plain(steps),
            None => Steps::General(Box::new(general)),
        };
        Ok(Self { text: text.to_owned(), steps })
    }
}

impl FromStr for ListPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, JsonPathError> {
        parse(text)?;
        let steps = text.strip_suffix("[*]").and_then(plain);
        let steps = steps.ok_or_else(|| JsonPathError::NotOneList(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), steps })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for JsonPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for JsonPath {}

impl PartialEq for ListPath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ListPath {}

fn parse(text: &str) -> Result<serde_json_path::JsonPath, JsonPathError> {
    let syntax = |problem| JsonPathError::Syntax { text: text.chars().take(MAX_BYTES).collect(), problem };
    if text.len() > MAX_BYTES {
        return Err(syntax(format!("it has {} bytes, expected at most {MAX_BYTES}", text.len())));
    }
    if nesting(text) > MAX_NESTING {
        return Err(syntax(format!("it nests deeper than {MAX_NESTING} brackets")));
    }
    if ends_in_escape(text) {
        return Err(syntax(
            "it ends within an escape, expected four hexadecimal digits after `\\u`".to_owned(),
        ));
    }
    serde_json_path::JsonPath::parse(text)
        .map_err(|error| syntax(format!("{} at character {}", error.message(), error.position() + 1)))
}

/// Says whether the text breaks off in `\u` and its digits, which makes the parser panic. No path ends there: the quotes
/// around it would be open.
fn ends_in_escape(text: &str) -> bool {
    let is_begun = |digits: &str| digits.len() < 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.rsplit_once("\\u").is_some_and(|(_, after)| is_begun(after))
}

/// The most brackets that are open at once; those in quotes count too.
fn nesting(text: &str) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'(' => open += 1,
            b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn walk<'a>(steps: &[Step], document: &'a Value) -> Option<&'a Value> {
    steps.iter().try_fold(document, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })
}

fn pointer(steps: &[Step]) -> String {
    let escaped = |step: &Step| match step {
        Step::Member(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Step::Element(index) => format!("/{index}"),
    };
    steps.iter().map(escaped).collect()
}

/// Reads `$`, `.name` and `[0]`; anything else is left to the general engine.
fn plain(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, tail) = after.split_at(end);
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(word) {
                return None;
            }
            steps.push(Step::Member(name.to_owned()));
            rest = tail;
        } else {
            let (index, tail) = rest.strip_prefix('[')?.split_once(']')?;
            if !index.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            steps.push(Step::Element(index.parse().ok()?));
            rest = tail;
        }
    }
    Some(steps)
}
