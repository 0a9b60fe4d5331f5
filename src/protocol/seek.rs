//! One value of a JSON text, found without building the rest of the document.
//!
//! The rest is read as strictly as if it were built: what is JSON must not depend on whether somebody has asked for
//! the whole document before.

use serde_json::Value;

use crate::protocol::json_path::Step;
use crate::protocol::scan::Scanner;

/// What sought a value and found no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotJson;

/// Walks plain steps down a text. The text is read to its end, so that only valid JSON has values.
pub(super) fn seek(steps: &[Step], text: &[u8]) -> Result<Option<Value>, NotJson> {
    if std::str::from_utf8(text).is_err() {
        return Err(NotJson);
    }
    let mut scanner = Scanner::new(text);
    let found = walk(&mut scanner, steps).filter(|_| scanner.is_at_end()).ok_or(NotJson)?;
    if scanner.has_surrogates() {
        // Rare, and hard to tell from their halves.
        serde_json::from_slice::<Value>(text).map_err(|_| NotJson)?;
    }
    let build = |value| serde_json::from_slice(value).map_err(|_| NotJson);
    found.map(build).transpose()
}

/// Passes the value that comes next, and gives what the steps lead to in it. Of two members of one name the last
/// counts, as it does where the whole document is built.
fn walk<'t>(scanner: &mut Scanner<'t>, steps: &[Step]) -> Option<Option<&'t [u8]>> {
    let Some((step, rest)) = steps.split_first() else {
        let value = scanner.pass()?;
        return Some(Some(scanner.part(value)));
    };
    let mut found = None;
    match (step, scanner.peek()?) {
        (Step::Member(name), b'{') => {
            scanner.enter()?;
            let mut goes_on = !scanner.leaves(b'}');
            while goes_on {
                let key = scanner.name()?;
                if is_called(scanner.part(key), name) {
                    found = walk(scanner, rest)?;
                } else {
                    scanner.pass()?;
                }
                goes_on = scanner.goes_on(b'}')?;
            }
        }
        (Step::Element(index), b'[') => {
            scanner.enter()?;
            let mut goes_on = !scanner.leaves(b']');
            let mut place = 0;
            while goes_on {
                if place == *index {
                    found = walk(scanner, rest)?;
                } else {
                    scanner.pass()?;
                }
                place += 1;
                goes_on = scanner.goes_on(b']')?;
            }
        }
        _ => _ = scanner.pass()?,
    }
    Some(found)
}

/// Says whether a member has this name. `key` is as it stands in the text.
fn is_called(key: &[u8], name: &str) -> bool {
    if key.contains(&b'\\') {
        return serde_json::from_slice::<String>(key).is_ok_and(|key| key == name);
    }
    &key[1..key.len() - 1] == name.as_bytes()
}
