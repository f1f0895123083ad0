//! A commit as bytes: one record with checksums of its header and of its rows.

use super::row::Row;
use crate::error::{Error, ErrorKind, Result};
use xxhash_rust::xxh3::xxh3_64;

/// magic 4, version 4, sequence 8, hash of the record before 8, length of the rows 8, their checksum 8, and the header's
/// own checksum 8, which is also the record's hash.
pub(super) const HEADER: usize = 48;
const MAGIC: &[u8; 4] = b"SLCM";
const VERSION: u32 = 1;

/// The length that stands for a deletion.
const DELETED: u32 = u32::MAX;

/// A record that was read.
pub(super) struct Record {
    pub(super) sequence: u64,
    pub(super) before: u64,
    pub(super) hash: u64,
    /// Where it ends in its file.
    pub(super) end: u64,
    pub(super) rows: Vec<Row>,
}

/// Why there is no record at a place.
pub(super) enum Flaw {
    /// The file ends within it, or its bytes are not what was written.
    Damaged,
    /// It is whole, and of a format that is not known here.
    Newer(u32),
}

/// A commit as bytes, and its hash.
pub(super) fn encode(sequence: u64, before: u64, rows: &[Row]) -> Result<(Vec<u8>, u64)> {
    let size: usize =
        rows.iter().map(|(key, value)| 8 + key.len() + value.as_ref().map_or(0, |value| value.len())).sum();
    let mut out = Vec::with_capacity(HEADER + size);
    out.resize(HEADER, 0);
    for (key, value) in rows {
        out.extend(length(key.len())?.to_le_bytes());
        out.extend(value.as_ref().map_or(Ok(DELETED), |value| length(value.len()))?.to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    let sum = xxh3_64(&out[HEADER..]);
    let mut header = Vec::with_capacity(HEADER);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    for field in [sequence, before, size as u64, sum] {
        header.extend(field.to_le_bytes());
    }
    let hash = xxh3_64(&header);
    header.extend(hash.to_le_bytes());
    out[..HEADER].copy_from_slice(&header);
    Ok((out, hash))
}

fn length(length: usize) -> Result<u32> {
    u32::try_from(length).ok().filter(|length| *length < DELETED).ok_or_else(|| {
        Error::new(ErrorKind::Misuse, "a key or a value of a cache is larger than 4 GiB: divide it")
    })
}

/// The record that begins at `at`.
pub(super) fn decode(file: &[u8], at: usize) -> std::result::Result<Record, Flaw> {
    let header = file.get(at..at + HEADER).ok_or(Flaw::Damaged)?;
    let hash = number(header, HEADER - 8);
    if &header[..4] != MAGIC || xxh3_64(&header[..HEADER - 8]) != hash {
        return Err(Flaw::Damaged);
    }
    let version = number(header, 0) >> 32;
    if version != u64::from(VERSION) {
        return Err(Flaw::Newer(version as u32));
    }
    let (start, size) = (at + HEADER, number(header, 24) as usize);
    let end = start.checked_add(size).filter(|end| *end <= file.len()).ok_or(Flaw::Damaged)?;
    if xxh3_64(&file[start..end]) != number(header, 32) {
        return Err(Flaw::Damaged);
    }
    let rows = rows(&file[start..end]).ok_or(Flaw::Damaged)?;
    Ok(Record { sequence: number(header, 8), before: number(header, 16), hash, end: end as u64, rows })
}

fn rows(bytes: &[u8]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut at = 0;
    let mut take = |length: u32| {
        let start = at;
        at += length as usize;
        (at <= bytes.len()).then_some(start..at)
    };
    while let Some(lengths) = take(8) {
        let lengths = number(&bytes[lengths], 0);
        let (key, value) = (lengths as u32, (lengths >> 32) as u32);
        let key = bytes[take(key)?].into();
        let value = if value == DELETED { None } else { Some(bytes[take(value)?].into()) };
        rows.push((key, value));
    }
    Some(rows)
}

/// The number at a place; callers have checked the length.
pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}
