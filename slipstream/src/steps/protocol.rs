//! The protocol itself. ARCHITECTURE.md, "Steps", says its states, its invariants and what each crash point leaves.
//!
//! One lock guards all of it, so that a step's end, a hold and a cut are each one event. Three layers hold the rows:
//! what the open generation wrote, what the frozen one wrote (it is being committed), and the store.

use crate::store::RowKey;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a step has read and written; its own until it ends.
#[derive(Default)]
pub(crate) struct Txn {
    id: u64,
    /// Rows with the protocol's sequence at the time of the read.
    reads: Vec<(RowKey, u64)>,
    pub(super) writes: BTreeMap<RowKey, Option<Bytes>>,
    /// What the step touched before it had to run again: it holds these from the start.
    want: HashSet<RowKey>,
    held: HashSet<RowKey>,
}

impl Txn {
    pub(crate) fn write(&mut self, row: RowKey, value: Option<Bytes>) {
        self.writes.insert(row, value);
    }

    pub(crate) fn own(&self, row: &[u8]) -> Option<&Option<Bytes>> {
        self.writes.get(row)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty() && self.held.is_empty()
    }

    /// All that the step read or wrote.
    fn touched(&self) -> impl Iterator<Item = &RowKey> {
        self.reads.iter().map(|(row, _)| row).chain(self.writes.keys())
    }

    /// Forgets what this run did; keeps what the next one holds.
    fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
    }
}

/// What became of the attempt to end a step, or to hold what it touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Another step holds a row that this one needs: wait until something is released, and ask again.
    Blocked,
    /// Another step changed what this one read: it runs again.
    Stale,
}

/// Where a row stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Known(Option<Bytes>),
    /// Neither generation has it: the store knows.
    Load,
}

/// A position's name: source, partition and handler, as one key.
pub(crate) type PlaceKey = Arc<str>;

/// How far a handler is in a partition: everything before `offset` is done, and `yields` of the message at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: i64,
    pub(crate) yields: u32,
}

/// Counts the outputs of a generation that have not been acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<AtomicUsize>);

