//! A path selects the same values whoever walks it, and its pointers lead to these very values.
//!
//! A value that is sought in the text is the one that the parsed document has.

use crossfade::protocol::Document;
use crossfade::protocol::JsonPath;
use crossfade::protocol::ListPath;
use serde_json::Value;

use crate::first_line;

/// Checks one input: a path, and on the next lines a document.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, document) = first_line(text);
    if let Ok(compiled) = path.parse() {
        hold_sought(&compiled, document);
    }
    let Ok(document) = serde_json::from_str::<Value>(document) else { return hold_compiled(path) };
    match path.parse::<JsonPath>() {
        Ok(compiled) => hold_selection(&compiled, &document),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(compiled) = path.parse::<ListPath>() {
        hold_list(&compiled, document);
    }
}

/// A path alone is one or is refused with a reason.
fn hold_compiled(path: &str) {
    match path.parse::<JsonPath>() {
        Ok(compiled) => assert_eq!(compiled.as_str(), path),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Seeking and parsing agree on whether it is JSON, and on what is selected.
fn hold_sought(path: &JsonPath, text: &str) {
    let (fresh, parsed) = (Document::from(text), Document::from(text));
    let values = parsed.value().map(|document| path.all(document));
    let sought = fresh.select(path);
    let sought: Option<Vec<&Value>> =
        sought.as_ref().map(|sought| sought.iter().map(AsRef::as_ref).collect());
    assert_eq!(sought, values);
}

fn hold_selection(path: &JsonPath, document: &Value) {
    let selected = path.all(document);
    let general = serde_json_path::JsonPath::parse(path.as_str()).expect("it was compiled before");
    hold_same(&selected, &general.query(document).all());
    let first: Vec<&Value> = path.first(document).into_iter().collect();
    hold_same(&first, selected.get(..1).unwrap_or_default());
    let pointers = path.pointers(document);
    let found: Vec<&Value> = pointers.iter().filter_map(|place| document.pointer(place)).collect();
    hold_same(&found, &selected);
}

/// The same values of the document, not only equal ones.
fn hold_same(some: &[&Value], others: &[&Value]) {
    let same =
        some.len() == others.len() && some.iter().zip(others).all(|(one, other)| std::ptr::eq(*one, *other));
    assert!(same, "{some:?}\n{others:?}");
}

fn hold_list(path: &ListPath, mut document: Value) {
    let list = path.list(&document).cloned();
    assert_eq!(path.list_mut(&mut document).cloned(), list);
    if let Some(list) = list {
        let selected: JsonPath = path.as_str().parse().expect("a path to a list is a path");
        assert_eq!(selected.all(&document), list.iter().collect::<Vec<_>>());
    }
}
