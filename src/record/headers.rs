//! Headers as a record shows them.

use http::HeaderName;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// Headers as written: each name once, with its values in order. Read them as a map from names to lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRecord(Vec<(HeaderName, String)>);

impl HeaderRecord {
    /// Adds a value; those of one name one after another.
    pub(super) fn push(&mut self, name: &HeaderName, value: String) {
        self.0.push((name.clone(), value));
    }
}

/// The values of one name.
struct Values<'a>(&'a [(HeaderName, String)]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(_, value)| value))
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
            values.into_iter().for_each(|value| headers.push(&name, value));
        }
        Ok(headers)
    }
}