impl Pending {
    pub(crate) fn acknowledged(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// What a commit writes, as of one moment between steps.
pub(crate) struct Cut {
    pub(crate) rows: Arc<BTreeMap<RowKey, Cell>>,
    pub(crate) places: BTreeMap<PlaceKey, Place>,
    pub(crate) pending: Pending,
    pub(crate) sequence: u64,
}

/// A row as a generation wrote it.
pub(crate) struct Cell {
    pub(crate) value: Option<Bytes>,
    version: u64,
}

#[derive(Default)]
struct Table {
    /// Rises with every write; orders reads and writes.
    clock: u64,
    /// Whatever is in neither generation was last written at or before this.
    floor: u64,
    open: BTreeMap<RowKey, Cell>,
    frozen: Option<Arc<BTreeMap<RowKey, Cell>>>,
    frozen_at: u64,
    holds: HashMap<RowKey, u64>,
    places: BTreeMap<PlaceKey, Place>,
    moved: BTreeMap<PlaceKey, Place>,
    pending: Pending,
    sequence: u64,
    next_id: u64,
}

impl Table {
    /// Whether anything has ended since the last cut.
    fn is_dirty(&self) -> bool {
        !(self.open.is_empty() && self.moved.is_empty() && self.pending.is_clear())
    }

    fn cell(&self, row: &[u8]) -> Option<&Cell> {
        self.open.get(row).or_else(|| self.frozen.as_ref()?.get(row))
    }

    /// Whether nobody wrote the row since; a row that is held by the asker cannot have changed.
    fn is_fresh(&self, row: &RowKey, seen: u64, id: u64) -> bool {
        let version = self.cell(row).map_or(self.floor, |cell| cell.version);
        version <= seen || self.holds.get(row) == Some(&id)
    }

    fn is_held_by_another(&self, row: &RowKey, id: u64) -> bool {
        self.holds.get(row).is_some_and(|holder| *holder != id)
    }
}

/// The protocol: steps begin, read, write, hold and end; cuts are taken between them.
#[derive(Default)]
pub(crate) struct Protocol {
    table: Mutex<Table>,
    /// The size of what the open generation wrote; beside the table, since lanes look at it before each step.
    open_bytes: AtomicUsize,
}

impl Protocol {
    /// A protocol whose last commit had this sequence.
    pub(crate) fn after(sequence: u64) -> Self {
        Protocol {
            table: Mutex::new(Table { sequence, ..Table::default() }),
            open_bytes: AtomicUsize::new(0),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step's buffers, to be used for one step after another.
    pub(crate) fn begin(&self) -> Txn {
        let mut table = self.table();
        table.next_id += 1;
        Txn { id: table.next_id, ..Txn::default() }
    }

    /// Looks a row up, and notes that the step read it.
    pub(crate) fn read(&self, txn: &mut Txn, row: &RowKey) -> Lookup {
        if let Some(own) = txn.own(row) {
            return Lookup::Known(own.clone());
        }
        let table = self.table();
        txn.reads.push((row.clone(), table.clock));
        match table.cell(row) {
            Some(cell) => Lookup::Known(cell.value.clone()),
            None => Lookup::Load,
        }
    }

    /// The rows of both generations in a range: the newest of each, deletions included. Not checked at the end.
    pub(crate) fn scan(&self, from: &RowKey, to: &RowKey) -> BTreeMap<RowKey, Option<Bytes>> {
        let table = self.table();
        let mut rows = BTreeMap::new();
        for layer in table.frozen.iter().map(|frozen| &**frozen).chain([&table.open]) {
            rows.extend(
                layer.range(from.clone()..to.clone()).map(|(row, cell)| (row.clone(), cell.value.clone())),
            );
        }
        rows
    }

    /// Takes hold of all that the step touched or wants, all at once, if what it read still stands.
    pub(crate) fn hold(&self, txn: &mut Txn) -> Outcome {
        let mut table = self.table();
        if !txn.reads.iter().all(|(row, seen)| table.is_fresh(row, *seen, txn.id)) {
            return stale(&mut table, txn);
        }
        let rows: HashSet<RowKey> = txn.touched().chain(&txn.want).cloned().collect();
        if rows.iter().any(|row| table.is_held_by_another(row, txn.id)) {
            // A holder that meets another's hold lets go; one that holds nothing waits.
            return if txn.held.is_empty() { Outcome::Blocked } else { stale(&mut table, txn) };
        }
        for row in rows {
            table.holds.insert(row.clone(), txn.id);
            txn.held.insert(row);
        }
        Outcome::Done
    }

    /// Ends the step: its writes, its position and its outputs become visible together, or nothing does.
    ///
    /// Returns what its outputs are counted by; `outputs` of them are added to the generation.
    pub(crate) fn end(
        &self,
        txn: &mut Txn,
        places: &[(PlaceKey, Place)],
        outputs: usize,
    ) -> (Outcome, Pending) {
        let mut table = self.table();
        let table = &mut *table;
        if !txn.reads.iter().all(|(row, seen)| table.is_fresh(row, *seen, txn.id)) {
            return (stale(table, txn), Pending::default());
        }
        if txn.writes.keys().any(|row| table.is_held_by_another(row, txn.id)) {
            let outcome = if txn.held.is_empty() { Outcome::Blocked } else { stale(table, txn) };
            return (outcome, Pending::default());
        }
        for (row, value) in std::mem::take(&mut txn.writes) {
            table.clock += 1;
            self.open_bytes.fetch_add(row.len() + value.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
            table.open.insert(row, Cell { value, version: table.clock });
        }
        for (key, place) in places {
            table.moved.insert(key.clone(), *place);
        }
        table.pending.0.fetch_add(outputs, Ordering::AcqRel);
        release(table, txn);
        txn.want.clear();
        txn.clear();
        (Outcome::Done, table.pending.clone())
    }

    /// Throws away what the step did; nobody has seen it.
    pub(crate) fn abandon(&self, txn: &mut Txn) {
        if !txn.held.is_empty() {
            release(&mut self.table(), txn);
        }
        txn.want.clear();
        txn.clear();
    }

    /// Whether what the step has read so far still stands; if not, it is prepared to run again.
    pub(crate) fn check(&self, txn: &mut Txn) -> Outcome {
        let mut table = self.table();
        if txn.reads.iter().all(|(row, seen)| table.is_fresh(row, *seen, txn.id)) {
            Outcome::Done
        } else {
            stale(&mut table, txn)
        }
    }

    /// The position of a handler in a partition, if a step or a commit of this process has set it.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        let table = self.table();
        table.moved.get(key).or_else(|| table.places.get(key)).copied()
    }

    /// Takes a cut between two steps; `None` if nothing changed since the last, or if that is still being committed.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let mut table = self.table();
        let table = &mut *table;
        if table.frozen.is_some() || !table.is_dirty() {
            return None;
        }
        let rows = Arc::new(std::mem::take(&mut table.open));
        self.open_bytes.store(0, Ordering::Relaxed);
        table.frozen = Some(rows.clone());
        table.frozen_at = table.clock;
        table.sequence += 1;
        let places = std::mem::take(&mut table.moved);
        table.places.extend(places.iter().map(|(key, place)| (key.clone(), *place)));
        let pending = std::mem::take(&mut table.pending);
        Some(Cut { rows, places, pending, sequence: table.sequence })
    }

    /// Whether there is something for a cut.
    pub(crate) fn is_dirty(&self) -> bool {
        self.table().is_dirty()
    }

    /// The cut is in the store: its rows are read from there now.
    pub(crate) fn committed(&self) {
        let mut table = self.table();
        table.frozen = None;
        table.floor = table.frozen_at;
    }

    /// The size of what the open generation wrote, in bytes.
    pub(crate) fn open_bytes(&self) -> usize {
        self.open_bytes.load(Ordering::Relaxed)
    }
}

/// Prepares the step to run again: it lets go of everything, and will hold all it touched from the start.
fn stale(table: &mut Table, txn: &mut Txn) -> Outcome {
    let touched: Vec<RowKey> = txn.touched().cloned().collect();
    release(table, txn);
    txn.want.extend(touched);
    txn.clear();
    Outcome::Stale
}

fn release(table: &mut Table, txn: &mut Txn) {
    for row in txn.held.drain() {
        table.holds.remove(&row);
    }
}
