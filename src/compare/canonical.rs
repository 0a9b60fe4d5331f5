//! JSON values as text that is equal exactly when they are: what bags of values are sorted by.

use serde_json::Value;

use crate::compare::number::Decimal;
use crate::compare::pointer::Marks;
use crate::compare::pointer::Spot;

/// A value in its one canonical form, without what is ignored in it.
pub(super) fn canonical(value: &Value, marks: &Marks, spot: &Spot) -> String {
    let mut text = String::new();
    write(value, marks, spot, &mut text);
    text
}

/// Texts are written with their length before them, so that none needs escapes and none runs into what follows.
fn write(value: &Value, marks: &Marks, spot: &Spot, text: &mut String) {
    match value {
        Value::Null => text.push('0'),
        Value::Bool(truth) => text.push(if *truth { 't' } else { 'f' }),
        Value::Number(number) => Decimal::of(number).write(text),
        Value::String(string) => write_counted(string, text),
        Value::Array(elements) => {
            let parts = elements.iter().enumerate().map(|(index, value)| (marks.element(spot, index), value));
            let parts = parts.filter(|(below, _)| !marks.is_ignored(below));
            let mut parts: Vec<String> =
                parts.map(|(below, value)| canonical(value, marks, &below)).collect();
            if marks.is_unordered(spot) {
                parts.sort_unstable();
            }
            write_bracketed(['[', ']'], parts, text);
        }
        Value::Object(members) => {
            let parts = members.iter().map(|(name, value)| (marks.member(spot, name), name, value));
            let parts = parts.filter(|(below, ..)| !marks.is_ignored(below));
            let mut parts: Vec<String> = parts
                .map(|(below, name, value)| {
                    let mut part = String::new();
                    write_counted(name, &mut part);
                    write(value, marks, &below, &mut part);
                    part
                })
                .collect();
            parts.sort_unstable();
            write_bracketed(['{', '}'], parts, text);
        }
    }
}

fn write_counted(string: &str, text: &mut String) {
    text.push_str(&format!("\"{}:{string}", string.len()));
}

fn write_bracketed([opening, closing]: [char; 2], parts: Vec<String>, text: &mut String) {
    text.push(opening);
    for part in parts {
        text.push_str(&part);
        text.push(',');
    }
    text.push(closing);
}
