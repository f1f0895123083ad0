//! Which state this is, among those of all instances of an app: a number that is kept in it.

use super::place::INSTANCE;
use crate::error::Result;
use crate::store::{Row, RowKey, Store, prefix};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub(super) struct Instance {
    pub(super) number: u64,
    is_stored: AtomicBool,
}

impl Instance {
    /// The number that the state has, or will have from its first commit on.
    pub(super) fn of(store: &Store) -> Result<Self> {
        let stored = store.get(&prefix(INSTANCE))?;
        let stored = stored.and_then(|value| Some(u64::from_be_bytes(value[..].try_into().ok()?)));
        let fresh = || RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()));
        let is_stored = AtomicBool::new(stored.is_some());
        Ok(Instance { number: stored.unwrap_or_else(fresh), is_stored })
    }

    /// Adds the number to the sorted rows of a commit, if none has had it yet.
    pub(super) fn add_to(&self, rows: &mut Vec<Row>) {
        if self.is_stored.load(Relaxed) {
            return;
        }
        let key = RowKey::from(&prefix(INSTANCE)[..]);
        let at = rows.partition_point(|(row, _)| *row < key);
        rows.insert(at, (key, Some(self.number.to_be_bytes()[..].into())));
    }

    pub(super) fn is_committed(&self) {
        self.is_stored.store(true, Relaxed);
    }
}
