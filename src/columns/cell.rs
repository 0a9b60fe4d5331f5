//! One value of one row.

use std::borrow::Cow;
use std::fmt::Display;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde::ser::SerializeSeq;
use serde_json::Value;

use crate::columns::table::Kind;
use crate::columns::table::Part;
use crate::cost::Money;
use crate::vocab::Timestamp;

/// A value, of the kind that its column has.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'r> {
    /// Not known, or no matter of this line.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Cow<'r, str>),
    /// A moment.
    Moment(Timestamp),
    /// An amount of money.
    Money(Money),
    /// Any number of structures, each with one cell for each part of the column's kind.
    List(Vec<Vec<Cell<'r>>>),
}

impl<'r> Cell<'r> {
    /// A text that stands in the record, or none.
    pub(super) fn text(text: Option<&'r str>) -> Self {
        text.map_or(Cell::Null, |text| Cell::Text(Cow::Borrowed(text)))
    }

    /// A value as it prints.
    pub(super) fn shown(value: impl Display) -> Self {
        Cell::Text(Cow::Owned(value.to_string()))
    }

    /// The word that the log has for a value.
    pub(super) fn word(value: &impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(Value::String(word)) => Cell::Text(Cow::Owned(word)),
            _ => Cell::Null,
        }
    }

    /// A value as JSON.
    pub(super) fn json(value: &impl Serialize) -> Self {
        serde_json::to_string(value).map_or(Cell::Null, |text| Cell::Text(Cow::Owned(text)))
    }

    /// A whole number, or none; one that is larger than any that can be kept is the largest.
    pub(super) fn int(number: Option<impl TryInto<i64>>) -> Self {
        number.map_or(Cell::Null, |number| Cell::Int(number.try_into().unwrap_or(i64::MAX)))
    }

    /// Milliseconds as the log has them, to the microsecond, in seconds.
    pub(super) fn seconds(milliseconds: Option<f64>) -> Self {
        let seconds = |milliseconds: f64| (milliseconds * 1e3).round() / 1e6;
        milliseconds.map_or(Cell::Null, |milliseconds| Cell::Float(seconds(milliseconds)))
    }

    /// Says whether there is nothing.
    pub fn is_null(&self) -> bool {
        *self == Cell::Null
    }
}

/// A cell as JSON, with what its kind knows of its parts.
pub(super) struct AsJson<'c, 'r>(pub(super) &'c Cell<'r>, pub(super) Kind);

impl Serialize for AsJson<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0, self.1) {
            (Cell::Null, _) => serializer.serialize_none(),
            (Cell::Bool(value), _) => serializer.serialize_bool(*value),
            (Cell::Int(value), _) => serializer.serialize_i64(*value),
            (Cell::Float(value), _) => serializer.serialize_f64(*value),
            (Cell::Text(value), _) => serializer.serialize_str(value),
            (Cell::Moment(value), _) => value.serialize(serializer),
            (Cell::Money(value), _) => value.serialize(serializer),
            (Cell::List(items), Kind::List(parts)) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Item(item, parts))?;
                }
                list.end()
            }
            (Cell::List(_), _) => serializer.serialize_none(),
        }
    }
}

/// One structure of a list.
struct Item<'c, 'r>(&'c [Cell<'r>], &'static [Part]);

impl Serialize for Item<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = self.1.iter().zip(self.0).filter(|(_, cell)| !cell.is_null());
        let mut map = serializer.serialize_map(None)?;
        for (part, cell) in known {
            map.serialize_entry(part.name, &AsJson(cell, part.kind))?;
        }
        map.end()
    }
}
