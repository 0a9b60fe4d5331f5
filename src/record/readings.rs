//! The readings of one message, by path.
//!
//! A log has them a million times and mostly one a message; whoever waits for outcomes keeps those of many requests. So
//! they are a short list, and a copy of it is none.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::MapAccess;
use serde::de::Visitor;

use crate::record::Reading;

/// What stood at each path that was looked at, in the order of the policy. Written as a map from paths to readings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings(Option<Arc<[(Box<str>, Reading)]>>);

impl Readings {
    /// What stood at a path; `None`: nobody looked.
    pub fn get(&self, path: &str) -> Option<&Reading> {
        self.iter().find(|(own, _)| *own == path).map(|(_, reading)| reading)
    }

    /// Whether nobody looked for anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The paths with what stood there.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reading)> {
        self.0.iter().flat_map(|all| all.iter()).map(|(path, reading)| (path.as_ref(), reading))
    }
}

impl<'p> FromIterator<(&'p str, Reading)> for Readings {
    fn from_iter<I: IntoIterator<Item = (&'p str, Reading)>>(readings: I) -> Self {
        readings.into_iter().map(|(path, reading)| (Box::from(path), reading)).collect::<Vec<_>>().into()
    }
}

impl From<Vec<(Box<str>, Reading)>> for Readings {
    fn from(readings: Vec<(Box<str>, Reading)>) -> Self {
        Self((!readings.is_empty()).then(|| readings.into()))
    }
}

impl Serialize for Readings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByPath)
    }
}

struct ByPath;

impl<'de> Visitor<'de> for ByPath {
    type Value = Readings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from paths to readings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Readings, A::Error> {
        let mut readings = Vec::with_capacity(1);
        while let Some(reading) = map.next_entry()? {
            readings.push(reading);
        }
        Ok(readings.into())
    }
}
