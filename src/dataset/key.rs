//! What makes two requests the same query: experiment, method, path, query and body, JSON by its values.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use xxhash_rust::xxh3::xxh3_128;

use crate::record::Body;
use crate::record::PairedRecord;

/// The same for requests that ask the same of the same experiment, and for no others.
pub(super) fn query_key(record: &PairedRecord) -> u128 {
    let request = &record.request;
    let mut text = String::new();
    for part in [record.experiment.as_str(), &request.method, &request.path] {
        counted(part, &mut text);
    }
    counted(request.query.as_deref().unwrap_or_default(), &mut text);
    match &request.body {
        None => text.push('-'),
        Some(Body::Json(raw)) => match serde_json::from_str(raw.get()) {
            Ok(value) => normal(&value, &mut text),
            Err(_) => counted(raw.get(), &mut text),
        },
        Some(Body::Text(body)) => counted(body, &mut text),
        Some(Body::Base64(body)) => {
            text.push('b');
            counted(body, &mut text);
        }
        Some(Body::Withheld(_)) => text.push('w'),
    }
    xxh3_128(text.as_bytes())
}

/// The place of a key in the order that a sample is drawn in.
pub(super) fn lot(key: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(key, seed)
}

/// Members in the order of their names; numbers as they are written. Each text has its length before it, so that none
/// runs into what follows.
fn normal(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push('0'),
        Value::Bool(truth) => text.push(if *truth { 't' } else { 'f' }),
        Value::Number(number) => counted(number.as_str(), text),
        Value::String(string) => {
            text.push('"');
            counted(string, text);
        }
        Value::Array(elements) => {
            text.push('[');
            elements.iter().for_each(|element| normal(element, text));
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (name, member) in members {
                counted(name, text);
                normal(member, text);
            }
            text.push('}');
        }
    }
}

fn counted(part: &str, text: &mut String) {
    text.push_str(&format!("{}:{part}", part.len()));
}
