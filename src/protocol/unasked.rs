//! Takes the usage out of a passing event stream that its client did not ask for, and leaves every other byte alone.
//!
//! OpenAI's servers tell a stream's usage in a last chunk without choices, some together with choices, and put
//! `"usage":null` into all the others; without `stream_options.include_usage` none of that is there. Events pass as soon as
//! they are whole, which for a model that sends one event at a time is at once.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;

/// An event longer than this passes as it is: no chunk of a token or of a usage is.
const EVENT_BYTES: usize = 1024 * 1024;

const USAGE: &[u8] = b"\"usage\"";

/// One stream being freed of what was not asked for.
#[derive(Debug, Default)]
pub struct Unasked {
    /// An event that is not whole.
    begun: Vec<u8>,
    /// How far it was searched for its end.
    searched: usize,
    /// It is too long, and passes.
    too_long: bool,
}

impl Unasked {
    /// Takes the next bytes and gives what of them, and of what was held back, the client is to have.
    pub fn push(&mut self, bytes: &Bytes) -> Bytes {
        if self.begun.is_empty() && !self.too_long && whole(bytes) {
            let mut events = Events(bytes);
            if !contains(bytes, USAGE) {
                return bytes.clone();
            }
            let mut out = Vec::with_capacity(bytes.len());
            events.by_ref().for_each(|event| keep(event, &mut out));
            return out.into();
        }
        let mut out = Vec::new();
        self.begun.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.begun);
        let mut at = 0;
        while let Some(end) = end_of_event(&held, self.searched.max(at)) {
            let event = &held[at..end];
            if std::mem::take(&mut self.too_long) {
                out.extend_from_slice(event);
            } else {
                keep(event, &mut out);
            }
            at = end;
        }
        let rest = &held[at..];
        if self.too_long || rest.len() > EVENT_BYTES {
            // Its end is still looked for: what may begin it stays.
            self.too_long = true;
            let stays = rest.len().min(3);
            out.extend_from_slice(&rest[..rest.len() - stays]);
            self.begun = rest[rest.len() - stays..].to_vec();
        } else {
            self.begun = rest.to_vec();
        }
        self.searched = self.begun.len().saturating_sub(3);
        out.into()
    }

    /// The stream is over: what was held back of an event that broke off, as far as it is not the usage.
    pub fn finish(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.begun);
        let mut out = Vec::new();
        if self.too_long {
            out = rest;
        } else {
            keep(&rest, &mut out);
        }
        out.into()
    }
}

fn contains(bytes: &[u8], sought: &[u8]) -> bool {
    bytes.windows(sought.len()).any(|window| window == sought)
}

/// Whether bytes end with the end of an event.
fn whole(bytes: &[u8]) -> bool {
    [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"].iter().any(|end| bytes.ends_with(end))
}

/// The place behind the first empty line at or after a place.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        let rest = &bytes[at..];
        for end in [&b"\n\n"[..], b"\r\n\r\n", b"\r\r"] {
            if rest.starts_with(end) {
                return Some(at + end.len());
            }
        }
        at += 1;
    }
    None
}

struct Events<'b>(&'b [u8]);

impl<'b> Iterator for Events<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = end_of_event(self.0, 0).unwrap_or(self.0.len());
        let (event, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(event)
    }
}

/// Adds what a client is to have of an event.
fn keep(event: &[u8], out: &mut Vec<u8>) {
    let (changed, data) = match data_of(event).map(|data| (without_usage(&event[data.clone()]), data)) {
        Some((Some(changed), data)) => (changed, data),
        Some((None, _)) | None => return out.extend_from_slice(event),
    };
    if let Kept::Cut(cut) = changed {
        out.extend_from_slice(&event[..data.start + cut.start]);
        out.extend_from_slice(&event[data.start + cut.end..]);
    }
}

enum Kept {
    Nothing,
    /// All but this.
    Cut(Range<usize>),
}

/// Where the data of an event stands that has one line of it.
fn data_of(event: &[u8]) -> Option<Range<usize>> {
    if !contains(event, USAGE) {
        return None;
    }
    let mut found = None;
    let mut at = 0;
    for line in event.split(|byte| matches!(byte, b'\r' | b'\n')) {
        if let Some(value) = line.strip_prefix(b"data:") {
            let data = at + line.len() - value.len()..at + line.len();
            if found.replace(data).is_some() {
                return None;
            }
        }
        at += line.len() + 1;
    }
    found
}

/// What is left of a chunk without its usage; `None`: it has none.
fn without_usage(data: &[u8]) -> Option<Kept> {
    let text = str::from_utf8(data).ok()?;
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
    let usage = members.get("usage")?.get();
    let choices = members.get("choices").map(|choices| choices.get());
    let has_choices =
        choices.is_some_and(|choices| !choices.trim_matches(['[', ']', ' ', '\n', '\t']).is_empty());
    match usage {
        "null" => {}
        _ if usage.starts_with('{') && choices.is_some() && !has_choices => return Some(Kept::Nothing),
        _ if usage.starts_with('{') && choices.is_some() => {}
        _ => return None,
    }
    let value = usage.as_ptr().addr() - text.as_ptr().addr();
    let key = text[..value].trim_end().strip_suffix(':')?.trim_end().strip_suffix("\"usage\"")?;
    let end = value + usage.len();
    Some(Kept::Cut(match key.trim_end().strip_suffix(',') {
        Some(before) => before.len()..end,
        None => {
            let behind = text[end..].trim_start();
            let comma = behind.strip_prefix(',').unwrap_or(behind);
            key.len()..text.len() - comma.len()
        }
    }))
}
