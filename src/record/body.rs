//! Bodies: what captured frames mean, and how they are written.
//!
//! A body that came compressed is decoded where it is whole, so that rules of redaction, usage and comparison can
//! see it and readers of the log need no decoder; `bytes` and `content-encoding` still tell how it passed.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http::header::CONTENT_TYPE;
use memchr::memchr2;
use memchr::memchr2_iter;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::protocol::Document;
use crate::protocol::decoded;
use crate::record::Captured;
use crate::record::json;

/// How deep embedded JSON may nest. Readers of the log commonly stop at 128, and the line itself takes a few.
const DEPTH: usize = 100;

/// A body in the log: JSON stands there as itself, anything else as an object with one key that says what it is.
#[derive(Debug, Clone)]
pub enum Body {
    /// Whole JSON, digit by digit as it passed unless redaction touched it; line breaks became spaces. In
    /// `{"json": ..}` where it would itself look like one of the others.
    Json(Box<RawValue>),
    /// `{"text": ..}`: any other UTF-8.
    Text(String),
    /// `{"base64": ..}`: any other bytes.
    Base64(String),
    /// `{"withheld": ..}`: nothing of it, for a rule of redaction might speak of something in it, and this body could
    /// not be read.
    Withheld(Unread),
}

/// Why a body could not be read by rules of redaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// It is above the cap, or broke off.
    Incomplete,
    /// It is compressed in a way that is not known here, wrongly, or too well.
    Encoding,
    /// It is whole and no JSON, and a rule speaks of JSON fields.
    NotJson,
    /// It is no text, and a rule seeks something in texts.
    NotText,
    /// What a rule seeks is spread over several events, and written with escapes.
    Scattered,
}

