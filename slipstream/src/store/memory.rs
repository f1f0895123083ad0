//! Rows in memory: for tests, and for apps whose state ends with the process.

use super::disk::Durability;
use super::engine::Engine;
use super::page::Page;
use super::row::{Row, RowKey, RowValue};
use crate::error::Result;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

/// Keeps rows in a map.
#[derive(Default)]
pub(crate) struct Memory(RwLock<BTreeMap<RowKey, RowValue>>);

impl Engine for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = rows.range::<[u8], _>((Bound::Included(from), end));
        let next = || if reverse { found.next_back() } else { found.next() };
        for (key, value) in std::iter::from_fn(next).take(limit) {
            page.push(key, |out| {
                out.extend_from_slice(value);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn put(&self, batch: &[Row]) -> Result<()> {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => drop(rows.insert(key.clone(), value.clone())),
                None => drop(rows.remove(key)),
            }
        }
        Ok(())
    }

    fn sync(&self, _: Durability) -> Result<()> {
        Ok(())
    }
}
