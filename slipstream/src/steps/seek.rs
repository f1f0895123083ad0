//! A seek: a step that moves the positions of all handlers of a partition. Its records that are in hand are superseded.
//!
//! A position is moved by the steps that end over records of the partition's present *epoch*; a seek raises the epoch with
//! the positions, under the locks of their shards, so that no step can end over a record from before.

use super::locked::{Locked, lock};
use super::protocol::Protocol;
use super::shard::Found;
use super::sync::atomic::Ordering::{Acquire, Release};
use super::sync::{Fault, planted};
use super::txn::Txn;
use super::value::{Place, Value};
use crate::store::RowKey;
use std::collections::BTreeMap;

/// Where a seek goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Backward, where a handler is beyond it: each one to the lesser of its own position and this. Forward, where none is:
    /// each one to this.
    To(i64),
    /// Backward only: who is not beyond it stays.
    BackTo(i64),
    /// Nobody moves, and what is in hand comes again.
    Stay,
}

/// What a step moves when it ends.
pub(super) struct Seek {
    rows: Vec<Sought>,
    goal: Goal,
}

struct Sought {
    hash: u64,
    row: RowKey,
    /// Where it was when it was looked up, and the shard's clock before: it counts if it is not in memory and has not
    /// changed.
    stored: Option<(u64, Option<Place>)>,
}

impl Protocol {
    /// Moves the positions of a partition's handlers, when the step ends. It does not ask who holds these rows: such a step is superseded anyway.
    pub(crate) fn seek(&self, txn: &mut Txn, rows: &[RowKey], goal: Goal) {
        self.begin_epoch(txn);
        let sought = |row: &RowKey| Sought { hash: self.hash(row), row: row.clone(), stored: None };
        txn.seeks.push(Seek { rows: rows.iter().map(sought).collect(), goal });
    }

    /// Looks up where it is what the step seeks, in memory or in the store, after [`Outcome::Unknown`](super::protocol::Outcome::Unknown).
    pub(crate) fn look_up<E>(
        &self,
        txn: &mut Txn,
        mut load: impl FnMut(&[u8]) -> Result<Option<Place>, E>,
    ) -> Result<(), E> {
        for row in txn.seeks.iter_mut().flat_map(|seek| &mut seek.rows) {
            // Before it is looked up: what changes it later has a later time.
            let seen = self.shard(row.hash).clock();
            row.stored = Some((seen, load(&row.row)?));
        }
        Ok(())
    }

    /// The epoch of a position: records from before it are superseded.
    pub(crate) fn epoch(&self, row: &[u8]) -> u32 {
        if self.seeks.load(Acquire) == 0 {
            return 0;
        }
        lock(&self.sought).get(row).copied().unwrap_or(0)
    }

    /// How many seeks there have been: while it stays the same, no epoch has changed.
    pub(crate) fn seeks(&self) -> u32 {
        self.seeks.load(Acquire)
    }

    /// Whether the step moves a position over records from before a seek. The shards of all that it touched are locked.
    pub(super) fn is_over_old_records(&self, txn: &Txn) -> bool {
        if self.seeks.load(Acquire) == 0 || planted(Fault::Epochs) {
            return false;
        }
        let sought = lock(&self.sought);
        txn.touched.iter().any(|touch| match &touch.write {
            Some(Some(Value::Place(place))) => {
                sought.get(&touch.row).is_some_and(|epoch| place.epoch < *epoch)
            }
            _ => false,
        })
    }

    /// Moves what the step seeks, and raises the epochs. `false`: where a position is must be looked up first; nothing has
    /// been done then.
    pub(super) fn end_seeks(&self, txn: &mut Txn, shards: &mut Locked<'_>) -> bool {
        let mut moved: BTreeMap<RowKey, (u64, Option<Place>)> = BTreeMap::new();
        for Seek { rows, goal } in &txn.seeks {
            for row in rows {
                if moved.contains_key(&row.row) {
                    continue;
                }
                let Some(place) = self.own_or_ended(txn, row, shards) else { return false };
                moved.insert(row.row.clone(), (row.hash, place));
            }
            let (Goal::To(to) | Goal::BackTo(to)) = goal else { continue };
            let offset = |row: &Sought| Some(moved.get(&row.row)?.1?.offset);
            let furthest = rows.iter().filter_map(offset).max();
            let is_backward = matches!(goal, Goal::BackTo(_))
                || furthest.is_some_and(|furthest| *to < furthest) && !planted(Fault::Lags);
            for row in rows {
                let Some((_, place)) = moved.get_mut(&row.row) else { continue };
                // Who has no position yet goes on having none.
                let stays = is_backward && place.is_none_or(|place| place.offset < *to);
                if !stays {
                    let yields = place.filter(|_| planted(Fault::SeekYields)).map_or(0, |place| place.yields);
                    *place = Some(Place { offset: *to, yields, epoch: 0 });
                }
            }
        }
        let mut sought = lock(&self.sought);
        let epoch = self.seeks.load(Acquire) + 1;
        for (row, (hash, place)) in moved {
            if let Some(place) = place {
                txn.touch(hash, row.clone()).write = Some(Some(Value::Place(Place { epoch, ..place })));
            }
            sought.insert(row, epoch);
        }
        self.seeks.store(epoch, Release);
        true
    }

    /// The position that the step itself moves to, or as ended steps left it; `None` if that is not known.
    fn own_or_ended(&self, txn: &Txn, row: &Sought, shards: &mut Locked<'_>) -> Option<Option<Place>> {
        if let Some(at) = txn.find(row.hash, &row.row)
            && let Some(own) = &txn.touched[at].write
        {
            return Some(own.as_ref().and_then(Value::place));
        }
        match shards.of(self.part(row.hash)).read(row.hash, &row.row).0 {
            Found::Known(value) => Some(value.as_ref().and_then(Value::place)),
            Found::Missing(floor) => {
                let (seen, place) = row.stored?;
                (floor <= seen).then_some(place)
            }
        }
    }
}

impl Seek {
    pub(super) fn hashes(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|row| row.hash)
    }
}
