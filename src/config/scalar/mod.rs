//! How each kind of single value is written: durations, sizes, shares, addresses, names, words.
//!
//! A text becomes its domain type here, once; whatever is wrong with it is said in one sentence, which the reader
//! puts at its place.

mod amount;
mod class;
mod moment;
mod name;
mod word;

pub(super) use amount::AboveZero;
pub(super) use amount::Bytes;
pub(super) use amount::Chance;
pub(super) use amount::Currency;
pub(super) use amount::Positive;
pub(super) use amount::Ratio;
pub(super) use amount::Similarity;
pub(super) use amount::Tolerance;
pub(super) use class::Class;
pub(super) use moment::TimeOfDay;
pub(super) use name::Host;
pub(super) use name::InAnswer;
pub(super) use name::Truth;
pub(super) use name::UrlPath;
pub(super) use word::AnswerPart;
pub(super) use word::Approve;
pub(super) use word::Fallback;
pub(super) use word::ObjectFormat;
pub(super) use word::OnVerdict;
pub(super) use word::SampleBy;
pub(super) use word::Until;

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
use serde::de::Visitor;
use serde_json::Value;

use crate::config::field::Field;

/// A type that is written as one scalar.
pub(super) trait Written: Sized {
    /// Reads the scalar's text; the error is a whole message, with its hint.
    fn read(text: &str) -> Result<Self, String>;

    /// The JSON Schema of the scalar.
    fn schema() -> Schema;
}

/// A scalar of the file, read.
#[derive(Debug)]
pub(super) struct Scalar<T>(pub(super) T);

/// Any JSON value, to be compared with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Literal(pub(super) Value);

impl<T> Field<Scalar<T>> {
    /// The value; the default where the key is absent, and where it is wrong, which fails the file anyway.
    pub(super) fn or(self, default: T) -> T {
        self.scalar().unwrap_or(default)
    }

    /// The value.
    pub(super) fn scalar(self) -> Option<T> {
        self.value().map(|scalar| scalar.0)
    }
}

impl Written for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn schema() -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// Passes on what a domain type says of a text.
fn said<T, E: fmt::Display>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

impl<'de, T: Written> Deserialize<'de> for Scalar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ScalarVisitor(PhantomData))
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for ScalarVisitor<T> {
    type Value = Scalar<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<T>, E> {
        T::read(text).map(Scalar).map_err(E::custom)
    }
}

impl<T: Written> JsonSchema for Scalar<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().replace("::", "_").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}
