//! JSON as serde_json writes it, byte for byte, for a third of the instructions.
//!
//! A record has some sixty keys and texts, and serde_json looks at each of their bytes alone. Here the names of fields
//! are written as they are, and texts are looked at many bytes at a time. What is rare is left to serde_json.

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde::ser::SerializeSeq;
use serde::ser::SerializeStruct;
use serde::ser::SerializeStructVariant;
use serde::ser::SerializeTuple;
use serde::ser::SerializeTupleStruct;
use serde::ser::SerializeTupleVariant;
use serde_json::Error;

/// The name of a newtype that is left to serde_json whole, for a `RawValue` is in it: what that is only serde_json
/// knows.
pub(super) const RAW: &str = "crossfade::Raw";

/// Appends a value. Fields must have names that need no escape, and a `RawValue` must be inside a newtype [`RAW`].
pub(super) fn append<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(Json(text))
}

/// Where a value goes.
struct Json<'t>(&'t mut Vec<u8>);

/// An array or an object that has begun.
struct Members<'t> {
    text: &'t mut Vec<u8>,
    is_first: bool,
    end: &'static [u8],
}

/// Says whether a text stands in JSON as it is.
fn is_plain(text: &[u8]) -> bool {
    // No branch within a chunk, so that the compiler can look at all of it at once.
    let plain = |all, byte: &u8| all & (*byte >= b' ') & (*byte != b'"') & (*byte != b'\\');
    let (chunks, rest) = text.as_chunks::<16>();
    chunks.iter().all(|chunk| chunk.iter().fold(true, plain)) && rest.iter().fold(true, plain)
}

impl<'t> Json<'t> {
    fn begin(self, begin: u8, end: &'static [u8]) -> Members<'t> {
        self.0.push(begin);
        Members { text: self.0, is_first: true, end }
    }

    fn variant(&mut self, variant: &str) {
        self.0.push(b'{');
        name(self.0, variant);
    }

    fn leave<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        serde_json::to_writer(self.0, value)
    }
}

/// Writes the name of a field or a variant.
fn name(text: &mut Vec<u8>, name: &str) {
    text.push(b'"');
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"\":");
}

impl Members<'_> {
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.text.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(Json(self.text))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        self.separate();
        name(self.text, key);
        value.serialize(Json(self.text))
    }

    fn finish(self) -> Result<(), Error> {
        self.text.extend_from_slice(self.end);
        Ok(())
    }
}

macro_rules! leave {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.leave(&value)
        })*
    };
}

impl<'t> Serializer for Json<'t> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Members<'t>;
    type SerializeTuple = Members<'t>;
    type SerializeTupleStruct = Members<'t>;
    type SerializeTupleVariant = Members<'t>;
    type SerializeMap = Members<'t>;
    type SerializeStruct = Members<'t>;
    type SerializeStructVariant = Members<'t>;

    leave!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    leave!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);
    leave!(serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_bytes: &[u8]);

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if !is_plain(value.as_bytes()) {
            return self.leave(value);
        }
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        if name == RAW { self.leave(value) } else { value.serialize(self) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(Json(self.0))?;
        self.0.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Members<'t>, Error> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Members<'t>, Error> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Members<'t>, Error> {
        Ok(self.begin(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'t>, Error> {
        self.variant(variant);
        Ok(self.begin(b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'t>, Error> {
        Ok(self.begin(b'{', b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'t>, Error> {
        Ok(self.begin(b'{', b"}"))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'t>, Error> {
        self.variant(variant);
        Ok(self.begin(b'{', b"}}"))
    }
}

macro_rules! members {
    ($($trait:ident $method:ident($($key:ident: $type:ty)?) as $own:ident),*) => {
        $(impl $trait for Members<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($key: $type,)? value: &T) -> Result<(), Error> {
                self.$own($($key,)? value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        })*
    };
}

members!(
    SerializeSeq serialize_element() as element,
    SerializeTuple serialize_element() as element,
    SerializeTupleStruct serialize_field() as element,
    SerializeTupleVariant serialize_field() as element,
    SerializeStruct serialize_field(key: &'static str) as field,
    SerializeStructVariant serialize_field(key: &'static str) as field
);

/// Keys are texts: what another key would be only serde_json knows.
impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.text.push(b':');
        value.serialize(Json(self.text))
    }

    fn end(self) -> Result<(), Error> {
        self.finish()
    }
}
