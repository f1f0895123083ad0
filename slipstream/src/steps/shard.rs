//! A part of the rows in memory: what has not been committed, and what was read lately.

use super::lanes::RECOVERED;
use super::sync::{Fault, planted};
use super::value::Value;
use crate::store::RowKey;
use hashbrown::HashTable;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a slot takes beside what its row and its value have elsewhere, in bytes: itself, the table's entry, and the slack
/// of both.
const SLOT_BYTES: usize = size_of::<Slot>() * 3 / 2 + 16;

/// How many slots are looked at for room at a time, so that no step waits for long.
const LOOKS: usize = 16;

/// A row in memory.
struct Slot {
    hash: u64,
    row: RowKey,
    /// `None`: the row is deleted, or known not to be.
    value: Option<Value>,
    /// The shard's clock when it was written; for what was loaded, the floor at that time.
    version: u64,
    /// The generation that it was last written in; 0 for what was only read.
    generation: u64,
    /// Rises when another row comes here.
    turn: u32,
    /// Used since it was last looked at for room.
    hot: bool,
}

impl Slot {
    /// What it takes in memory, in bytes.
    fn size(&self) -> usize {
        SLOT_BYTES + self.row.heap() + self.value.as_ref().map_or(0, Value::size)
    }
}

/// A part of the rows, chosen by their hash.
#[derive(Default)]
pub(super) struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
    table: HashTable<u32>,
    /// Rises with every write; orders reads and writes.
    clock: u64,
    /// Whatever is not here was last written at or before this.
    floor: u64,
    /// The slots that were first written in a generation; two are there at a time, by the last bit of their number.
    dirty: [Vec<u32>; 2],
    /// What the frozen generation wrote where the open one has written again.
    saved: Vec<(RowKey, Option<Value>)>,
    /// The newest generation of which all has been collected.
    collected: u64,
    /// The size of all slots.
    bytes: usize,
    hand: usize,
}

/// Where a row was found, and in which turn of that slot, which saves the next look-up unless it has gone since.
#[derive(Clone, Copy, Default)]
pub(super) struct Hint(Option<(u32, u32)>);

/// What a look-up found.
pub(super) enum Found {
    Known(Option<Value>),
    /// It is not here, and the floor is this.
    Missing(u64),
}

