//! Other ways to read a text: with its percent escapes and the escapes of JSON undone.
//!
//! What is written `%40` or `\u0040` is an `@` to whoever reads it later, so what is sought is sought there too.

/// How often escapes are undone: a JSON text in a JSON text in a parameter of a URL has three.
const ROUNDS: usize = 4;

/// The text with its escapes undone, once and again, each time that it makes a difference.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut views: Vec<String> = Vec::new();
    if !may_differ(text) {
        return views;
    }
    for _ in 0..ROUNDS {
        let last = views.last().map_or(text, String::as_str);
        let next = unescaped(&unquoted(last));
        if next == last {
            break;
        }
        views.push(next);
    }
    views
}

/// Says whether a text has an escape in it.
pub(super) fn may_differ(text: &str) -> bool {
    text.contains('\\') || has_percent_escape(text.as_bytes())
}

fn has_percent_escape(text: &[u8]) -> bool {
    memchr::memchr_iter(b'%', text).any(|at| hex_pair(&text[at + 1..]).is_some())
}

/// Percent escapes undone; what is then no UTF-8 is replaced.
fn unquoted(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match hex_pair(tail).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The escapes of JSON and of programming languages undone; a broken one stays as it is.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        written.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let Some(kind) = tail.chars().next() else {
            rest = &rest[at..];
            break;
        };
        let digits = match kind {
            'u' => 4,
            'x' => 2,
            _ => 0,
        };
        let code = tail.get(1..=digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match (digits, code.and_then(char::from_u32)) {
            (0, _) => {
                written.push(match kind {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' | 'f' | 'v' | '0' => ' ',
                    other => other,
                });
                rest = &tail[kind.len_utf8()..];
            }
            (_, Some(decoded)) => {
                written.push(decoded);
                rest = &tail[digits + 1..];
            }
            (_, None) => {
                written.push('\\');
                rest = tail;
            }
        }
    }
    written.push_str(rest);
    written
}

fn hex_pair(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low, ..] = text else { return None };
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// A text as it may stand in a URL: what is neither unreserved nor one of `kept` is percent-encoded. Masks stay.
pub(in crate::record) fn escaped(text: &str, kept: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        let is_plain = c.is_ascii_alphanumeric() || "-._~!$'()*,;:@".contains(c) || kept.contains(c);
        if byte.is_ascii() && is_plain {
            written.push(c);
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}
