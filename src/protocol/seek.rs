//! One value of a JSON text, found without building the rest of the document.
//!
//! The rest is read as strictly as if it were built: what is JSON must not depend on whether somebody has asked for
//! the whole document before. serde_json's way to skip a value is that strict in grammar alone, so it is taken only in
//! texts that hold nothing else to be strict about; elsewhere every value is read, which costs an allocation a number.

use std::fmt;

use memchr::memchr_iter;
use memchr::memchr2_iter;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Value;

use crate::protocol::json_path::Step;

/// Fewer opening brackets than this, or less nesting, need no look at how deep a text really is.
const MANY: usize = 100;

/// Walks plain steps down a text. The text is read to its end, so that only valid JSON has values.
pub(super) fn seek(steps: &[Step], text: &[u8]) -> Result<Option<Value>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let past = if is_simple(text) { Past::Skip } else { Past::Read };
    let found = Seek { way: Some(steps), past }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

/// Says whether a text that has JSON's grammar is JSON: it is UTF-8, escapes no half of a surrogate pair, and nests far
/// less than serde_json's bound of 128.
fn is_simple(text: &[u8]) -> bool {
    let mut escapes = memchr_iter(b'\\', text);
    let mut nesting = 0usize;
    let is_flat = memchr2_iter(b'[', b'{', text).take(MANY + 1).count() <= MANY
        || text.iter().all(|byte| {
            match byte {
                b'[' | b'{' => nesting += 1,
                b']' | b'}' => nesting = nesting.saturating_sub(1),
                _ => {}
            }
            nesting <= MANY
        });
    is_flat && escapes.all(|at| text.get(at + 1) != Some(&b'u')) && std::str::from_utf8(text).is_ok()
}

/// A way down a document.
#[derive(Clone, Copy)]
struct Seek<'p> {
    /// What is left of it; `None`: this is beside it.
    way: Option<&'p [Step]>,
    past: Past,
}

/// How values beside the way are passed.
#[derive(Clone, Copy)]
enum Past {
    Skip,
    Read,
}

impl<'p> Seek<'p> {
    fn on(self, way: &'p [Step]) -> Self {
        Self { way: Some(way), ..self }
    }

    fn beside(self) -> Self {
        Self { way: None, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        match self {
            Seek { way: Some([]), .. } => serde::Deserialize::deserialize(deserializer).map(Some),
            Seek { way: None, past: Past::Skip } => {
                deserializer.deserialize_ignored_any(IgnoredAny).map(|_| None)
            }
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
        let (name, rest) = match self.way {
            Some([Step::Member(name), rest @ ..]) => (Some(name.as_str()), rest),
            _ => (None, [].as_slice()),
        };
        while let Some(is_next) = members.next_key_seed(Is(name))? {
            if is_next {
                found = members.next_value_seed(self.on(rest))?;
            } else {
                members.next_value_seed(self.beside())?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        if let Some([Step::Element(index), rest @ ..]) = self.way {
            let mut before = 0;
            while before < *index && elements.next_element_seed(self.beside())?.is_some() {
                before += 1;
            }
            if before == *index {
                found = elements.next_element_seed(self.on(rest))?.flatten();
            }
        }
        while elements.next_element_seed(self.beside())?.is_some() {}
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
