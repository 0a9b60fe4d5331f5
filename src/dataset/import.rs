//! Sets made elsewhere become snapshots: rows of questions, with what is right where somebody knew it.
//!
//! A row becomes a pair that nobody answered yet, and what is right becomes its outcome. Ids and times follow from the rows
//! alone, so that the same rows make the same snapshot: rows have no time, and stand a microsecond apart from 1970 on.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::dataset::Counts;
use crate::dataset::ExportError;
use crate::dataset::Format;
use crate::dataset::LeftOut;
use crate::dataset::Snapshot;
use crate::dataset::export::Gathering;
use crate::dataset::export::Origin;
use crate::record::Line;
use crate::record::SCHEMA;
use crate::record::checked;
use crate::vocab::ExperimentName;
use crate::vocab::OutcomeName;
use crate::vocab::Timestamp;

/// The arm of requests that no model answered.
const NOBODY: &str = "nobody";

/// Says why rows cannot become a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory holds no rows.
    #[error(
        "`{0}` holds no `.jsonl` file; hint: Parquet and CSV are read by `datasets`, whose `to_json` writes such files"
    )]
    NoRows(PathBuf),
    /// A line is no row.
    #[error("{path}:{line}: expected a JSON object a line: {why}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// No row says what to send.
    #[error(
        "no row of {rows} has anything to send: expected `request`, `messages` or `input`; hint: `--map input=COLUMN` names \
         the column"
    )]
    NothingToSend {
        /// How many there are.
        rows: u64,
    },
    /// The snapshot cannot be written.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// What is imported, and as what.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Files of rows, and directories of them.
    pub paths: Vec<PathBuf>,
    /// The set's name.
    pub set: ExperimentName,
    /// The experiment whose comparison and metrics its replays use.
    pub experiment: ExperimentName,
    /// The outcome that holds what is right.
    pub outcome: OutcomeName,
    /// Which columns are meant.
    pub columns: Columns,
    /// What is sent.
    pub sent: Sent,
}

/// The names of a row's columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// What is asked; else `input`, `messages` or `request`.
    pub input: Option<String>,
    /// What is right; else `expected`, `ideal` or `reference`.
    pub expected: Option<String>,
    /// What tells the row from others; else `id`.
    pub id: Option<String>,
}

/// What is sent for a row that has no `request` of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The path, with a query if need be.
    pub path: String,
    /// Headers beside `content-type: application/json`.
    pub headers: Vec<(String, String)>,
    /// The body: in it a text `{{COLUMN}}` stands for the value of a column, `{{input}}` for what is asked; `None`:
    /// `{"messages": ..}` for messages, `{"input": ..}` for anything else.
    pub body: Option<Value>,
}

/// A row as a request.
struct Asked {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Value,
}

/// Makes a snapshot of rows that somebody made elsewhere.
///
/// # Errors
/// When a file cannot be read, a line is no row, no row says anything to send, or the snapshot cannot be written.
pub fn import(imported: &Imported, format: Format, place: &Path) -> Result<Snapshot, ImportError> {
    let mut gathering = Gathering::begin(place)?;
    let (mut counts, mut left_out) = (Counts::default(), BTreeMap::new());
    for path in files(&imported.paths)? {
        let text =
            fs::read_to_string(&path).map_err(|source| ImportError::Io { path: path.clone(), source })?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| ImportError::Row {
                path: path.clone(),
                line: number as u64 + 1,
                why: error.to_string(),
            })?;
            counts.read += 1;
            match imported.asked(&row) {
                Some(asked) => {
                    counts.matched += 1;
                    if !add(&mut gathering, imported, &row, asked, counts.kept)? {
                        counts.repeated += 1;
                        continue;
                    }
                    counts.kept += 1;
                }
                None => *left_out.entry(LeftOut::Unusable).or_default() += 1,
            }
        }
    }
    if counts.kept == 0 {
        return Err(ImportError::NothingToSend { rows: counts.read });
    }
    counts.left_out = left_out;
    counts.outcomes = gathering.arrange();
    let sources = imported.paths.iter().map(|path| path.display().to_string()).collect();
    let origin = Origin { set: imported.set.to_string(), sources, filters: imported.told(), counts, format };
    Ok(gathering.finish(origin)?)
}

/// The files of rows, in the order of their names within each directory.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_file() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        rows_below(path, &mut found).map_err(|source| ImportError::Io { path: path.clone(), source })?;
        if found.is_empty() {
            return Err(ImportError::NoRows(path.clone()));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn rows_below(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            rows_below(&path, found)?;
        } else if path.extension().is_some_and(|kind| kind == "jsonl") {
            found.push(path);
        }
    }
    Ok(())
}

impl Imported {
    /// A row as a request; `None`: it says nothing that can be sent.
    fn asked(&self, row: &Map<String, Value>) -> Option<Asked> {
        if let (None, Some(Value::Object(request))) = (&self.columns.input, row.get("request")) {
            return self.requested(request);
        }
        let input = match &self.columns.input {
            Some(column) => row.get(column)?,
            None => row.get("input").or_else(|| row.get("messages")).or_else(|| row.get("request"))?,
        };
        let body = match &self.sent.body {
            Some(template) => filled(template, input, row),
            None if input.as_array().is_some_and(|all| all.iter().all(|one| one.get("role").is_some())) => {
                json!({"messages": input})
            }
            None => json!({"input": input}),
        };
        let Sent { method, path, headers, .. } = &self.sent;
        Some(Asked { method: method.clone(), path: path.clone(), headers: headers.clone(), body })
    }

