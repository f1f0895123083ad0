//! How the value of an entry is stored: bare, or with the time of its writing before it.
//!
//! So each entry says by itself whether it has a time, and a bound can be added and taken away without a migration.

use super::scratch;
use crate::clock::Clock;
use crate::error::BoxError;
use crate::store::RowValue;

/// No value of MessagePack begins with this byte. What does, of another codec, has `BARE` before it.
const MARK: u8 = 0xC1;
const BARE: u8 = 0;
const STAMPED: u8 = 1;

/// A time, in microseconds since 1970.
pub(super) type Micros = u64;

/// The time now.
pub(super) fn now(clock: &Clock) -> Micros {
    clock.now().timestamp_micros().try_into().unwrap_or_default()
}

/// A stored value, taken apart.
pub(super) struct Stored<'a> {
    /// When it was written, if its cache had a bound then.
    pub(super) written: Option<Micros>,
    /// What the codec wrote.
    pub(super) value: &'a [u8],
}

/// A value as it is stored.
pub(super) fn store(
    written: Option<Micros>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxError>,
) -> Result<RowValue, BoxError> {
    let mut encoded = Ok(());
    let fill = |out: &mut Vec<u8>| {
        if let Some(written) = written {
            out.extend([MARK, STAMPED]);
            out.extend(written.to_be_bytes());
        }
        encoded = encode(out);
        if written.is_none() && out.first() == Some(&MARK) {
            out.splice(..0, [MARK, BARE]);
        }
    };
    let bytes = scratch::with_bytes(fill, |bytes| RowValue::from(bytes));
    encoded.map(|()| bytes)
}

/// Takes a stored value apart; `None` if it is none.
pub(super) fn open(stored: &[u8]) -> Option<Stored<'_>> {
    match stored {
        [MARK, BARE, value @ ..] => Some(Stored { written: None, value }),
        [MARK, STAMPED, rest @ ..] => {
            let (written, value) = rest.split_first_chunk()?;
            Some(Stored { written: Some(Micros::from_be_bytes(*written)), value })
        }
        [MARK, ..] => None,
        value => Some(Stored { written: None, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_opened_whatever_its_first_byte() {
        let values: [&[u8]; 5] = [b"", b"\xC1", b"\xC1\x00", b"\xC1\x01", b"plain"];
        for value in values {
            for written in [None, Some(0), Some(Micros::MAX)] {
                let encode = |out: &mut Vec<u8>| {
                    out.extend_from_slice(value);
                    Ok(())
                };
                let stored = store(written, encode).unwrap();
                let opened = open(&stored).unwrap();
                assert_eq!((opened.written, opened.value), (written, value));
            }
        }
        assert!(open(b"\xC1").is_none() && open(b"\xC1\x01\x00").is_none() && open(b"\xC1\x02").is_none());
    }
}
