//! Rows in one buffer, so that a scan of many rows allocates little.

use super::row::{RowKey, RowValue};
use crate::error::Result;

/// Rows in the order in which they were found.
#[derive(Default)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    /// Where the key of each row ends, where its value begins, and where that ends.
    ends: Vec<(usize, usize, usize)>,
}

impl Page {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a row; its value is appended to the bytes that are given.
    pub(super) fn push(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        value(&mut self.bytes)?;
        self.ends.push((key_end, key_end, self.bytes.len()));
        Ok(())
    }

    /// Takes off what stands before the values, from this row on; `unwrap` is told the key and all of the value.
    pub(super) fn unwrap(
        &mut self,
        from: usize,
        unwrap: impl for<'a> Fn(&[u8], &'a [u8]) -> Result<&'a [u8]>,
    ) -> Result<()> {
        for at in from..self.len() {
            let Some((key, value)) = self.row(at) else { break };
            let length = unwrap(key, value)?.len();
            let (_, begins, ends) = &mut self.ends[at];
            *begins = *ends - length;
        }
        Ok(())
    }

    /// A row by its place in the page.
    pub(crate) fn row(&self, at: usize) -> Option<(&[u8], &[u8])> {
        let (key_end, value_start, value_end) = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before].2);
        Some((&self.bytes[start..key_end], &self.bytes[value_start..value_end]))
    }

    pub(crate) fn last(&self) -> Option<(&[u8], &[u8])> {
        self.row(self.len().checked_sub(1)?)
    }

    pub(super) fn rows(&self) -> Vec<(RowKey, RowValue)> {
        (0..self.len()).filter_map(|at| self.row(at)).map(|(key, value)| (key.into(), value.into())).collect()
    }
}
