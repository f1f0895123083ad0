//! Keys: their bytes on disk keep their order, and their bytes in a topic are what Kafka's other clients write.

use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};

/// A key of a cache or a topic.
///
/// ```
/// use slipstream::keys::Key as _;
///
/// let (mut low, mut high) = (Vec::new(), Vec::new());
/// (-5_i64).encode(&mut low);
/// 3_i64.encode(&mut high);
/// assert!(low < high);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a key",
    note = "keys are strings, integers, floats, bytes, bool, chrono times, and tuples of those"
)]
pub trait Key: Sized + Send + Sync + 'static {
    /// Appends bytes that compare as the keys do.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes a key off the front of the bytes; `None` if they are not one.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;

    /// The key of a record that has none; `None` if that is an error.
    fn absent() -> Option<Self> {
        None
    }

    /// The key of a record: by default the same bytes as on disk.
    fn to_record(&self) -> Bytes {
        let mut out = Vec::new();
        self.encode(&mut out);
        out.into()
    }

    /// The key that a record carries; `None` if its bytes are not one.
    fn from_record(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes;
        Self::decode(&mut bytes).filter(|_| bytes.is_empty())
    }
}

/// Reads a whole key, and says which cache or topic it was if it is none.
pub(crate) fn decode<K: Key>(bytes: &[u8], whose: &str) -> Result<K> {
    let mut rest = bytes;
    K::decode(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| {
        let kind = std::any::type_name::<K>();
        Error::new(
            ErrorKind::Codec,
            format!("a key of {whose} is not a `{kind}`: was it written with another type?"),
        )
    })
}

/// What a cache of `K` can be asked for: a `K`, or its borrowed form.
///
/// ```
/// use slipstream::prelude::*;
/// static COUNTS: Cache<String, u64> = Cache::new("counts");
/// fn seen(net: &str) -> Result<bool> {
///     COUNTS.contains(net) // no `String` needed
/// }
/// ```
pub trait KeyOf<K: Key> {
    /// Appends the bytes of the `K` that this stands for.
    fn encode_as(&self, out: &mut Vec<u8>);
}

impl<K: Key> KeyOf<K> for K {
    fn encode_as(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl KeyOf<String> for str {
    fn encode_as(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }
}

impl KeyOf<Vec<u8>> for [u8] {
    fn encode_as(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }
}

/// What the keys of a cache of `K` may be asked to begin with.
///
/// ```
/// use slipstream::keys::PrefixOf;
///
/// let mut bytes = Vec::new();
/// PrefixOf::<String>::encode_prefix("te", &mut bytes);
/// assert_eq!(bytes, b"te");
/// ```
#[diagnostic::on_unimplemented(
    message = "keys of `{K}` cannot be asked to begin with a `{Self}`",
    label = "not the beginning of a `{K}`",
    note = "strings begin with strings, bytes with bytes, and tuples with their first part"
)]
pub trait PrefixOf<K: Key> {
    /// Appends the bytes that the bytes of all such keys begin with.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

impl PrefixOf<String> for str {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
    }
}

impl PrefixOf<Vec<u8>> for [u8] {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        escape(self, out);
    }
}

macro_rules! prefixes {
    ($($first:ident, $($rest:ident)*;)*) => {$(
        impl<$first: Key, $($rest: Key,)* Q: KeyOf<$first> + ?Sized> PrefixOf<($first, $($rest,)*)> for Q {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                self.encode_as(out);
            }
        }
    )*};
}

prefixes! { A, B; A, B C; A, B C D; }

/// Bytes end with 0 1, and a 0 within them becomes 0 2: a prefix sorts before what it is a prefix of, also in tuples.
fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    escape(bytes, out);
    out.extend([0, 1]);
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.contains(&0) {
        out.extend_from_slice(bytes);
        return;
    }
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(2);
        }
    }
}

fn decode_bytes(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let plain = bytes.iter().position(|byte| *byte == 0)?;
    out.extend_from_slice(&bytes[..plain]);
    *bytes = &bytes[plain..];
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if byte != 0 {
            out.push(byte);
            continue;
        }
        let (&mark, rest) = bytes.split_first()?;
        *bytes = rest;
        match mark {
            1 => return Some(out),
            2 => out.push(0),
            _ => return None,
        }
    }
}

impl Key for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self.as_bytes(), out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        String::from_utf8(decode_bytes(bytes)?).ok()
    }

    fn to_record(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }

    fn from_record(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl Key for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        decode_bytes(bytes)
    }

    fn to_record(&self) -> Bytes {
        Bytes::copy_from_slice(self)
    }

    fn from_record(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

/// Integers: big-endian, signed ones with the sign bit turned, so that negative ones come first.
macro_rules! integers {
    ($($unsigned:ty, $signed:ty;)*) => {$(
        impl Key for $unsigned {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                let (head, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(<$unsigned>::from_be_bytes(*head))
            }
        }

        impl Key for $signed {
            fn encode(&self, out: &mut Vec<u8>) {
                ((*self as $unsigned) ^ (1 << (<$unsigned>::BITS - 1))).encode(out);
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                let turned = <$unsigned>::decode(bytes)?;
                Some((turned ^ (1 << (<$unsigned>::BITS - 1))) as $signed)
            }

            fn to_record(&self) -> Bytes {
                Bytes::copy_from_slice(&self.to_be_bytes())
            }

            fn from_record(bytes: &[u8]) -> Option<Self> {
                Some(<$signed>::from_be_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

integers! { u8, i8; u16, i16; u32, i32; u64, i64; u128, i128; }

/// Floats by IEEE total order: -NaN < -inf < .. < -0 < 0 < .. < inf < NaN.
macro_rules! floats {
    ($($float:ty, $bits:ty;)*) => {$(
        impl Key for $float {
            fn encode(&self, out: &mut Vec<u8>) {
                let bits = self.to_bits();
                let sign = 1 << (<$bits>::BITS - 1);
                (if bits & sign == 0 { bits | sign } else { !bits }).encode(out);
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                let bits = <$bits>::decode(bytes)?;
                let sign = 1 << (<$bits>::BITS - 1);
                Some(<$float>::from_bits(if bits & sign == 0 { !bits } else { bits ^ sign }))
            }
        }
    )*};
}

floats! { f32, u32; f64, u64; }

impl Key for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        match u8::decode(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Key for DateTime<Utc> {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.timestamp(), self.timestamp_subsec_nanos()).encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (seconds, nanos) = Key::decode(bytes)?;
        DateTime::from_timestamp(seconds, nanos)
    }
}

impl Key for NaiveDate {
    fn encode(&self, out: &mut Vec<u8>) {
        self.to_epoch_days().encode(out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        NaiveDate::from_epoch_days(i32::decode(bytes)?)
    }
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        impl<$($name: Key),*> Key for ($($name,)*) {
            #[allow(non_snake_case)]
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($name,)*) = self;
                $($name.encode(out);)*
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode(bytes)?,)*))
            }
        }
    )*};
}

tuples! { A; A B; A B C; A B C D; }

/// The key of what has none.
impl Key for () {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }

    fn absent() -> Option<Self> {
        Some(())
    }
}

#[cfg(test)]
mod tests;
