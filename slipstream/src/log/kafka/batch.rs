//! Records on their way into one delivery, their bytes side by side.
//!
//! An allocation for each key and value, freed by another thread, cost a fifth of what could be read.

use crate::log::Incoming;
use bytes::Bytes;

/// How many records a delivery holds at most.
pub(super) const RECORDS: usize = 256;
/// Longer keys and values have memory of their own, so that one that is kept does not hold many others.
const SHARED: usize = 1024;
/// What a record takes beside its bytes, about.
const OVERHEAD: usize = size_of::<Incoming>();

/// Where the bytes of a record's key and value lie in the shared ones.
type Spans = (Option<(usize, usize)>, Option<(usize, usize)>);

/// A delivery in the making.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<Incoming>,
    shared: Vec<u8>,
    spans: Vec<Spans>,
    bytes: usize,
    /// How many bytes the last one shared, about what this one will.
    expected: usize,
}

impl Batch {
    /// Adds a record, its key and value copied, since the originals pin what was fetched with them.
    pub(super) fn push(&mut self, mut record: Incoming, key: Option<&[u8]>, value: Option<&[u8]>) {
        let headers =
            record.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Bytes::len) + 56);
        self.bytes +=
            OVERHEAD + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers.sum::<usize>();
        let spans = (self.copy(key, &mut record.key), self.copy(value, &mut record.value));
        self.spans.push(spans);
        self.records.push(record);
    }

    fn copy(&mut self, bytes: Option<&[u8]>, own: &mut Option<Bytes>) -> Option<(usize, usize)> {
        let bytes = bytes?;
        if bytes.len() > SHARED {
            *own = Some(Bytes::copy_from_slice(bytes));
            return None;
        }
        if self.shared.capacity() == 0 {
            self.shared.reserve(self.expected);
        }
        let from = self.shared.len();
        self.shared.extend_from_slice(bytes);
        Some((from, self.shared.len()))
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// About how much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the records, and begins anew.
    pub(super) fn take(&mut self) -> Vec<Incoming> {
        self.expected = self.shared.len();
        self.bytes = 0;
        let mut records = std::mem::take(&mut self.records);
        // As many may come again.
        self.records.reserve(records.len());
        let shared = Bytes::from(std::mem::take(&mut self.shared));
        let slice = |(from, to)| shared.slice(from..to);
        for (record, (key, value)) in records.iter_mut().zip(self.spans.drain(..)) {
            record.key = record.key.take().or(key.map(slice));
            record.value = record.value.take().or(value.map(slice));
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_went_in() {
        let long = vec![7; SHARED + 1];
        let pairs: [(Option<&[u8]>, Option<&[u8]>); 5] = [
            (None, Some(b"a")),
            (Some(b"k"), None),
            (Some(b""), Some(b"")),
            (Some(&long), Some(b"b")),
            (None, None),
        ];
        let mut batch = Batch::default();
        for _ in 0..2 {
            for (offset, (key, value)) in (0..).zip(pairs) {
                let headers = Vec::new();
                let record = Incoming {
                    partition: 0,
                    offset,
                    key: None,
                    value: None,
                    headers,
                    timestamp: None,
                    epoch: 0,
                };
                batch.push(record, key, value);
            }
            assert_eq!(batch.len(), pairs.len());
            assert!(batch.bytes() > SHARED);
            let records = batch.take();
            for (offset, (record, (key, value))) in (0..).zip(records.iter().zip(pairs)) {
                assert_eq!(
                    (record.offset, record.key.as_deref(), record.value.as_deref()),
                    (offset, key, value)
                );
            }
            assert_eq!((batch.len(), batch.bytes()), (0, 0));
        }
    }
}
