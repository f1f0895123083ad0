//! Codecs: how a topic's values are written.

use crate::error::BoxError;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes and reads the values of a topic.
///
/// ```
/// use slipstream::prelude::*;
/// use slipstream::{BoxError, Codec};
///
/// struct Upper;
///
/// impl Codec<String> for Upper {
///     fn encode(value: &String) -> Result<bytes::Bytes, BoxError> {
///         Ok(value.to_uppercase().into())
///     }
///     fn decode(bytes: &[u8]) -> Result<String, BoxError> {
///         Ok(String::from_utf8(bytes.to_vec())?)
///     }
/// }
///
/// static SHOUTS: Topic<String, String, Upper> = Topic::new("shouts");
/// ```
#[diagnostic::on_unimplemented(
    message = "a message for a topic must be written and read, and the topic's codec cannot do that for `{T}`",
    label = "`{T}` lacks what the codec `{Self}` needs",
    note = "the default codec, `Json`, needs serde's traits: `#[derive(Serialize, Deserialize)]`",
    note = "or name another codec: `Topic<K, V, Codec>`"
)]
pub trait Codec<T>: 'static {
    /// Writes a value.
    ///
    /// # Errors
    /// If it cannot be written.
    fn encode(value: &T) -> Result<Bytes, BoxError>;

    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are no such value.
    fn decode(bytes: &[u8]) -> Result<T, BoxError>;
}

/// JSON, by serde.
///
/// ```
/// use slipstream::{Codec, Json};
/// assert_eq!(&<Json as Codec<Vec<u8>>>::encode(&vec![1, 2]).unwrap()[..], b"[1,2]");
/// ```
pub enum Json {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T) -> Result<Bytes, BoxError> {
        Ok(serde_json::to_vec(value)?.into())
    }

    fn decode(bytes: &[u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
