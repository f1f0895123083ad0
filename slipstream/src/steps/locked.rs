//! Locks, taken together.

use super::shard::Shard;
use super::sync::{Mutex, MutexGuard, PoisonError};

/// Some shards, locked: mostly one.
pub(super) struct Locked<'a> {
    pub(super) mask: u64,
    pub(super) only: Option<MutexGuard<'a, Shard>>,
    pub(super) more: Vec<MutexGuard<'a, Shard>>,
}

impl Locked<'_> {
    pub(super) fn of(&mut self, part: usize) -> &mut Shard {
        match &mut self.only {
            Some(shard) => shard,
            None => {
                let before = self.mask & ((1_u64 << part) - 1);
                &mut self.more[before.count_ones() as usize]
            }
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
