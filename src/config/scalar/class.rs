//! How a class is written: a text, a number, a truth value; `7`, `7.0` and `"7"` are one.
//!
//! Unlike other scalars a class must know whether it was in quotes: `"7.0"` is a text and stays as it is.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Value;

use crate::protocol::class_text;

/// A class, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class(pub(in crate::config) String);

struct ClassVisitor;

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClassVisitor)
    }
}

impl ClassVisitor {
    fn class<E: Error>(self, value: Value) -> Result<Class, E> {
        let class = class_text(&value).map(Class);
        class.ok_or_else(|| E::custom("expected a class: a text, a number, `true` or `false`"))
    }
}

impl<'de> Visitor<'de> for ClassVisitor {
    type Value = Class;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a class")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Class, E> {
        self.class(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Class, E> {
        self.class(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Class, E> {
        self.class(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Class, E> {
        self.class(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Class, E> {
        self.class(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Class, E> {
        self.class(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Class, A::Error> {
        self.class(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Class, A::Error> {
        self.class(Value::Null)
    }
}

impl JsonSchema for Class {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Class".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
