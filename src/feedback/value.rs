//! Reads a reported value as the type that the policy declares for its outcome.
//!
//! | type | values |
//! |---|---|
//! | click | `{"item": ID}`, `{"place": N}` from 0 at the top, both, or the id alone as a string |
//! | label | a string, a whole number, `true` or `false` |
//! | binary | `true`, `false`, `"up"`, `"down"` |
//! | number | a finite number |
//! | json | any JSON of at most 16 KiB |

use serde::Deserialize;
use serde_json::Value;

use crate::feedback::report::Reason;
use crate::policy::OutcomeKind;
use crate::protocol::class_text;
use crate::record::OutcomeValue;
use crate::record::Shown;
use crate::record::fits_into_line;

/// The longest label or id, in bytes.
const LONGEST: usize = 1024;

/// A value with its type, and for a click on a list that is known its place there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reported {
    pub(super) kind: OutcomeKind,
    pub(super) value: OutcomeValue,
    pub(super) place: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Click {
    item: Option<Value>,
    place: Option<u32>,
}

/// Reads a value; a click is also looked up in the list that was shown.
pub(super) fn read(kind: OutcomeKind, value: &Value, shown: Option<&Shown>) -> Result<Reported, Reason> {
    let plain = |value| Ok(Reported { kind, value, place: None });
    match kind {
        OutcomeKind::Click => click(value, shown),
        OutcomeKind::Label => match class_text(value) {
            Some(label) if label.len() <= LONGEST => plain(OutcomeValue::Label(label)),
            _ => Err(Reason::Value("a label is a string of at most 1024 bytes, a number, true or false")),
        },
        OutcomeKind::Binary => match binary(value) {
            Some(truth) => plain(OutcomeValue::Binary(truth)),
            None => Err(Reason::Value("a binary outcome is true, false, \"up\" or \"down\"")),
        },
        OutcomeKind::Number => match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => plain(OutcomeValue::Number(number)),
            None => Err(Reason::Value("a number is finite and not in quotes")),
        },
        OutcomeKind::Json if fits_into_line(value) => plain(OutcomeValue::Json(value.clone())),
        OutcomeKind::Json => Err(Reason::Value("a json outcome has at most 16384 bytes and 100 levels")),
    }
}

fn binary(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(thumb) if thumb == "up" => Some(true),
        Value::String(thumb) if thumb == "down" => Some(false),
        _ => None,
    }
}

fn click(value: &Value, shown: Option<&Shown>) -> Result<Reported, Reason> {
    const EXPECTED: Reason =
        Reason::Value("a click is {\"item\": ID}, {\"place\": N}, both, or the id as a string");
    let click = match value {
        Value::String(_) => Click { item: Some(value.clone()), place: None },
        Value::Object(_) => Click::deserialize(value).map_err(|_| EXPECTED)?,
        _ => return Err(EXPECTED),
    };
    let item = match click.item.map(|item| id_text(&item)) {
        Some(Some(id)) if id.len() <= LONGEST => Some(id),
        Some(_) => return Err(EXPECTED),
        None => None,
    };
    if item.is_none() && click.place.is_none() {
        return Err(EXPECTED);
    }
    match shown {
        Some(shown) => on_list(shown, item, click.place),
        None => {
            let value = OutcomeValue::Click { item, place: click.place };
            Ok(Reported { kind: OutcomeKind::Click, value, place: None })
        }
    }
}

/// Names the item that was clicked by its place, however it was reported: the pair's record has its id, if rules of
/// redaction let it be seen.
fn on_list(shown: &Shown, item: Option<String>, place: Option<u32>) -> Result<Reported, Reason> {
    let by_id = item.as_ref().map(|id| shown.items.iter().position(|item| item.id == *id));
    let by_place = place.map(|place| usize::try_from(place).ok().filter(|place| *place < shown.items.len()));
    let place = match (by_id, by_place) {
        (Some(one), Some(other)) if one != other => None,
        (found, other) => found.or(other).flatten(),
    };
    let place = place.ok_or(Reason::NotShown)?;
    let value = OutcomeValue::Click { item: None, place: u32::try_from(place).ok() };
    Ok(Reported { kind: OutcomeKind::Click, value, place: Some(place) })
}

fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
