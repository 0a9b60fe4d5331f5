//! The pieces that the schema is made of: a key that may be absent or wrong, a value with its place, one or many.
//!
//! A wrong value has been reported by the reader when its field says so, and reading went on. These types work
//! only with that reader: another deserializer's errors would be lost.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;

/// The name by which [`At`] asks the reader for a value's place.
pub(super) const AT: &str = "crossfade::At";
/// The name by which [`Either`] asks the reader which of the two a value is.
pub(super) const EITHER: &str = "crossfade::Either";
/// The name by which [`Many`] asks the reader to take a single value as a list of one.
pub(super) const MANY: &str = "crossfade::Many";

/// What stands under a key.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// Something is there that cannot be; it has been reported.
    Wrong,
    /// A value.
    Given(At<T>),
}

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct At<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

/// One value, or a list of them. Wrong ones are left out.
#[derive(Debug)]
pub(super) struct Many<T>(pub(super) Vec<At<T>>);

/// A short form, which is one value, or the long one, which is a mapping.
#[derive(Debug)]
pub(super) enum Either<S, L> {
    /// One value.
    Short(S),
    /// A mapping.
    Long(L),
}

/// A mapping whose keys the operator chooses, in the order of the file.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(At<String>, Field<T>)>);

impl<T> Field<T> {
    /// The value with its place.
    pub(super) fn given(self) -> Option<At<T>> {
        match self {
            Field::Given(at) => Some(at),
            Field::Absent | Field::Wrong => None,
        }
    }

    /// The value.
    pub(super) fn value(self) -> Option<T> {
        self.given().map(|at| at.value)
    }

    /// The value, reported as missing from its parent when the key is not there.
    pub(super) fn required(self, key: &str, parent: &Place, report: &Report) -> Option<At<T>> {
        if let Field::Absent = self {
            report.add_missing(key, parent);
        }
        self.given()
    }

    /// Where the value stands; nothing when it is not there or wrong.
    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Field::Given(at) => Some(&at.place),
            Field::Absent | Field::Wrong => None,
        }
    }

    /// Says whether the key is there, right or wrong.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Field::Absent)
    }
}

impl<T> Field<Entries<T>> {
    /// The entries whose values can be used.
    pub(super) fn entries(self) -> impl Iterator<Item = (At<String>, At<T>)> {
        let entries = self.value().map_or_else(Vec::new, |entries| entries.0);
        entries.into_iter().filter_map(|(key, value)| Some((key, value.given()?)))
    }
}

impl<T> Field<Vec<Field<T>>> {
    /// The items that can be used.
    pub(super) fn items(self) -> impl Iterator<Item = At<T>> {
        self.value().unwrap_or_default().into_iter().filter_map(Field::given)
    }
}

impl<T> Field<Many<T>> {
    /// The values that can be used.
    pub(super) fn each(self) -> impl Iterator<Item = At<T>> {
        self.value().map_or_else(Vec::new, |many| many.0).into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// What serde says of a key that is not there.
    fn visit_none<E>(self) -> Result<Field<T>, E> {
        Ok(Field::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field<T>, D::Error> {
        Ok(At::deserialize(deserializer).map_or(Field::Wrong, Field::Given))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(AT, AtVisitor(PhantomData))
    }
}

struct AtVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
    type Value = At<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
        let incomplete = || A::Error::custom("a value without a place");
        let line = parts.next_element()?.ok_or_else(incomplete)?;
        let column = parts.next_element()?.ok_or_else(incomplete)?;
        let path = parts.next_element()?.ok_or_else(incomplete)?;
        let value = parts.next_element()?.ok_or_else(incomplete)?;
        Ok(At { place: Place { line, column, path }, value })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(MANY, ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Many<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Field<T>>()? {
            list.extend(item.given());
        }
        Ok(Many(list))
    }
}

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Deserialize<'de> for Either<S, L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(EITHER, EitherVisitor(PhantomData))
    }
}

struct EitherVisitor<S, L>(PhantomData<(S, L)>);

impl<'de, S: Deserialize<'de>, L: Deserialize<'de>> Visitor<'de> for EitherVisitor<S, L> {
    type Value = Either<S, L>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value or a mapping")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        S::deserialize(deserializer).map(Either::Short)
    }

    /// What the reader says of a mapping.
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        L::deserialize(deserializer).map(Either::Long)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Entries<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            list.push(entry);
        }
        Ok(Entries(list))
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Many_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl<S: JsonSchema, L: JsonSchema> JsonSchema for Either<S, L> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Either_{}_{}", S::schema_name(), L::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<S>(), generator.subschema_for::<L>()] })
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}
