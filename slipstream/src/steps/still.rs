//! Rows as of one moment between two steps, however long they are looked at.

use super::scan::{Pages, Scan};
use super::value::Value;
use crate::error::Result;
use crate::store::{Page, RowKey, RowValue, Snapshot};
use std::collections::BTreeMap;
use std::ops::Range;

/// A range of rows as of one moment. While it lives the store keeps what it had then, and drains nothing.
pub(crate) struct Still {
    /// What was not in the store; it is newer than what the store says of the same row.
    overlay: BTreeMap<RowKey, Option<Value>>,
    store: Snapshot,
}

impl Still {
    pub(super) fn new(overlay: BTreeMap<RowKey, Option<Value>>, store: Snapshot) -> Self {
        Still { overlay, store }
    }

    /// A row as it was.
    pub(crate) fn get(&self, row: &[u8]) -> Result<Option<RowValue>> {
        match self.overlay.get(row) {
            Some(value) => Ok(value.clone().map(Value::into_bytes)),
            None => self.store.get(row),
        }
    }

    /// Rows in order, as they were.
    pub(crate) fn scan(&self, range: Range<RowKey>, reverse: bool) -> Scan {
        let is_some = range.start < range.end; // else the map would panic
        let overlay = is_some.then(|| self.overlay.range(range.clone())).into_iter().flatten();
        let overlay = overlay.map(|(row, value)| (row.clone(), value.clone())).collect();
        Scan::new(overlay, range, reverse)
    }
}

impl Pages for Still {
    fn page(&self, range: &Range<RowKey>, limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        self.store.page(&range.start, &range.end, limit, reverse, page)
    }
}
