//! Cleans a text that is a whole body: a stream of events, lines of JSON, or anything else.
//!
//! A model's answer comes in pieces, and so do the secrets in it: what stands at the same place of one event after the
//! other is searched as the one text that it becomes for whoever reads it.

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;

use crate::record::Redact;
use crate::record::Unread;
use crate::record::guard::Guard;
use crate::record::guard::MASK;
use crate::record::guard::found;
use crate::record::guard::found::Found;
use crate::record::guard::views;

/// How much of the end of a cut text is left out at most, in bytes: it may be the beginning of a secret.
const FRINGE: usize = 256;

/// A line of a stream that is JSON, perhaps behind the name of a field.
struct Event {
    /// Its place among the lines.
    line: usize,
    /// Where the JSON stands in the line.
    range: Range<usize>,
    document: Value,
}

/// A piece of a text that comes in events: a string, by its place among the strings of its event.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
struct Leaf {
    event: usize,
    string: usize,
}

/// What is cut out of the strings of events, each string's from left to right.
#[derive(Default)]
struct Edits(HashMap<Leaf, Vec<Edit>>);

struct Edit {
    range: Range<usize>,
    stand_in: String,
}

/// What stands at one place of the events, put together.
#[derive(Default)]
struct Strand {
    text: String,
    pieces: Vec<(Leaf, Range<usize>)>,
}

impl Guard {
    /// A body that is text, cleaned. `is_cut`: it may go on after its end. The error says that it cannot be cleaned.
    pub(in crate::record) fn clean_body(
        &self,
        rules: &[Redact],
        text: &str,
        is_cut: bool,
    ) -> Result<String, Unread> {
        let (text, end) = if is_cut { (without_fringe(text), MASK) } else { (text, "") };
        let lines: Vec<&str> =
            text.split_inclusive('\n').flat_map(|line| line.split_inclusive('\r')).collect();
        let mut events = events(&lines);
        let mut cleaned = match events.is_empty() {
            true => self.clean_plain(rules, text),
            false => self.clean_events(rules, &lines, &mut events)?,
        };
        cleaned.push_str(end);
        Ok(cleaned)
    }

    /// What is found across lines is cut out first, and what is hidden in one by escapes takes its line along.
    fn clean_plain(&self, rules: &[Redact], text: &str) -> String {
        let whole = self.replaced(rules, text);
        let text = whole.as_deref().unwrap_or(text);
        let line = |line: &str| self.cleaned(rules, line).unwrap_or_else(|| line.to_owned());
        if views::may_differ(text) {
            text.split('\n').map(line).collect::<Vec<_>>().join("\n")
        } else {
            text.to_owned()
        }
    }

    fn clean_events(&self, rules: &[Redact], lines: &[&str], events: &mut [Event]) -> Result<String, Unread> {
        let edits = self.edits(rules, events)?;
        for (place, event) in events.iter_mut().enumerate() {
            let mut string = 0;
            edit(&mut event.document, &mut string, &mut |string, text| {
                if let Some(found) = edits.0.get(&Leaf { event: place, string }) {
                    *text = substituted(text, found);
                }
            });
        }
        let mut events = events.iter_mut().peekable();
        let mut cleaned = String::new();
        for (place, line) in lines.iter().enumerate() {
            match events.next_if(|event| event.line == place) {
                Some(Event { range, document, .. }) => {
                    let (head, tail) = (&line[..range.start], &line[range.end..]);
                    // What an edit changed is written anew, like what is changed now.
                    let former: Option<Value> = serde_json::from_str(&line[range.clone()]).ok();
                    self.clean_document(rules, document);
                    cleaned.push_str(head);
                    match former.as_ref() == Some(&*document) {
                        true => cleaned.push_str(&line[range.clone()]),
                        false => cleaned.push_str(&document.to_string()),
                    }
                    cleaned.push_str(tail);
                }
                None => cleaned.push_str(self.cleaned(rules, line).as_deref().unwrap_or(line)),
            }
        }
        Ok(cleaned)
    }

