//! What stands around a value in an engine, so that none is ever answered that was not written.

use super::errors::damaged_row;
use super::row::RowValue;
use crate::error::Result;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const VERSION: u8 = 1;
const HEAD: usize = 5;

/// The value with its format and its checksum, which also covers the key.
pub(super) fn wrap(key: &[u8], value: &[u8]) -> RowValue {
    let mut out = Vec::with_capacity(HEAD + value.len());
    out.push(VERSION);
    out.extend(sum(key, value));
    out.extend_from_slice(value);
    out.into()
}

pub(super) fn unwrap<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8]> {
    match stored.first() {
        Some(&VERSION) if stored.len() >= HEAD && stored[1..HEAD] == sum(key, &stored[HEAD..]) => {
            Ok(&stored[HEAD..])
        }
        _ => Err(damaged_row(key)),
    }
}

fn sum(key: &[u8], value: &[u8]) -> [u8; 4] {
    // The lower half of 64 bits is as good as a sum of 32.
    (xxh3_64_with_seed(value, xxh3_64(key)) as u32).to_le_bytes()
}
