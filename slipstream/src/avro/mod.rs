//! Avro as a topic's codec: plain datums, or behind the ids of a schema registry.
//!
//! What is decoded was walked through before (`walk`), since the decoder believes what bytes say of themselves.
//! Nothing here knows of topics but their names.

mod known;
mod probe;
#[cfg(feature = "schema-registry")]
mod registry;
mod shape;
pub mod times;
mod walk;

use crate::codec::{AtWork, Codec, Opened, Opening};
use crate::error::{BoxError, Error, ErrorKind, Result};
use bytes::Bytes;
use known::Known;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::TypeId;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

pub use avro_rs as apache_avro;
pub use avro_rs::{AvroSchema, Schema};

/// Avro: the schema is the type's own, or that of a file or a string.
///
/// With `Avro` alone it is the one that `#[derive(AvroSchema)]` of the crate `apache-avro` makes; it must be among the
/// program's dependencies, with the feature `derive`. For `Avro<S>` see [`HasSchema`]. A value is written as a plain
/// datum; with the setting `avro.registry.url` (feature `schema-registry`) behind the id of its schema, as Confluent's
/// serializers do; schemas that refer to others there are read, and ours is registered whole. Keys are not asked for there:
/// take them as `Vec<u8>`. Of a `Topic<_, Option<V>, Avro>` `None` is a record without a value.
///
/// A datum of more than 16 MiB or a million values, deeper than 64, or with more than 1024 values that take no bytes is
/// refused, before anything is allocated for it.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::avro::{HasSchema, SchemaSource};
/// use slipstream::prelude::*;
/// use slipstream::testing::Broker;
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Weather {
///     celsius: f64,
/// }
///
/// struct InText;
///
/// impl HasSchema for InText {
///     const SCHEMA: SchemaSource = SchemaSource::Text(
///         r#"{"type": "record", "name": "Weather", "fields": [{"name": "celsius", "type": "double"}]}"#,
///     );
/// }
///
/// static WEATHER: Topic<String, Weather, Avro<InText>> = Topic::new("weather");
///
/// #[handle(source = [21.5], sink = [WEATHER])]
/// fn measure(celsius: f64) -> (String, Weather) {
///     ("Delft".to_owned(), Weather { celsius })
/// }
///
/// let broker = Broker::new();
/// broker.app().handler(measure).run().await?;
/// assert_eq!(broker.records(&WEATHER)?[0].value, Weather { celsius: 21.5 });
/// # Ok(()) });
/// ```
pub struct Avro<S = Derived>(PhantomData<S>);

/// The schema that a type derives; what [`Avro`] uses if it is not told another.
///
/// ```
/// use slipstream::prelude::*;
/// static COUNTS: Topic<String, i64, Avro<slipstream::avro::Derived>> = Topic::new("counts");
/// ```
pub enum Derived {}

/// Where a schema is.
///
/// ```
/// use slipstream::avro::SchemaSource;
/// const SCHEMA: SchemaSource = SchemaSource::Text(r#""long""#);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaSource {
    /// In the program, as by `include_str!("weather.avsc")`.
    Text(&'static str),
    /// In a file, which is read when the app starts. A relative path begins where the process was started.
    File(&'static str),
}

/// A name for a schema, to be the `S` of [`Avro<S>`](Avro).
///
/// A record of the schema and the struct that it is read into must have one name: `#[serde(rename = "..")]` gives a
/// struct another. A schema that is missing or wrong is found before the first message.
///
/// ```
/// use slipstream::avro::{HasSchema, SchemaSource};
/// use slipstream::prelude::*;
///
/// struct Readings;
///
/// impl HasSchema for Readings {
///     const SCHEMA: SchemaSource = SchemaSource::Text(r#"{"type": "array", "items": "double"}"#);
/// }
///
/// static READINGS: Topic<String, Vec<f64>, Avro<Readings>> = Topic::new("readings");
/// ```
pub trait HasSchema: 'static {
    /// The schema.
    const SCHEMA: SchemaSource;
}

/// What gives the schema for values of `T`: [`Derived`] by derive, and whatever [`HasSchema`] for any.
///
/// ```
/// use slipstream::avro::{Derived, SchemaOf};
/// fn with_derived<T>() where Derived: SchemaOf<T> {}
/// with_derived::<Vec<String>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "there is no Avro schema for `{T}`",
    label = "no schema for `{T}`",
    note = "derive one: `#[derive(AvroSchema)]` of the crate `apache-avro`",
    note = "or name one: `Avro<S>` with `impl slipstream::avro::HasSchema for S`"
)]
pub trait SchemaOf<T>: 'static {
    /// The schema.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    #[doc(hidden)]
    fn schema() -> Result<Schema>;
}

