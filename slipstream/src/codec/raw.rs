//! Codecs without a format: bytes as they are, and text.

use super::Codec;
use crate::error::{BoxError, Error, ErrorKind};
use bytes::Bytes;

/// Bytes as they are: for `Vec<u8>` and `bytes::Bytes`, and for `Option`s of them where records may have no value.
///
/// ```
/// use slipstream::prelude::*;
/// static PICTURES: Topic<String, Vec<u8>, Raw> = Topic::new("pictures");
/// ```
pub enum Raw {}

#[diagnostic::do_not_recommend]
impl Codec<Vec<u8>> for Raw {
    fn encode(value: &Vec<u8>) -> Result<Bytes, BoxError> {
        Ok(Bytes::copy_from_slice(value))
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        Ok(bytes.to_vec())
    }
}

#[diagnostic::do_not_recommend]
impl Codec<Bytes> for Raw {
    fn encode(value: &Bytes) -> Result<Bytes, BoxError> {
        Ok(value.clone())
    }

    fn decode(bytes: &[u8]) -> Result<Bytes, BoxError> {
        Ok(Bytes::copy_from_slice(bytes))
    }
}

/// Text in UTF-8: for `String`, and for `Option<String>` where records may have no value.
///
/// ```
/// use slipstream::prelude::*;
/// static LINES: Topic<String, String, Text> = Topic::new("lines");
/// ```
pub enum Text {}

#[diagnostic::do_not_recommend]
impl Codec<String> for Text {
    fn encode(value: &String) -> Result<Bytes, BoxError> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    fn decode(bytes: &[u8]) -> Result<String, BoxError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let text = format!("from byte {} on it is not UTF-8", error.valid_up_to());
                Err(Error::new(ErrorKind::Codec, text).into())
            }
        }
    }
}

/// Where `None` is a record without a value.
macro_rules! or_none {
    ($($codec:ty: $type:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Codec<Option<$type>> for $codec {
            fn encode(value: &Option<$type>) -> Result<Bytes, BoxError> {
                value.as_ref().map_or_else(|| Ok(Bytes::new()), <$codec as Codec<$type>>::encode)
            }

            fn decode(bytes: &[u8]) -> Result<Option<$type>, BoxError> {
                <$codec as Codec<$type>>::decode(bytes).map(Some)
            }

            fn write(value: &Option<$type>) -> Result<Option<Bytes>, BoxError> {
                value.as_ref().map(<$codec as Codec<$type>>::encode).transpose()
            }

            fn read(bytes: Option<&[u8]>) -> Result<Option<$type>, BoxError> {
                bytes.map(<$codec as Codec<$type>>::decode).transpose()
            }
        }
    )*};
}

or_none!(Raw: Vec<u8>, Raw: Bytes, Text: String);