    /// What is to be cut out of the strings of events, for what rules find where several are put together.
    fn edits(&self, rules: &[Redact], events: &[Event]) -> Result<Edits, Unread> {
        let mut strands: IndexMap<String, Strand> = IndexMap::new();
        for (event, Event { document, .. }) in events.iter().enumerate() {
            let mut string = 0;
            visit(document, &mut String::new(), &mut string, &mut |string, place, text| {
                if !strands.contains_key(place) {
                    strands.insert(place.to_owned(), Strand::default());
                }
                strands[place].add(Leaf { event, string }, text);
            });
        }
        let mut edits = Edits::default();
        for strand in strands.values().filter(|strand| !strand.is_constant()) {
            let found = strand.found(rules);
            let left = found::blanked(&strand.text, &found);
            if views::of(&left).iter().any(|view| !found::all(rules, view).is_empty()) {
                return Err(Unread::Scattered);
            }
            for it in &found {
                let mut stand_in = self.whole(it.action, &strand.text[it.range.clone()]).unwrap_or_default();
                for (leaf, range) in &strand.pieces {
                    let (start, end) = (it.range.start.max(range.start), it.range.end.min(range.end));
                    if start < end {
                        let range = start - range.start..end - range.start;
                        let stand_in = std::mem::take(&mut stand_in);
                        edits.0.entry(*leaf).or_default().push(Edit { range, stand_in });
                    }
                }
            }
        }
        Ok(edits)
    }
}

impl Strand {
    fn add(&mut self, leaf: Leaf, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.pieces.push((leaf, start..self.text.len()));
    }

    /// Says whether every event says the same here, such as its model, or only one says anything.
    fn is_constant(&self) -> bool {
        let mut pieces = self.pieces.iter().map(|(_, range)| &self.text[range.clone()]);
        let first = pieces.next();
        pieces.all(|piece| Some(piece) == first)
    }

    /// What is found in the whole and in each of its pieces.
    fn found(&self, rules: &[Redact]) -> Vec<Found> {
        let mut found = found::all(rules, &self.text);
        for (_, range) in &self.pieces {
            let own = found::all(rules, &self.text[range.clone()]);
            found.extend(own.into_iter().map(|it| Found {
                range: it.range.start + range.start..it.range.end + range.start,
                action: it.action,
            }));
        }
        found::merged(found)
    }
}

/// The lines that are JSON.
fn events(lines: &[&str]) -> Vec<Event> {
    let event = |(line, text): (usize, &&str)| {
        let field = text.split_once(':').filter(|(field, _)| field.trim() == "data");
        let begin = field.map_or(0, |(field, _)| field.len() + 1);
        let begin = begin + (text[begin..].len() - text[begin..].trim_start().len());
        let range = begin..begin + text[begin..].trim_end().len();
        let json = &text[range.clone()];
        let document = json.starts_with(['{', '[']).then(|| serde_json::from_str(json).ok()).flatten()?;
        Some(Event { line, range, document })
    };
    lines.iter().enumerate().filter_map(event).collect()
}

/// Tells every string of a document with its number and its place. Elements that say which they are, as choices and
/// blocks do in their `index`, stand at places of their own.
fn visit(value: &Value, place: &mut String, string: &mut usize, tell: &mut impl FnMut(usize, &str, &str)) {
    let length = place.len();
    match value {
        Value::String(text) => {
            tell(*string, place, text);
            *string += 1;
        }
        Value::Array(elements) => {
            for element in elements {
                place.push_str("/*");
                visit(element, place, string, tell);
                place.truncate(length);
            }
        }
        Value::Object(members) => {
            if let Some(Value::Number(index)) = members.get("index") {
                place.push('#');
                place.push_str(index.as_str());
            }
            let length = place.len();
            for (name, member) in members {
                place.push('/');
                place.push_str(name);
                visit(member, place, string, tell);
                place.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    place.truncate(length);
}

/// Hands every string of a document out to be changed, in the order of [`visit`].
fn edit(value: &mut Value, string: &mut usize, change: &mut impl FnMut(usize, &mut String)) {
    match value {
        Value::String(text) => {
            change(*string, text);
            *string += 1;
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| edit(element, string, change)),
        Value::Object(members) => members.values_mut().for_each(|member| edit(member, string, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn substituted(text: &str, edits: &[Edit]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut end = 0;
    for Edit { range, stand_in } in edits {
        written.push_str(&text[end..range.start]);
        written.push_str(stand_in);
        end = range.end;
    }
    written.push_str(&text[end..]);
    written
}

/// A cut text without what may be the beginning of a secret: back to what no secret goes across, or far enough.
fn without_fringe(text: &str) -> &str {
    let ends =
        |c: char| matches!(c, '\n' | '\r' | '"' | '\'' | '<' | '>' | '{' | '}' | '[' | ']' | ',' | ';');
    let least = text.len().saturating_sub(FRINGE);
    let least = (least..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let end = text.rfind(ends).map_or(0, |at| at + 1).max(least);
    &text[..end]
}
