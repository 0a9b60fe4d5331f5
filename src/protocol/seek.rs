//! One value of a JSON text, found without building the rest of the document.
//!
//! The rest is read as strictly as if it were built: what is JSON must not depend on whether somebody has asked for
//! the whole document before.

use std::fmt;

use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Value;

use crate::protocol::json_path::Step;

/// Walks plain steps down a text. The text is read to its end, so that only valid JSON has values.
pub(super) fn seek(steps: &[Step], text: &[u8]) -> Result<Option<Value>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = Seek(Some(steps)).deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

/// What is left of the way; `None`: this is beside it.
struct Seek<'p>(Option<&'p [Step]>);

/// Passes over a value.
const PAST: Seek<'static> = Seek(None);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        match self.0 {
            Some([]) => serde::Deserialize::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_any(self),
        }
    }
}

/// Of two members of one name the last counts, as it does where the whole document is built.
impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        let (name, rest) = match self.0 {
            Some([Step::Member(name), rest @ ..]) => (Some(name.as_str()), rest),
            _ => (None, [].as_slice()),
        };
        while let Some(is_next) = members.next_key_seed(Is(name))? {
            if is_next {
                found = members.next_value_seed(Seek(Some(rest)))?;
            } else {
                members.next_value_seed(PAST)?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        if let Some([Step::Element(index), rest @ ..]) = self.0 {
            let mut before = 0;
            while before < *index && elements.next_element_seed(PAST)?.is_some() {
                before += 1;
            }
            if before == *index {
                found = elements.next_element_seed(Seek(Some(rest)))?.flatten();
            }
        }
        while elements.next_element_seed(PAST)?.is_some() {}
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }
}

/// Says whether a member has this name.
struct Is<'n>(Option<&'n str>);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}
