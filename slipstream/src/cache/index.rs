//! The index of a cache with a bound: its entries in the order of their writing, and how many bytes they have.
//!
//! For each entry there is a row in a namespace of the cache's own: the time, then the key; its value is the size. It
//! is written and deleted in the step that writes the entry, so that the two cannot part.

use super::stamp::{self, Micros};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Evictions;
use crate::steps::{self, INDEXES, Item, Receives, State, Txn};
use crate::store::{self, RowKey, RowValue};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed, Ordering::SeqCst};
use tokio::sync::Notify;

/// So many bytes too many hold nobody back, however small the cache may be.
const LEAST_SLACK: u64 = 64 << 10;

/// The bounds of a cache.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) ttl: Option<Micros>,
    pub(super) max_bytes: Option<u64>,
}

impl Limits {
    pub(super) const NONE: Limits = Limits { ttl: None, max_bytes: None };

    pub(super) fn is_none(&self) -> bool {
        self.ttl.is_none() && self.max_bytes.is_none()
    }

    /// When an entry of this time is over.
    pub(super) fn end(&self, written: Micros) -> Option<Micros> {
        self.ttl.map(|ttl| written.saturating_add(ttl))
    }
}

/// What an app keeps for a cache with a bound.
pub(super) struct Index {
    name: &'static str,
    pub(super) limits: Limits,
    /// What its rows begin with. As a row of its own it says that each entry has its row, and each row its entry.
    pub(super) whole: Vec<u8>,
    /// What steps have added and taken away; the size of all entries once that is counted.
    bytes: AtomicI64,
    counted: AtomicBool,
    pub(super) evicted: Arc<Evictions>,
    /// Told when there is something to evict.
    pub(super) wake: Notify,
    /// Whether there was nothing that could expire: then the next entry is told of.
    pub(super) idle: AtomicBool,
    pub(super) begun: AtomicBool,
    /// Whether nobody evicts any more.
    pub(super) is_given_up: AtomicBool,
}

/// An entry by its row in the index.
pub(super) struct Old {
    pub(super) written: Micros,
    pub(super) key: Vec<u8>,
    pub(super) bytes: i64,
    pub(super) expired: bool,
}

/// What the end of a step changes.
#[derive(Default)]
struct Change {
    bytes: i64,
    expired: u64,
    over_max_bytes: u64,
}

impl Receives for Index {
    fn receive(&self, item: Item) {
        let Item::Volatile(change) = item else { return };
        let Ok(change) = change.downcast::<Change>() else { return };
        self.bytes.fetch_add(change.bytes, SeqCst);
        self.evicted.add(change.expired, change.over_max_bytes);
        if self.over() > 0 || (change.bytes > 0 && self.idle.load(SeqCst) && self.idle.swap(false, SeqCst)) {
            self.wake.notify_one();
        }
    }
}

impl Index {
    pub(super) fn new(name: &'static str, limits: Limits, evicted: Arc<Evictions>) -> Self {
        Index {
            name,
            limits,
            whole: whole(name),
            bytes: AtomicI64::new(0),
            counted: AtomicBool::new(false),
            evicted,
            wake: Notify::new(),
            idle: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            is_given_up: AtomicBool::new(false),
        }
    }

    /// What steps have changed so far, or the size of all.
    pub(super) fn bytes(&self) -> i64 {
        self.bytes.load(SeqCst)
    }

    /// The entries had so many bytes more than the steps until now have changed.
    pub(super) fn counted(&self, before: i64) {
        self.bytes.fetch_add(before, SeqCst);
        self.counted.store(true, SeqCst);
    }

    /// The size of all, once it is known.
    pub(super) fn total(&self) -> Option<i64> {
        self.counted.load(SeqCst).then(|| self.bytes())
    }

    /// How many bytes are too many.
    pub(super) fn over(&self) -> i64 {
        let (Some(most), Some(total)) = (self.limits.max_bytes, self.total()) else { return 0 };
        total.saturating_sub_unsigned(most).max(0)
    }

    /// Whether it is not so much too large that who writes is to wait for who evicts.
    pub(super) fn has_room(&self) -> bool {
        let most = self.limits.max_bytes.unwrap_or(u64::MAX);
        self.over().unsigned_abs() <= (most / 8).max(LEAST_SLACK) || self.is_given_up.load(Relaxed)
    }

    /// The rows of all entries' times.
    pub(super) fn rows(&self) -> Range<RowKey> {
        rows(&self.whole)
    }

    /// The rows of all entries.
    pub(super) fn entries(&self) -> Range<RowKey> {
        let start = store::prefix(self.name);
        let end = store::after(&start);
        start.into()..end.into()
    }

    pub(super) fn entry(&self, key: &[u8]) -> Vec<u8> {
        let mut row = store::prefix(self.name);
        row.extend_from_slice(key);
        row
    }

