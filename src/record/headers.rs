//! Headers as a record shows them.

use std::borrow::Cow;

use http::HeaderName;
use http::HeaderValue;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// Headers as written: each name once, with its values in order. Read them as a map from names to lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRecord(Vec<(HeaderName, Text)>);

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
        Self(Vec::with_capacity(values))
    }

    /// The first value of a name.
    pub fn get(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Adds a value; those of one name one after another.
    pub(super) fn push(&mut self, name: &HeaderName, value: Text) {
        self.0.push((name.clone(), value));
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

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

/// The values of one name.
struct Values<'a>(&'a [(HeaderName, Text)]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(_, value)| value.as_str()))
    }
}

impl Serialize for HeaderRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.chunk_by(|(one, _), (next, _)| one == next);
        serializer.collect_map(names.map(|values| (values[0].0.as_str(), Values(values))))
    }
}

impl<'de> Deserialize<'de> for HeaderRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = indexmap::IndexMap::<String, Vec<String>>::deserialize(deserializer)?;
        let mut headers = Self::default();
        for (name, values) in names {
            let name = HeaderName::try_from(name).map_err(serde::de::Error::custom)?;
            values.into_iter().for_each(|value| headers.push(&name, Text::Made(value)));
        }
        Ok(headers)
    }
}