impl Shard {
    fn find(&self, hash: u64, row: &[u8], near: Hint) -> Option<u32> {
        let is_it = |at: &u32| {
            let slot = &self.slots[*at as usize];
            slot.hash == hash && slot.row[..] == *row
        };
        match near.0 {
            Some((at, turn)) if self.slots.get(at as usize).is_some_and(|slot| slot.turn == turn) => Some(at),
            _ => self.table.find(hash, is_it).copied(),
        }
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// The row's value, and where it is.
    pub(super) fn read(&mut self, hash: u64, row: &[u8]) -> (Found, Hint) {
        let at = self.find(hash, row, Hint::default());
        let found = match at {
            Some(at) => {
                let slot = &mut self.slots[at as usize];
                slot.hot = true;
                Found::Known(slot.value.clone())
            }
            None => Found::Missing(self.floor),
        };
        (found, Hint(at.map(|at| (at, self.slots[at as usize].turn))))
    }

    /// Whether nobody wrote the row since.
    pub(super) fn is_fresh(&self, hash: u64, row: &[u8], near: Hint, seen: u64) -> bool {
        self.find(hash, row, near).map_or(self.floor, |at| self.slots[at as usize].version) <= seen
    }

    /// Writes a row; returns by how many bytes the generation has grown.
    pub(super) fn write(
        &mut self,
        hash: u64,
        row: RowKey,
        near: Hint,
        value: Option<Value>,
        generation: u64,
    ) -> usize {
        self.clock += 1;
        let Some(at) = self.find(hash, &row, near) else {
            let slot = Slot { hash, row, value, version: self.clock, generation, turn: 0, hot: true };
            let size = slot.size();
            let at = self.insert(slot);
            self.dirty[(generation & 1) as usize].push(at);
            return size;
        };
        let slot = &mut self.slots[at as usize];
        let before = slot.size();
        let old = std::mem::replace(&mut slot.value, value);
        let size = slot.size();
        self.bytes = self.bytes + size - before;
        slot.version = self.clock;
        slot.hot = true;
        if slot.generation == generation {
            return size.saturating_sub(before);
        }
        let is_frozen = slot.generation + 1 == generation && self.collected < slot.generation;
        if is_frozen && !planted(Fault::Saved) {
            self.saved.push((slot.row.clone(), old));
        }
        slot.generation = generation;
        self.dirty[(generation & 1) as usize].push(at);
        size
    }

    /// Keeps what a log had that is not in the engine yet.
    pub(super) fn recover(&mut self, hash: u64, row: RowKey, value: Option<Value>) {
        self.collected = RECOVERED;
        let slot = Slot { hash, row, value, version: self.clock, generation: RECOVERED, turn: 0, hot: false };
        self.insert(slot);
    }

    /// Keeps what was read from the store, unless something has happened to the row since that look-up.
    pub(super) fn load(&mut self, hash: u64, row: &[u8], value: Option<Value>, floor: u64) {
        if self.floor != floor || self.find(hash, row, Hint::default()).is_some() {
            return;
        }
        self.insert(Slot {
            hash,
            row: row.into(),
            value,
            version: floor,
            generation: 0,
            turn: 0,
            hot: false,
        });
    }

    fn insert(&mut self, slot: Slot) -> u32 {
        self.bytes += slot.size();
        let hash = slot.hash;
        let at = match self.free.pop() {
            Some(at) => {
                let turn = self.slots[at as usize].turn;
                self.slots[at as usize] = Slot { turn, ..slot };
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        let slots = &self.slots;
        self.table.insert_unique(hash, at, |at| slots[*at as usize].hash);
        at
    }

    /// Makes room: lets go of rows that the store has as well, the longest unused ones first.
    pub(super) fn make_room(&mut self, budget: usize, drained: u64) {
        let mut looks = LOOKS;
        while self.bytes > budget && looks > 0 && !self.slots.is_empty() {
            looks -= 1;
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[self.hand];
            let is_free = slot.version == u64::MAX;
            if is_free || slot.generation > drained || std::mem::take(&mut slot.hot) {
                continue;
            }
            let (hash, version, at) = (slot.hash, slot.version, self.hand as u32);
            self.bytes -= slot.size();
            (slot.row, slot.value) = (RowKey::default(), None);
            slot.version = u64::MAX;
            slot.turn = slot.turn.wrapping_add(1);
            if let Ok(entry) = self.table.find_entry(hash, |other| *other == at) {
                entry.remove();
            }
            self.free.push(at);
            self.floor = if planted(Fault::Floor) { self.floor } else { self.floor.max(version) };
        }
    }

    /// A slice of what a generation wrote, from this place on; `None` when there is no more.
    pub(super) fn collect(
        &mut self,
        generation: u64,
        from: usize,
        many: usize,
        rows: &mut Vec<(RowKey, Option<Value>)>,
    ) -> Option<usize> {
        let dirty = &self.dirty[(generation & 1) as usize];
        let to = dirty.len().min(from + many);
        for at in &dirty[from..to] {
            let slot = &self.slots[*at as usize];
            // What was written again since is among what was saved.
            if slot.generation == generation {
                rows.push((slot.row.clone(), slot.value.clone()));
            }
        }
        if to < dirty.len() {
            return Some(to);
        }
        rows.append(&mut self.saved);
        self.collected = generation;
        None
    }

    /// The generation is in the store.
    pub(super) fn committed(&mut self, generation: u64) {
        self.dirty[(generation & 1) as usize].clear();
    }

    /// What is not in the store yet, of a range of rows.
    pub(super) fn uncommitted(&self, range: &Range<RowKey>, into: &mut BTreeMap<RowKey, Option<Value>>) {
        for at in self.dirty.iter().flatten() {
            let slot = &self.slots[*at as usize];
            if range.contains(&slot.row) {
                into.insert(slot.row.clone(), slot.value.clone());
            }
        }
    }

    /// Forgets all that is here: what was committed is what there is.
    #[cfg_attr(not(test), allow(dead_code))] // for what comes: an aborted transaction, a lost partition
    pub(super) fn go_back(&mut self, generation: u64) {
        let clock = self.clock + 1;
        *self = Shard { clock, floor: clock, collected: generation, ..Shard::default() };
    }
}
