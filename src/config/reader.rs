//! Reads a tree of YAML into the schema's types, reporting every wrong value at its place and going on.
//!
//! To serde it is a deserializer. Wherever serde would stop at an error, the error is reported first, with the
//! place and the path of keys, and the field that holds the value becomes `Wrong`.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Expected;
use serde::de::IntoDeserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::AT;
use crate::config::field::EITHER;
use crate::config::field::MANY;
use crate::config::yaml::Kind;
use crate::config::yaml::Node;

/// Reads a whole file; nothing when its root has the wrong shape.
pub(super) fn read<T: for<'de> Deserialize<'de>>(file: &str, root: &Node, report: &Report) -> Option<T> {
    T::deserialize(Reader { node: root, path: String::new(), file, report }).ok()
}

/// One node with the keys that lead to it.
#[derive(Clone)]
struct Reader<'a> {
    node: &'a Node,
    path: String,
    file: &'a str,
    report: &'a Report,
}

/// Why a value could not be made.
#[derive(Debug)]
enum Failure {
    /// Said by a type, which knows no place.
    Said(String),
    /// Reported with its place already.
    Reported,
}

impl<'a> Reader<'a> {
    fn place(&self) -> Place {
        Place { line: self.node.line, column: self.node.column, path: self.path.clone() }
    }

    /// Reports what a type said of this node.
    fn settle<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        result.map_err(|failure| {
            if let Failure::Said(text) = failure {
                self.report.add(&self.place(), text);
            }
            Failure::Reported
        })
    }

    fn mismatch<T>(&self, expected: &str) -> Result<T, Failure> {
        let found = match &self.node.kind {
            Kind::Nothing => "nothing",
            Kind::Bool(_) | Kind::Number | Kind::Text(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        };
        self.settle(Err(Failure::Said(format!("expected {expected}, found {found}"))))
    }

    fn child(&self, node: &'a Node, path: String) -> Reader<'a> {
        Reader { node, path, ..self.clone() }
    }

    /// The entries of a mapping by key; a key that is no text, or stands twice, is reported and left out.
    fn entries(&self, map: &'a [(Node, Node)]) -> Vec<(&'a str, Reader<'a>, Reader<'a>)> {
        let mut entries: Vec<(&str, Reader, Reader)> = Vec::with_capacity(map.len());
        for (key, value) in map {
            let Some(name) = key.scalar(self.file) else {
                self.child(key, self.path.clone()).mismatch::<()>("a text as key").ok();
                continue;
            };
            let path = joined(&self.path, name);
            let key = self.child(key, path.clone());
            match entries.iter().find(|(known, _, _)| *known == name) {
                Some((_, first, _)) => {
                    let line = first.node.line;
                    self.report.add(&key.place(), format!("this key stands twice, first in line {line}"));
                }
                None => entries.push((name, key, self.child(value, path))),
            }
        }
        entries
    }

    /// The items of a list; an item is called by its `name` where it has one.
    fn items(&self, list: &'a [Node]) -> Vec<Reader<'a>> {
        let item = |(index, node): (usize, &'a Node)| {
            let path = match name_of(node, self.file) {
                Some(name) => joined(&self.path, name),
                None => format!("{}[{index}]", self.path),
            };
            self.child(node, path)
        };
        list.iter().enumerate().map(item).collect()
    }
}

fn name_of<'a>(node: &'a Node, file: &'a str) -> Option<&'a str> {
    let Kind::Map(map) = &node.kind else { return None };
    let (_, name) = map.iter().find(|(key, _)| key.scalar(file) == Some("name"))?;
    name.scalar(file)
}

fn joined(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    match plain {
        true if path.is_empty() => key.to_owned(),
        true => format!("{path}.{key}"),
        false => format!("{path}[{key:?}]"),
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match (name, &self.node.kind) {
            (AT, _) => visitor.visit_seq(Placed { reader: self, part: 0 }),
            (EITHER, Kind::Map(_)) => visitor.visit_some(self),
            (MANY, Kind::List(list)) => visitor.visit_seq(Items(self.items(list).into_iter())),
            (MANY, _) => visitor.visit_seq(Items(vec![self].into_iter())),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let Kind::Map(map) = &self.node.kind else { return self.mismatch(&expectation(name, &visitor)) };
        let known = |(key, place, _): &(&str, Reader, Reader)| {
            let known = fields.contains(key);
            if !known {
                let hint = did_you_mean(key, fields.iter().copied());
                self.report.add(&place.place(), format!("unknown key{hint}"));
            }
            known
        };
        let entries: Vec<_> = self.entries(map).into_iter().filter(known).collect();
        self.settle(visitor.visit_map(Keys { entries: entries.into_iter(), value: None }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Kind::Map(map) = &self.node.kind else { return self.mismatch(&expectation("", &visitor)) };
        self.settle(visitor.visit_map(Keys { entries: self.entries(map).into_iter(), value: None }))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let Kind::List(list) = &self.node.kind else { return self.mismatch("a list") };
        self.settle(visitor.visit_seq(Items(self.items(list).into_iter())))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.node.scalar(self.file) {
            Some(text) => self.settle(visitor.visit_str(text)),
            None => self.mismatch(&expectation("", &visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    /// For values that the gateway only passes on or compares: JSON of any shape.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            Kind::Nothing => self.settle(visitor.visit_unit()),
            Kind::Bool(value) => self.settle(visitor.visit_bool(*value)),
            Kind::Number => self.number(visitor),
            Kind::Text(text) => self.settle(visitor.visit_str(text)),
            Kind::List(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier
    }
}

impl Reader<'_> {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.node.scalar(self.file).unwrap_or_default();
        if let Ok(value) = text.parse::<u64>() {
            return self.settle(visitor.visit_u64(value));
        }
        if let Ok(value) = text.parse::<i64>() {
            return self.settle(visitor.visit_i64(value));
        }
        match text.parse::<f64>() {
            Ok(value) => self.settle(visitor.visit_f64(value)),
            Err(_) => self.mismatch("a decimal number"),
        }
    }
}

/// What a visitor wants, in the operator's words: serde calls a mapping by the name of its Rust type.
fn expectation<'de, V: Visitor<'de>>(name: &str, visitor: &V) -> String {
    let wanted = (visitor as &dyn Expected).to_string();
    if wanted == format!("struct {name}") { "a mapping".to_owned() } else { wanted }
}

/// A value as [`crate::config::field::At`] takes it: line, column, path, value.
struct Placed<'a> {
    reader: Reader<'a>,
    part: u8,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        self.part += 1;
        match self.part {
            1 => seed.deserialize(self.reader.node.line.into_deserializer()).map(Some),
            2 => seed.deserialize(self.reader.node.column.into_deserializer()).map(Some),
            3 => seed.deserialize(self.reader.path.as_str().into_deserializer()).map(Some),
            4 => seed.deserialize(self.reader.clone()).map(Some),
            _ => Ok(None),
        }
    }
}

struct Items<'a>(std::vec::IntoIter<Reader<'a>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Keys<'a> {
    entries: std::vec::IntoIter<(&'a str, Reader<'a>, Reader<'a>)>,
    value: Option<Reader<'a>>,
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some((_, key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let missing = || Failure::Said("a value was asked for before its key".to_owned());
        seed.deserialize(self.value.take().ok_or_else(missing)?)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Said(text) => f.write_str(text),
            Failure::Reported => f.write_str("reported"),
        }
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Failure::Said(text.to_string())
    }
}
