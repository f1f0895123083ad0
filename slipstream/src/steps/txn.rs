//! What a step has read and written: its own until it ends.

use super::lanes::Lane;
use super::queue::{Item, Queue, Receives};
use super::seek::Seek;
use super::shard::Hint;
use super::sync::{Fault, planted};
use super::value::Value;
use crate::store::RowKey;
use hashbrown::HashTable;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Up to so many rows are found by looking at each; beyond there is an index.
const FEW: usize = 16;

/// A step's buffers; a lane uses them for one step after another.
#[derive(Default)]
pub(crate) struct Txn {
    /// Never that of another.
    pub(super) id: u64,
    /// `None` for a step that belongs to no lane.
    pub(super) lane: Option<Arc<Lane>>,
    /// The epoch that the step began in; what is left from before a going back is superseded.
    pub(super) epoch: u64,
    pub(super) touched: Vec<Touch>,
    index: HashTable<u32>,
    /// What is sent at the end, in order.
    pub(super) sent: Vec<(Arc<dyn Receives>, Item)>,
    /// The positions that it moves at the end, for others as well.
    pub(super) seeks: Vec<Seek>,
    /// What the step touched before it had to run again: it holds these from the start.
    pub(super) want: Vec<(u64, RowKey)>,
    pub(super) held: Vec<(u64, RowKey)>,
    /// Whether it stands among those who wait for a hold.
    pub(super) waits: bool,
}

/// A row that the step has read or written.
pub(super) struct Touch {
    pub(super) hash: u64,
    pub(super) row: RowKey,
    pub(super) near: Hint,
    /// The shard's clock at the first read; `None` if it was written only.
    pub(super) seen: Option<u64>,
    /// What is written at the end: a value, or a deletion.
    pub(super) write: Option<Option<Value>>,
    /// Nobody else can have changed it since it was held.
    pub(super) held: bool,
}

impl Txn {
    pub(super) fn new(id: u64, lane: Option<Arc<Lane>>) -> Self {
        Txn { id, lane, ..Txn::default() }
    }

    /// Whether there is nothing to end.
    pub(crate) fn is_idle(&self) -> bool {
        self.touched.is_empty()
            && self.sent.is_empty()
            && self.seeks.is_empty()
            && self.held.is_empty()
            && !self.waits
    }

    pub(super) fn find(&self, hash: u64, row: &[u8]) -> Option<usize> {
        let is_it = |touch: &Touch| touch.hash == hash && touch.row[..] == *row;
        if self.index.is_empty() {
            return self.touched.iter().position(is_it);
        }
        self.index.find(hash, |at| is_it(&self.touched[*at as usize])).map(|at| *at as usize)
    }

    /// The row as the step has it; noted now if it has not touched it before.
    pub(super) fn touch(&mut self, hash: u64, row: impl AsRef<[u8]> + Into<RowKey>) -> &mut Touch {
        let at = self.find(hash, row.as_ref()).unwrap_or_else(|| {
            let held = self.held.iter().any(|(other, held)| *other == hash && held[..] == *row.as_ref());
            let near = Hint::default();
            self.touched.push(Touch { hash, row: row.into(), near, seen: None, write: None, held });
            let at = self.touched.len() - 1;
            if self.touched.len() > FEW {
                self.index(at);
            }
            at
        });
        &mut self.touched[at]
    }

    fn index(&mut self, last: usize) {
        let from = if self.index.is_empty() { 0 } else { last };
        for at in from..=last {
            let hash = self.touched[at].hash;
            self.index.insert_unique(hash, at as u32, |at| self.touched[*at as usize].hash);
        }
    }

    /// How many items the step has sent to a queue so far.
    pub(super) fn sent_to(&self, queue: &Arc<Queue>) -> usize {
        let is_it = |to: &Arc<dyn Receives>| std::ptr::addr_eq(Arc::as_ptr(to), Arc::as_ptr(queue));
        self.sent.iter().filter(|(to, _)| is_it(to)).count()
    }

    /// What the step wrote in a range of rows.
    pub(super) fn written(&self, range: &Range<RowKey>) -> BTreeMap<RowKey, Option<Value>> {
        let within = self.touched.iter().filter(|touch| range.contains(&touch.row));
        within.filter_map(|touch| Some((touch.row.clone(), touch.write.clone()?))).collect()
    }

    /// Takes back what the step writes and sends. What it has read is kept, and with it the end stands or does not.
    pub(crate) fn undo(&mut self) {
        for touch in &mut self.touched {
            touch.write = None;
            touch.seen = touch.seen.filter(|_| !planted(Fault::Undone));
        }
        self.sent.clear();
        self.seeks.clear();
    }

    /// Forgets what this run did; keeps what the next one holds.
    pub(super) fn clear(&mut self) {
        self.touched.clear();
        self.sent.clear();
        self.seeks.clear();
        self.index.clear();
    }
}