/// What tells in the log that a body is not JSON as itself.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wrapped<'a> {
    Json(#[serde(borrow)] &'a RawValue),
    Text(Cow<'a, str>),
    Base64(Cow<'a, str>),
    Withheld(Unread),
}

impl<'a> Wrapped<'a> {
    /// Reads a wrapped body; `None`: this is JSON as itself.
    fn read(text: &'a str) -> Option<Self> {
        let first_key = text.strip_prefix('{')?.trim_start();
        let may_be = ["\"json\"", "\"text\"", "\"base64\"", "\"withheld\""];
        let may_be = may_be.iter().any(|key| first_key.starts_with(key));
        may_be.then(|| serde_json::from_str(text).ok()).flatten()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Body::Json(raw) if Wrapped::read(raw.get()).is_none() => {
                serializer.serialize_newtype_struct(json::RAW, raw)
            }
            Body::Json(raw) => serializer.serialize_newtype_struct(json::RAW, &Wrapped::Json(raw)),
            Body::Text(text) => Wrapped::Text(text.into()).serialize(serializer),
            Body::Base64(text) => Wrapped::Base64(text.into()).serialize(serializer),
            Body::Withheld(reason) => Wrapped::Withheld(*reason).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match Wrapped::read(raw.get()) {
            Some(Wrapped::Json(inner)) => Body::Json(inner.to_owned()),
            Some(Wrapped::Text(text)) => Body::Text(text.into_owned()),
            Some(Wrapped::Base64(text)) => Body::Base64(text.into_owned()),
            Some(Wrapped::Withheld(reason)) => Body::Withheld(reason),
            None => Body::Json(raw),
        })
    }
}

/// A captured body in one piece, decoded where possible, parsed at most once.
#[derive(Debug)]
pub(super) struct Content {
    document: Document,
    state: Result<(), Unread>,
    /// It is still compressed, or whatever else its head says.
    is_encoded: bool,
    is_form: bool,
    /// What could be decoded of a body that broke off, where that is not the document.
    beginning: Option<Bytes>,
}

impl Content {
    /// Opens a body; `ended`: whether its end was seen.
    pub(super) fn open(captured: &Captured, headers: &HeaderMap, ended: bool) -> Self {
        let raw = captured.joined();
        let is_broken = captured.truncated || !ended;
        let decoded = decoded(&raw, headers);
        let mut beginning = None;
        let (bytes, state) = match decoded {
            decoded if is_broken => {
                beginning = decoded.filter(|_| is_encoded(headers)).map(|decoded| decoded.bytes);
                (raw, Err(Unread::Incomplete))
            }
            Some(decoded) if decoded.whole => (decoded.bytes, Ok(())),
            _ => (raw, Err(Unread::Encoding)),
        };
        let is_encoded = state.is_err() && is_encoded(headers);
        Self { document: Document::new(bytes), state, is_encoded, is_form: is_form(headers), beginning }
    }

    /// As much of the decoded body as there is, whole or not; nothing where it cannot be decoded.
    pub(super) fn readable(&self) -> &[u8] {
        match &self.beginning {
            Some(beginning) => beginning,
            None if self.is_encoded => &[],
            None => self.document.bytes(),
        }
    }

    /// Says whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.document.bytes().is_empty()
    }

    /// Says whether it is a form, written as a query is.
    pub(super) fn is_form(&self) -> bool {
        self.is_form
    }

    /// The body as text, and whether it is cut; the error says why it is none.
    pub(super) fn text(&self) -> Result<(&str, bool), Unread> {
        let is_cut = match self.state {
            Ok(()) => false,
            Err(Unread::Incomplete) if !self.is_encoded => true,
            Err(why) => return Err(why),
        };
        let bytes = self.document.bytes();
        // Bytes that tell lengths may look like a letter beside a secret, which then is none to whoever seeks it.
        if bytes.iter().any(is_binary) {
            return Err(Unread::NotText);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok((text, is_cut)),
            // The cut went through a character.
            Err(error) if is_cut && error.error_len().is_none() => {
                let whole = std::str::from_utf8(&bytes[..error.valid_up_to()]);
                whole.map(|text| (text, is_cut)).map_err(|_| Unread::NotText)
            }
            Err(_) => Err(Unread::NotText),
        }
    }

    /// The decoded body, when it is whole.
    pub(super) fn whole(&self) -> Option<&Document> {
        self.state.is_ok().then_some(&self.document)
    }

    /// The body as JSON, when it is whole.
    pub(super) fn json(&self) -> Option<&Value> {
        self.whole().and_then(Document::value)
    }

    /// The body as it is written when no rule speaks of its fields; `None`: it is empty.
    pub(super) fn plain(&self) -> Option<Body> {
        let bytes = self.document.bytes();
        if bytes.is_empty() {
            return None;
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Some(Body::Base64(STANDARD.encode(bytes)));
        };
        let json = self.whole().and_then(|_| embedded(text));
        Some(json.map_or_else(|| Body::Text(text.to_owned()), Body::Json))
    }

    /// Whether a body shows all of this, with nothing changed but line breaks and white space between tokens. One that is
    /// withheld says so itself.
    pub(super) fn is_shown_by(&self, body: Option<&Body>) -> bool {
        let bytes = self.document.bytes();
        match body {
            None => bytes.is_empty(),
            Some(Body::Json(raw)) => {
                is_same_line(raw.get().as_bytes(), bytes)
                    || self.json().and_then(|json| serde_json::to_string(json).ok()).as_deref()
                        == Some(raw.get())
            }
            Some(Body::Text(text)) => text.as_bytes() == bytes.as_ref(),
            Some(Body::Base64(_) | Body::Withheld(_)) => true,
        }
    }

    /// The body as it is written after rules have changed its fields; `None`: it is empty.
    pub(super) fn redacted(&self, redact: impl FnOnce(&mut Value)) -> Option<Body> {
        if self.document.bytes().is_empty() {
            return None;
        }
        let Some(json) = self.json() else {
            return Some(Body::Withheld(self.state.err().unwrap_or(Unread::NotJson)));
        };
        let mut json = json.clone();
        redact(&mut json);
        Some(embedded(&json.to_string()).map_or(Body::Withheld(Unread::NotJson), Body::Json))
    }
}

/// A text as a part of a line, if it is JSON that readers of the log can take.
fn embedded(text: &str) -> Option<Box<RawValue>> {
    if nesting(text) > DEPTH {
        return None;
    }
    if memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        return RawValue::from_string(text.to_owned()).ok();
    }
    // JSON has no raw line break inside a string, so in what is valid each one is white space between tokens.
    let _: &RawValue = serde_json::from_str(text).ok()?;
    RawValue::from_string(text.replace(['\n', '\r'], " ")).ok()
}

/// Whether a text is another whose line breaks became spaces.
fn is_same_line(line: &[u8], text: &[u8]) -> bool {
    line == text
        || line.len() == text.len()
            && line
                .iter()
                .zip(text)
                .all(|(one, other)| one == other || matches!((one, other), (b' ', b'\n' | b'\r')))
}

/// The deepest nesting, or more: brackets inside strings count too.
fn nesting(text: &str) -> usize {
    let brackets = memchr2_iter(b'[', b'{', text.as_bytes()).take(DEPTH + 1).count();
    if brackets <= DEPTH {
        return brackets;
    }
    let mut depth = 0usize;
    let mut deepest = 0;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Says whether a head tells of an encoding that changes bytes.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Says whether a byte stands in no text: a control character other than white space and the escape of terminals.
fn is_binary(byte: &u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t'..=b'\r' | 0x1b | 0x7f)
}

fn is_form(headers: &HeaderMap) -> bool {
    const FORM: &str = "application/x-www-form-urlencoded";
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.get(..FORM.len())).is_some_and(|kind| kind.eq_ignore_ascii_case(FORM))
}