    /// A row that says itself what to send.
    fn requested(&self, request: &Map<String, Value>) -> Option<Asked> {
        let text =
            |name: &str, usual: &str| request.get(name).and_then(Value::as_str).unwrap_or(usual).to_owned();
        let own = request.get("headers").and_then(Value::as_object).into_iter().flatten();
        let own = own.filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())));
        Some(Asked {
            method: text("method", &self.sent.method),
            path: text("path", &self.sent.path),
            headers: self.sent.headers.iter().cloned().chain(own).collect(),
            body: request.get("body").cloned()?,
        })
    }

    fn expected<'r>(&self, row: &'r Map<String, Value>) -> Option<&'r Value> {
        match &self.columns.expected {
            Some(column) => row.get(column),
            None => ["expected", "ideal", "reference"].iter().find_map(|column| row.get(*column)),
        }
        .filter(|value| !value.is_null())
    }

    /// What was asked for, as the manifest tells it.
    fn told(&self) -> Value {
        let Imported { experiment, outcome, columns, sent, .. } = self;
        json!({
            "imported": true,
            "experiment": experiment,
            "outcome": outcome,
            "map": {"input": columns.input, "expected": columns.expected, "id": columns.id},
            "method": sent.method,
            "path": sent.path,
            "headers": sent.headers,
            "body": sent.body,
        })
    }
}

/// A template with the values of a row in their places.
fn filled(template: &Value, input: &Value, row: &Map<String, Value>) -> Value {
    match template {
        Value::String(text) => placed(text, input, row),
        Value::Array(elements) => elements.iter().map(|element| filled(element, input, row)).collect(),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, value)| (name.clone(), filled(value, input, row))).collect(),
        ),
        other => other.clone(),
    }
}

/// A text that is one place alone becomes the value itself; places within a text become text.
fn placed(text: &str, input: &Value, row: &Map<String, Value>) -> Value {
    let value = |column: &str| match column {
        "input" => Some(input),
        other => row.get(other),
    };
    let whole = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(value) = whole.and_then(value) {
        return value.clone();
    }
    let (mut made, mut rest) = (String::new(), text);
    while let Some((before, (column, after))) =
        rest.split_once("{{").and_then(|(before, tail)| Some((before, tail.split_once("}}")?)))
    {
        made.push_str(before);
        match value(column) {
            Some(Value::String(text)) => made.push_str(text),
            Some(other) => made.push_str(&other.to_string()),
            None => made.push_str(&format!("{{{{{column}}}}}")),
        }
        rest = after;
    }
    Value::String(made + rest)
}

/// Adds a row; `false`: the same row was there before.
fn add(
    gathering: &mut Gathering,
    imported: &Imported,
    row: &Map<String, Value>,
    asked: Asked,
    number: u64,
) -> Result<bool, ImportError> {
    let Asked { method, path, headers, body } = asked;
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (path, None),
    };
    let id = imported.columns.id.as_deref().unwrap_or("id");
    let named = row.get(id).map_or_else(|| Value::Object(row.clone()), Clone::clone);
    let request_id = id_of(&[imported.set.as_str(), &named.to_string()]);
    let time = Timestamp::from_micros(number as i64);
    let mut all = BTreeMap::from([("content-type".to_owned(), vec!["application/json".to_owned()])]);
    for (name, value) in headers {
        all.insert(name.to_lowercase(), vec![value]);
    }
    let body_text = body.to_string();
    let (body, bytes) = match body {
        Value::String(text) => (json!({"text": text}), text.len()),
        other => (json!({"json": other}), body_text.len()),
    };
    let mut request = json!({"method": method, "path": path, "headers": all, "bytes": bytes, "body": body});
    if let Some(query) = query {
        request["query"] = query.into();
    }
    let identity = imported.set.as_str();
    let pair = json!({
        "schema": SCHEMA, "kind": "pair", "request_id": request_id, "time": time,
        "experiment": imported.experiment, "strategy": "shadow", "policy": "imported", "identity": identity,
        "arms": [NOBODY], "assigned": NOBODY, "propensity": 1.0, "enrolled": true,
        "request": request, "observations": [],
    });
    if !told(gathering, &pair, time)? {
        return Ok(false);
    }
    if let Some(expected) = imported.expected(row) {
        let outcome = json!({
            "schema": SCHEMA, "kind": "outcome", "request_id": request_id, "time": time, "request_time": time,
            "experiment": imported.experiment, "identity": identity, "arm": NOBODY, "enrolled": true,
            "outcome": imported.outcome, "type": "json", "value": {"json": expected},
        });
        told(gathering, &outcome, time)?;
    }
    Ok(true)
}

/// Takes in a line; `false`: its pair was there before.
fn told(gathering: &mut Gathering, line: &Value, time: Timestamp) -> Result<bool, ImportError> {
    let text = checked(&line.to_string());
    let refused = |why: String| ImportError::Row { path: PathBuf::from("a row as a record"), line: 0, why };
    match Line::parse(&text).map_err(|error| refused(error.to_string()))? {
        Line::Pair(record) => Ok(gathering.add_pair(&record, text.as_bytes())?),
        Line::Outcome(record) => {
            gathering.add_outcome(&record, time, text.as_bytes())?;
            Ok(true)
        }
        Line::Design(_) | Line::Answered(_) | Line::Judgement(_) | Line::Gap(_) => Ok(true),
    }
}

/// An id that follows from what it names, as a UUID of version 8 (RFC 9562, section 5.8).
fn id_of(parts: &[&str]) -> String {
    let hash =
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part).chain_update([0])).finalize();
    let mut bytes: [u8; 16] = std::array::from_fn(|place| hash[place]);
    bytes[6] = 0x80 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    uuid::Uuid::from_bytes(bytes).to_string()
}
