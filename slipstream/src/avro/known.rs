//! A schema that is known for good: of a type, or of a file.

use super::probe::ask;
use super::shape::Shape;
use super::walk;
use crate::codec::no_value;
use crate::error::{Error, ErrorKind, Result};
use avro_rs::Schema;
use avro_rs::error::Details;
use avro_rs::reader::datum::GenericDatumReader;
use avro_rs::schema::{SchemaKind, UnionSchema};
use avro_rs::writer::datum::GenericDatumWriter;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read as _;

/// The schema of a type's values, with what reads and writes them.
pub(super) struct Known {
    /// What a value is on its way.
    #[cfg(feature = "schema-registry")]
    pub(super) schema: &'static Schema,
    shape: Shape,
    reader: GenericDatumReader<'static>,
    writer: GenericDatumWriter<'static>,
    /// Writes what was read by another schema.
    #[cfg(feature = "schema-registry")]
    again: GenericDatumWriter<'static>,
    /// The type is an `Option`: `None` is a record without a value, and the schema is that of the rest.
    is_option: bool,
}

impl Known {
    /// The schema for values of this type. It is kept for as long as the process runs: there are as many as there are
    /// types.
    pub(super) fn of<T: DeserializeOwned>(schema: Schema) -> Result<Self> {
        let asked = ask::<T>();
        let schema = if asked.is_option { without_null(schema) } else { schema };
        if let (Schema::Record(record), Some(name)) = (&schema, asked.name)
            && record.name.name() != name
        {
            let called = record.name.name();
            let text = format!(
                "the schema describes a record `{called}`, and the type is called `{name}`: add `#[serde(rename = \
                 \"{called}\")]` to it"
            );
            return Err(Error::new(ErrorKind::Codec, text));
        }
        let shape = Shape::of(&schema)?;
        let schema: &'static Schema = Box::leak(Box::new(schema));
        let null = || UnionSchema::new(vec![Schema::Null, schema.clone()]).ok();
        let union = asked.is_option.then(null).flatten();
        let is_option = union.is_some();
        let whole = union.map_or(schema, |union| Box::leak(Box::new(Schema::Union(union))));
        let broken = |error| Error::new(ErrorKind::Codec, format!("the schema is not whole: {error}"));
        Ok(Known {
            #[cfg(feature = "schema-registry")]
            schema,
            shape,
            reader: GenericDatumReader::builder(whole).build().map_err(broken)?,
            writer: GenericDatumWriter::builder(whole).build().map_err(broken)?,
            #[cfg(feature = "schema-registry")]
            again: GenericDatumWriter::builder(schema).build().map_err(broken)?,
            is_option,
        })
    }

    /// Writes a value behind a prefix; `None` if a record without one stands for it.
    pub(super) fn write<T: Serialize>(&self, value: &T, prefix: &[u8]) -> Result<Option<Bytes>> {
        let mut bytes = prefix.to_vec();
        self.writer.write_ser(&mut bytes, value).map_err(|error| misfit("written", &error))?;
        if !self.is_option {
            return Ok(Some(bytes.into()));
        }
        // What the union adds: which one it is.
        let variant = bytes.remove(prefix.len());
        Ok((variant != 0).then(|| bytes.into()))
    }

    /// Reads a value.
    pub(super) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        walk::check(&self.shape, bytes).map_err(|unfit| Error::new(ErrorKind::Codec, unfit.to_string()))?;
        let read = if self.is_option {
            self.reader.read_deser(&mut SOME.chain(bytes))
        } else {
            self.reader.read_deser(&mut &*bytes)
        };
        read.map_err(|error| misfit("read", &error))
    }

    /// Reads a record's value, which may have none.
    pub(super) fn read_record<T: DeserializeOwned>(&self, bytes: Option<&[u8]>) -> Result<T> {
        bytes.map_or_else(|| self.read_nothing(), |bytes| self.read(bytes))
    }

    /// Reads a record that has no value.
    pub(super) fn read_nothing<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.is_option {
            return Err(no_value());
        }
        self.reader.read_deser(&mut &NONE[..]).map_err(|error| misfit("read", &error))
    }

    /// Reads what was written by another schema: it is written once more, by ours.
    #[cfg(feature = "schema-registry")]
    pub(super) fn read_other<T: DeserializeOwned>(&self, other: &Other, bytes: &[u8]) -> Result<T> {
        walk::check(&other.shape, bytes).map_err(|unfit| Error::new(ErrorKind::Codec, unfit.to_string()))?;
        let resolve = || {
            let reader = GenericDatumReader::builder(&other.schema).reader_schema(self.schema).build()?;
            self.again.write_value_to_vec(reader.read_value(&mut &*bytes)?)
        };
        let ours = resolve().map_err(|_: avro_rs::Error| {
            let text = "what was written by another schema cannot be read by this one: see Avro's rules of schema \
                        resolution";
            Error::new(ErrorKind::Codec, text)
        })?;
        self.read(&ours)
    }
}

/// A schema that somebody else writes by.
#[cfg(feature = "schema-registry")]
pub(super) struct Other {
    schema: Schema,
    shape: Shape,
}

#[cfg(feature = "schema-registry")]
impl Other {
    pub(super) fn of(schema: Schema) -> Result<Self> {
        Ok(Other { shape: Shape::of(&schema)?, schema })
    }

    pub(super) fn is(&self, known: &Known) -> bool {
        self.schema == *known.schema
    }
}

/// The first variant of a union, and the second.
const NONE: [u8; 1] = [0];
const SOME: &[u8] = &[2];

/// The other half of `[null, T]`: what an `Option<T>` derives.
fn without_null(schema: Schema) -> Schema {
    match &schema {
        Schema::Union(union) => match union.variants() {
            [Schema::Null, rest] => rest.clone(),
            _ => schema,
        },
        _ => schema,
    }
}

/// The type and the schema differ. The crate's own words may hold a part of the value.
fn misfit(done: &str, error: &avro_rs::Error) -> Error {
    let text = match error.details() {
        Details::DeserializeSchemaAware { value_type, schema, .. }
        | Details::SerializeValueWithSchema { value_type, schema, .. } => {
            let kind = format!("{:?}", SchemaKind::from(schema)).to_lowercase();
            format!(
                "the schema has a {kind} where the type has a `{value_type}`, or it does not fit into one"
            )
        }
        _ => format!("by its schema it cannot be {done} as this type"),
    };
    Error::new(ErrorKind::Codec, text)
}
