//! Codecs: how the values of topics and of caches are written.

mod opened;
mod raw;

pub use opened::{AtWork, Opened, Opening, Wait};
pub use raw::{Raw, Text};

use crate::error::{BoxError, Error, ErrorKind};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes and reads the values of a topic or of a cache.
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
/// static LAST: Cache<String, String, Upper> = Cache::new("last shouts");
/// ```
#[diagnostic::on_unimplemented(
    message = "what a topic or a cache holds must be written and read, and its codec cannot do that for `{T}`",
    label = "`{T}` lacks what the codec `{Self}` needs",
    note = "the codecs `Json`, a topic's default, and `MessagePack`, a cache's, need serde's traits: `#[derive(Serialize, \
            Deserialize)]`",
    note = "or name another codec: `Topic<K, V, Codec>`, `Cache<K, V, Codec>`"
)]
pub trait Codec<T>: 'static {
    /// Writes a value.
    ///
    /// # Errors
    /// If it cannot be written.
    fn encode(value: &T) -> Result<Bytes, BoxError>;

    /// Writes a value behind what is there already: a codec that can do so without a buffer of its own saves caches a
    /// copy.
    ///
    /// # Errors
    /// As [`encode`](Codec::encode).
    fn encode_into(value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(&Self::encode(value)?);
        Ok(())
    }

    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are no such value.
    fn decode(bytes: &[u8]) -> Result<T, BoxError>;

    /// Writes a record's value; `None` for a record without one.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(value: &T) -> Result<Option<Bytes>, BoxError> {
        Self::encode(value).map(Some)
    }

    /// Reads a record's value, which may have none.
    ///
    /// # Errors
    /// If the bytes are no such value, or there must be some.
    fn read(bytes: Option<&[u8]>) -> Result<T, BoxError> {
        bytes.map_or_else(|| Err(no_value().into()), Self::decode)
    }

    /// The codec at work for one topic of an app, if it needs to know more than bytes. It is asked before the first
    /// message, on a thread that may be blocked.
    ///
    /// # Errors
    /// If it cannot work.
    #[doc(hidden)]
    fn open(_: &Opening<'_>) -> Result<Option<Opened<T>>, BoxError> {
        Ok(None)
    }
}

/// A record that has no value, where one is needed.
pub(crate) fn no_value() -> Error {
    Error::new(ErrorKind::Codec, "the record has no value: read it by a `Topic<_, Option<_>, _>`")
}

/// JSON, by serde. In a topic `null` is a record without a value, so that `None` of a `Topic<_, Option<V>>` is a tombstone.
/// It has no NaN and no infinities: a value that is one is an error, and within a value they become `null`.
///
/// ```
/// use slipstream::{Codec, Json};
/// assert_eq!(&<Json as Codec<Vec<u8>>>::encode(&vec![1, 2]).unwrap()[..], b"[1,2]");
/// ```
pub enum Json {}

/// How JSON says that there is nothing.
const NULL: &[u8] = b"null";

/// `null` is also what serde_json makes of a float that is no number: then it would be a tombstone, or could not be read.
fn not_lost<T: DeserializeOwned>(written: &[u8]) -> Result<(), BoxError> {
    if written == NULL && serde_json::from_slice::<T>(NULL).is_err() {
        return Err("JSON has only `null` for it, which is no such value".into());
    }
    Ok(())
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T) -> Result<Bytes, BoxError> {
        let bytes = serde_json::to_vec(value)?;
        not_lost::<T>(&bytes)?;
        Ok(bytes.into())
    }

    fn encode_into(value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let start = out.len();
        serde_json::to_writer(&mut *out, value)?;
        not_lost::<T>(&out[start..])
    }

    fn decode(bytes: &[u8]) -> Result<T, BoxError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    fn write(value: &T) -> Result<Option<Bytes>, BoxError> {
        Ok(Some(Self::encode(value)?).filter(|bytes| bytes != NULL))
    }

    fn read(bytes: Option<&[u8]>) -> Result<T, BoxError> {
        Self::decode(bytes.unwrap_or(NULL))
    }
}

/// MessagePack with the names of fields, by serde: a field can be added that has a default, or taken out, and what was
/// written before can still be read.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use slipstream::{Codec, MessagePack};
///
/// #[derive(Serialize, Deserialize)]
/// struct Before { size: u32, colour: String }
///
/// #[derive(Serialize, Deserialize)]
/// struct After { size: u32, #[serde(default)] weight: u32 }
///
/// let bytes = MessagePack::encode(&Before { size: 7, colour: "red".into() }).unwrap();
/// let after: After = MessagePack::decode(&bytes).unwrap();
/// assert_eq!((after.size, after.weight), (7, 0));
/// ```
pub enum MessagePack {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Codec<T> for MessagePack {
    fn encode(value: &T) -> Result<Bytes, BoxError> {
        Ok(rmp_serde::to_vec_named(value)?.into())
    }

    fn encode_into(value: &T, out: &mut Vec<u8>) -> Result<(), BoxError> {
        Ok(rmp_serde::encode::write_named(out, value)?)
    }

    fn decode(bytes: &[u8]) -> Result<T, BoxError> {
        Ok(rmp_serde::from_slice(bytes)?)
    }
}