    /// The key in the row of an entry.
    pub(super) fn key<'a>(&self, entry: &'a [u8]) -> &'a [u8] {
        entry.get(store::prefix_length(self.name)..).unwrap_or_default()
    }

    pub(super) fn row(&self, written: Micros, key: &[u8]) -> Vec<u8> {
        let mut row = self.whole.clone();
        row.extend(written.to_be_bytes());
        row.extend_from_slice(key);
        row
    }

    /// What a row of the index says.
    pub(super) fn old(&self, row: &[u8], bytes: &[u8], now: Micros) -> Result<Old> {
        let time_and_key = row.get(self.whole.len()..).and_then(|rest| rest.split_first_chunk());
        let (written, key) = time_and_key.ok_or_else(|| self.damaged())?;
        let written = Micros::from_be_bytes(*written);
        let expired = self.limits.end(written).is_some_and(|end| end <= now);
        Ok(Old { written, key: key.to_vec(), bytes: self.size(bytes)?, expired })
    }

    pub(super) fn size(&self, bytes: &[u8]) -> Result<i64> {
        bytes.try_into().map(i64::from_be_bytes).map_err(|_| self.damaged())
    }

    fn damaged(&self) -> Error {
        let text = format!("the cache `{}` has an entry, or a row of its index, that is none", self.name);
        Error::new(ErrorKind::Codec, text)
    }

    /// When a stored value was written.
    pub(super) fn written(&self, stored: &[u8]) -> Result<Option<Micros>> {
        Ok(stamp::open(stored).ok_or_else(|| self.damaged())?.written)
    }

    /// Writes an entry, or takes it out, when the step ends; and its row. One that is larger than the cache may be is
    /// evicted before anybody sees it.
    pub(super) fn write(
        self: &Arc<Self>,
        state: &State,
        txn: &mut Txn,
        entry: &[u8],
        value: Option<RowValue>,
    ) -> Result<()> {
        let key = self.key(entry);
        let mut change = Change::default();
        // Read through the step: another that writes the entry meanwhile makes this one run again.
        if let Some(stored) = state.read(txn, entry)?
            && let Some(written) = self.written(&stored)?
        {
            change.bytes -= self.take_out(state, txn, written, key)?.unwrap_or(0);
        }
        let Some(stored) = value else {
            state.write(txn, entry, None);
            self.tell(state, txn, change);
            return Ok(());
        };
        let opened = stamp::open(&stored).ok_or_else(|| self.damaged())?;
        let bytes = bytes(key, opened.value);
        if self.limits.max_bytes.is_some_and(|most| bytes.unsigned_abs() > most) {
            state.write(txn, entry, None);
            change.over_max_bytes += 1;
        } else {
            let written = opened.written.unwrap_or_default();
            state.write(txn, &self.row(written, key), Some(bytes.to_be_bytes()[..].into()));
            state.write(txn, entry, Some(stored));
            change.bytes += bytes;
        }
        self.tell(state, txn, change);
        Ok(())
    }

    /// Takes a row out of the index; the size that it had, if it was there.
    fn take_out(&self, state: &State, txn: &mut Txn, written: Micros, key: &[u8]) -> Result<Option<i64>> {
        let row = self.row(written, key);
        let Some(bytes) = state.read(txn, &row)? else { return Ok(None) };
        state.write(txn, &row, None);
        self.size(&bytes).map(Some)
    }

    /// Evicts entries that have not been written anew since they were found, and takes rows out that have no entry.
    pub(super) fn evict(self: &Arc<Self>, state: &State, txn: &mut Txn, found: &[Old]) -> Result<()> {
        let mut change = Change::default();
        for Old { written, key, expired, .. } in found {
            let Some(bytes) = self.take_out(state, txn, *written, key)? else { continue };
            change.bytes -= bytes;
            let entry = self.entry(key);
            let Some(stored) = state.read(txn, &entry)? else { continue };
            if self.written(&stored)? == Some(*written) {
                state.write(txn, &entry, None);
                let count = if *expired { &mut change.expired } else { &mut change.over_max_bytes };
                *count += 1;
            }
        }
        self.tell(state, txn, change);
        Ok(())
    }

    /// Gives an entry its row, if it has none; and its time, if it was written when the cache had no bound.
    pub(super) fn complete(
        self: &Arc<Self>,
        state: &State,
        txn: &mut Txn,
        entry: &[u8],
        now: Micros,
    ) -> Result<()> {
        let Some(stored) = state.read(txn, entry)? else { return Ok(()) };
        let opened = stamp::open(&stored).ok_or_else(|| self.damaged())?;
        let key = self.key(entry);
        let row = self.row(opened.written.unwrap_or(now), key);
        if opened.written.is_none() {
            let copy = |out: &mut Vec<u8>| {
                out.extend_from_slice(opened.value);
                Ok(())
            };
            let stamped = stamp::store(Some(now), copy).map_err(|_| self.damaged())?;
            state.write(txn, entry, Some(stamped));
        } else if state.read(txn, &row)?.is_some() {
            return Ok(());
        }
        let bytes = bytes(key, opened.value);
        state.write(txn, &row, Some(bytes.to_be_bytes()[..].into()));
        self.tell(state, txn, Change { bytes, ..Change::default() });
        Ok(())
    }

    /// Takes a row out whose entry is of another time, or gone.
    pub(super) fn mend(self: &Arc<Self>, state: &State, txn: &mut Txn, old: &Old) -> Result<()> {
        let stored = state.read(txn, &self.entry(&old.key))?;
        let written = stored.map(|stored| self.written(&stored)).transpose()?.flatten();
        if written != Some(old.written) {
            let bytes = -self.take_out(state, txn, old.written, &old.key)?.unwrap_or(0);
            self.tell(state, txn, Change { bytes, ..Change::default() });
        }
        Ok(())
    }

    /// The totals change when the step ends, and not before.
    fn tell(self: &Arc<Self>, state: &State, txn: &mut Txn, change: Change) {
        if change.bytes != 0 || change.expired + change.over_max_bytes > 0 {
            state.tell_onlookers(txn, self.clone(), Item::Volatile(Box::new(change)));
        }
    }
}

/// What the rows of a cache's index begin with.
pub(super) fn whole(name: &str) -> Vec<u8> {
    store::prefix(&format!("{INDEXES}{name}"))
}

/// The rows of an index, without the one that says that it is whole.
pub(super) fn rows(whole: &[u8]) -> Range<RowKey> {
    steps::after(whole)..store::after(whole).into()
}

/// The size of an entry: its key and its value, without what we write beside them.
fn bytes(key: &[u8], value: &[u8]) -> i64 {
    (key.len() + value.len()) as i64
}
