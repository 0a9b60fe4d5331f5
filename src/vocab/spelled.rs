//! Reads a word of the vocabulary from its text, without a copy of the text: a log is full of them.

use std::fmt;
use std::fmt::Display;

use serde::de::Deserializer;
use serde::de::Error;
use serde::de::Visitor;

/// Reads what a text spells.
pub(super) fn spelled<'de, T, E: Display, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
    read: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Spelled { expected, read })
}

struct Spelled<T, E> {
    expected: &'static str,
    read: fn(&str) -> Result<T, E>,
}

impl<T, E: Display> Visitor<'_> for Spelled<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<R: Error>(self, text: &str) -> Result<T, R> {
        (self.read)(text).map_err(R::custom)
    }
}
