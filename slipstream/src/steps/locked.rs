//! Locks, taken together.

use super::shard::Shard;
use super::sync::{Mutex, MutexGuard, PoisonError};

/// Some shards, locked: mostly that of a row and that of a position, which take no allocation.
pub(super) struct Locked<'a> {
    mask: u64,
    few: [Option<MutexGuard<'a, Shard>>; FEW],
    more: Vec<MutexGuard<'a, Shard>>,
}

const FEW: usize = 2;

impl<'a> Locked<'a> {
    /// Locks the shards whose bits are set, in the order of their numbers.
    pub(super) fn new(mask: u64, shard: impl Fn(usize) -> MutexGuard<'a, Shard>) -> Self {
        let mut left = mask;
        let mut next = || {
            let number = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (number < 64).then(|| shard(number))
        };
        Locked { mask, few: [next(), next()], more: std::iter::from_fn(next).collect() }
    }

    pub(super) fn of(&mut self, part: usize) -> &mut Shard {
        let before = (self.mask & ((1_u64 << part) - 1)).count_ones() as usize;
        match self.few.get_mut(before) {
            Some(Some(shard)) => shard,
            _ => &mut self.more[before - FEW],
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