#[diagnostic::do_not_recommend]
impl<T: AvroSchema> SchemaOf<T> for Derived {
    fn schema() -> Result<Schema> {
        Ok(T::get_schema())
    }
}

#[diagnostic::do_not_recommend]
impl<T, S: HasSchema> SchemaOf<T> for S {
    fn schema() -> Result<Schema> {
        let wrong = |text: String| Error::new(ErrorKind::Codec, text);
        match S::SCHEMA {
            SchemaSource::Text(text) => Schema::parse_str(text).map_err(|error| {
                wrong(format!("the schema of `{}` is none: {error}", std::any::type_name::<S>()))
            }),
            SchemaSource::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| wrong(format!("the schema file `{path}` cannot be read: {error}")))?;
                Schema::parse_str(&text)
                    .map_err(|error| wrong(format!("the schema file `{path}` holds no schema: {error}")))
            }
        }
    }
}

/// The schemas that are known, by codec and type.
static KNOWN: LazyLock<RwLock<HashMap<TypeId, Arc<Known>>>> = LazyLock::new(RwLock::default);

fn known<T, S>() -> Result<Arc<Known>>
where
    T: DeserializeOwned + 'static,
    S: SchemaOf<T>,
{
    let id = TypeId::of::<(T, S)>();
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Ok(known.clone());
    }
    let known = Arc::new(Known::of::<T>(S::schema()?)?);
    let mut all = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    Ok(all.entry(id).or_insert(known).clone())
}

#[diagnostic::do_not_recommend]
impl<T, S> Codec<T> for Avro<S>
where
    T: Serialize + DeserializeOwned + 'static,
    S: SchemaOf<T>,
{
    /// Writes a plain datum.
    fn encode(value: &T) -> Result<Bytes, BoxError> {
        let nothing = || Error::new(ErrorKind::Codec, "there is no value to write");
        Self::write(value)?.ok_or_else(|| nothing().into())
    }

    /// Reads a plain datum.
    fn decode(bytes: &[u8]) -> Result<T, BoxError> {
        Ok(known::<T, S>()?.read(bytes)?)
    }

    fn write(value: &T) -> Result<Option<Bytes>, BoxError> {
        Ok(known::<T, S>()?.write(value, &[])?)
    }

    fn read(bytes: Option<&[u8]>) -> Result<T, BoxError> {
        Ok(known::<T, S>()?.read_record(bytes)?)
    }

    fn open(opening: &Opening<'_>) -> Result<Option<Opened<T>>, BoxError> {
        let known = known::<T, S>()?;
        #[cfg(feature = "schema-registry")]
        if let Some(registry) = registry::open(opening, known.clone())? {
            return Ok(Some(registry));
        }
        if opening.config.get("avro.registry.url").is_some() && !cfg!(feature = "schema-registry") {
            let text =
                "`avro.registry.url` is set, and slipstream was built without the feature `schema-registry`";
            return Err(Error::new(ErrorKind::Codec, text).into());
        }
        Ok(Some(Arc::new(Plain(known))))
    }
}

/// Plain datums of a schema that is at hand.
struct Plain(Arc<Known>);

impl<T: Serialize + DeserializeOwned> AtWork<T> for Plain {
    fn write(&self, value: &T) -> Result<Option<Bytes>, BoxError> {
        Ok(self.0.write(value, &[])?)
    }

    fn read(&self, bytes: Option<&[u8]>) -> Result<T, BoxError> {
        Ok(self.0.read_record(bytes)?)
    }
}

#[cfg(test)]
mod tests;
