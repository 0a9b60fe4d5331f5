//! Headers as a record shows them.

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;
use http::HeaderValue;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::value::RawValue;

use crate::record::json;

/// Headers as written: each name once, with its values in order. Read them as a map from names to lists.
#[derive(Debug, Clone)]
pub struct HeaderRecord(Kept);

#[derive(Debug, Clone)]
enum Kept {
    /// Made from a message.
    Made(Vec<(HeaderName, Option<Text>)>),
    /// Read back, as it stands in the log: half the pieces of a record are headers, and few readers look at any.
    Read(Box<RawValue>),
}

/// A value's text.
#[derive(Debug, Clone)]
pub(super) enum Text {
    /// As it came, which is no copy.
    Given(HeaderValue),
    /// Another.
    Made(String),
}

impl HeaderRecord {
    /// Nothing yet, with room for so many values.
    pub(super) fn with_capacity(values: usize) -> Self {
        Self(Kept::Made(Vec::with_capacity(values)))
    }

    /// The first value of a name.
    pub fn get(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        match &self.0 {
            Kept::Made(values) => {
                let mut own =
                    values.iter().filter(|(own, _)| own == name).filter_map(|(_, value)| value.as_ref());
                own.next().map(Text::as_str)
            }
            Kept::Read(raw) => sought(raw, name),
        }
    }

    /// Adds a value; those of one name one after another. Headers that were read back take no more.
    pub(super) fn push(&mut self, name: &HeaderName, value: Text) {
        if let Kept::Made(values) = &mut self.0 {
            values.push((name.clone(), Some(value)));
        }
    }

    /// Notes that a message has no such header: it stands there with no value.
    pub(super) fn push_absent(&mut self, name: &HeaderName) {
        if let Kept::Made(values) = &mut self.0 {
            values.push((name.clone(), None));
        }
    }
}

impl Text {
    /// A value as it came; what is no UTF-8 in it is replaced.
    pub(super) fn of(value: &HeaderValue) -> Self {
        match String::from_utf8_lossy(value.as_bytes()) {
            Cow::Borrowed(_) => Text::Given(value.clone()),
            Cow::Owned(text) => Text::Made(text),
        }
    }

    fn as_str(&self) -> Cow<'_, str> {
        match self {
            Text::Given(value) => String::from_utf8_lossy(value.as_bytes()),
            Text::Made(text) => text.into(),
        }
    }
}

/// The values of one name.
struct Values<'a>(&'a [(HeaderName, Option<Text>)]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().filter_map(|(_, value)| value.as_ref()).map(Text::as_str))
    }
}

impl Serialize for HeaderRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kept::Made(values) => {
                let names = values.chunk_by(|(one, _), (next, _)| one == next);
                serializer.collect_map(names.map(|values| (values[0].0.as_str(), Values(values))))
            }
            Kept::Read(raw) => serializer.serialize_newtype_struct(json::RAW, raw),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("headers are a map from names to lists of values"));
        }
        Ok(Self(Kept::Read(raw)))
    }
}

/// The first value of a name in headers as they stand in the log.
fn sought<'r>(raw: &'r RawValue, name: &HeaderName) -> Option<Cow<'r, str>> {
    let mut reading = serde_json::Deserializer::from_str(raw.get());
    reading.deserialize_map(Sought(name)).ok().flatten()
}

/// Looks for the first value of a name and passes over the rest.
struct Sought<'n>(&'n HeaderName);

impl<'de> Visitor<'de> for Sought<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to lists of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Written(name)) = names.next_key()? {
            if found.is_none() && name.eq_ignore_ascii_case(self.0.as_str()) {
                let values: Vec<Written<'de>> = names.next_value()?;
                found = values.into_iter().next().map(|Written(value)| value);
            } else {
                names.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A text, copied only where it is written with escapes.
#[derive(Deserialize)]
struct Written<'a>(#[serde(borrow)] Cow<'a, str>);
