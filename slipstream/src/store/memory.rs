//! Rows in memory: for tests, and for apps whose state ends with the process.

use super::{Row, RowKey, Store};
use crate::error::Result;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Keeps rows in a map.
#[derive(Default)]
pub(crate) struct MemoryStore(RwLock<BTreeMap<RowKey, Bytes>>);

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<(RowKey, Bytes)>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = rows.range(Bytes::copy_from_slice(from)..Bytes::copy_from_slice(to));
        let found = found.map(|(key, value)| (key.clone(), value.clone()));
        Ok(if reverse { found.rev().take(limit).collect() } else { found.take(limit).collect() })
    }

    fn write(&self, batch: &[Row]) -> Result<()> {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => drop(rows.insert(key.clone(), value.clone())),
                None => drop(rows.remove(key)),
            }
        }
        Ok(())
    }
}
