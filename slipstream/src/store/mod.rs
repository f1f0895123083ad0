//! The seam that state lies behind: ordered rows of bytes, written in atomic batches.
//!
//! No closures and no engine types in it, so that a third engine only has to be listed. Nothing here knows of caches,
//! steps or topics.

#[cfg(feature = "sled")]
pub(crate) mod lazy;
pub(crate) mod memory;
#[cfg(feature = "sled")]
pub(crate) mod sled;

use crate::error::Result;
use bytes::Bytes;

/// A row's key. On disk: the name, 0, the shard, and the key's own bytes.
pub(crate) type RowKey = Bytes;

/// A row: its key, and its value or `None` for a deletion.
pub(crate) type Row = (RowKey, Option<RowValue>);

/// A row's value.
pub(crate) type RowValue = Bytes;

/// An engine that keeps rows.
pub(crate) trait Store: Send + Sync + 'static {
    /// The value of a row.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// Up to `limit` rows from `from` (inclusive) to `to` (exclusive), in order, or from the end.
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<(RowKey, Bytes)>>;

    /// Writes the rows, all or none, so that they survive the death of the process.
    fn write(&self, rows: &[Row]) -> Result<()>;

    fn sequence(&self) -> Result<u64> {
        let sequence = self.get(b"slipstream/sequence")?;
        Ok(sequence.and_then(|bytes| Some(u64::from_be_bytes(bytes[..].try_into().ok()?))).unwrap_or(0))
    }

    fn commit(&self, sequence: u64, mut rows: Vec<Row>) -> Result<()> {
        rows.push((
            Bytes::from_static(b"slipstream/sequence"),
            Some(Bytes::copy_from_slice(&sequence.to_be_bytes())),
        ));
        self.write(&rows)
    }
}

/// The shard of rows that belong to no partition.
const NO_SHARD: [u8; 2] = [0, 0];

/// What all rows of a name start with.
pub(crate) fn prefix(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(NO_SHARD);
    out
}

/// The first key after all that start with this prefix.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    end
}

#[cfg(test)]
mod tests;
