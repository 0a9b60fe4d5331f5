//! Server-sent events in a whole body: the data of each event.
//!
//! Follows the WHATWG rules for lines (`\n`, `\r\n` or `\r`), comments, and data over several lines. One departure:
//! an event that the body's end cuts short is given too, because some servers leave out the last empty line.

/// The data of each event, in order; events without data are skipped.
pub(super) fn messages(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut events = Vec::new();
    let mut pending: Option<String> = None;
    for line in lines(text) {
        if line.is_empty() {
            events.extend(pending.take());
        } else if let Some(data) = data_of(line) {
            match &mut pending {
                None => pending = Some(data.to_owned()),
                Some(earlier) => {
                    earlier.push('\n');
                    earlier.push_str(data);
                }
            }
        }
    }
    events.extend(pending);
    events
}

/// Splits at `\n`, `\r\n` and `\r` alike.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..)).unwrap_or("");
        Some(line)
    })
}

/// The value of a `data` line, without the one space that may follow the colon.
fn data_of(line: &str) -> Option<&str> {
    let (field, value) = line.split_once(':').unwrap_or((line, ""));
    (field == "data").then(|| value.strip_prefix(' ').unwrap_or(value))
}
