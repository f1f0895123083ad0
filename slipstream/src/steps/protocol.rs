//! The protocol itself. ARCHITECTURE.md, "Steps", says its states, its invariants and what each crash point leaves.
//!
//! Rows lie in shards, each behind a lock. A step's end takes its lane's lock and those of the shards that it touched, so
//! that it is one event; a cut takes all lanes' locks, so that it lies between two steps. Locks are taken in this order:
//! the list of lanes, lanes, the list of queues, shards by their number, holds, epochs, one queue.

use super::holds::Holds;
use super::lanes::{Generation, Lane, Lanes, Pending};
use super::locked::{Locked, lock};
use super::queue::Queue;
use super::seek::Seek;
use super::shard::{Found, Shard};
use super::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use super::sync::{Fault, Mutex, MutexGuard, planted};
use super::txn::Txn;
use super::value::Value;
use crate::store::RowKey;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

/// What became of the attempt to end a step, or to hold what it touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Another step holds a row that this one needs: wait until something is released, and ask again.
    Blocked,
    /// Another step changed what this one read: it runs again.
    Stale,
    /// All has gone back to the last commit meanwhile, or its record is from before a seek: the step is nobody's any more.
    Superseded,
    /// A position that it moves is not in memory: it is looked up, and the end is tried again.
    Unknown,
}

/// Where a row stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Known(Option<Value>),
    /// The store knows; what it says is given to [`Protocol::loaded`].
    Load(Ticket),
}

/// A look-up that goes on in the store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    hash: u64,
    floor: u64,
}

/// What a commit writes, as of one moment between two steps.
pub(crate) struct Cut {
    pub(crate) pending: Pending,
    pub(crate) generation: u64,
    /// What has been collected so far, and where that goes on: in which shard, at which of its rows.
    pub(crate) rows: Vec<(RowKey, Option<Value>)>,
    at: (usize, usize),
}

/// What is written so often that it has cache lines of its own, so that others' reads do not wait for it.
#[derive(Default)]
#[repr(align(128))]
struct Often {
    /// Whether anything has ended in the open generation.
    dirty: AtomicBool,
    /// The size of what it wrote, as far as lanes have reported it.
    open_bytes: AtomicUsize,
}

/// How much a lane writes before it reports it.
const REPORTED_BYTES: usize = 16 * 1024;

/// A shard on cache lines of its own.
#[repr(align(128))]
struct Part(Mutex<Shard>);

/// The protocol: steps begin, read, write, hold and end; cuts are taken between them.
pub(crate) struct Protocol {
    lanes: Mutex<Lanes>,
    /// Where steps end that belong to no lane.
    outside: Arc<Lane>,
    parts: Box<[Part]>,
    holds: Mutex<Holds>,
    pub(super) queues: Mutex<Vec<Arc<Queue>>>,
    /// The epochs of the positions that were sought; it is locked after the shards, and holds.
    pub(super) sought: Mutex<HashMap<RowKey, u32>>,
    /// How many seeks there were: mostly none, and then nobody asks which.
    pub(super) seeks: AtomicU32,
    /// How many rows are held: mostly none, and then nobody asks which. It rises under the shards' locks of the rows.
    held: AtomicUsize,
    hasher: hashbrown::DefaultHashBuilder,
    /// How much each shard may keep of what the store has as well, in bytes.
    budget: usize,
    /// The newest generation whose rows need not be kept here.
    drained: AtomicU64,
    epoch: AtomicU64,
    next_id: AtomicU64,
    often: Often,
    /// The generation that is being committed, 0 if none.
    frozen: AtomicU64,
}

impl Protocol {
    /// `shards` is a power of two, at most 64.
    pub(crate) fn new(shards: usize, budget: usize) -> Self {
        let mut lanes = Lanes::new();
        let outside = if planted(Fault::OutsideUncut) { Lanes::new().add() } else { lanes.add() };
        Protocol {
            lanes: Mutex::new(lanes),
            outside,
            parts: (0..shards).map(|_| Part(Mutex::default())).collect(),
            holds: Mutex::default(),
            queues: Mutex::default(),
            sought: Mutex::default(),
            seeks: AtomicU32::new(0),
            held: AtomicUsize::new(0),
            hasher: hashbrown::DefaultHashBuilder::default(),
            budget: budget / shards,
            drained: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            next_id: AtomicU64::new(1),
            often: Often::default(),
            frozen: AtomicU64::new(0),
        }
    }

    /// Begins with rows that were committed and are not drained.
    pub(crate) fn recover(&self, rows: impl Iterator<Item = (RowKey, Option<Value>)>) {
        for (row, value) in rows {
            let hash = self.hash(&row);
            self.shard(hash).recover(hash, row, value);
        }
    }

    /// The buffers of a lane, for one step after another.
    pub(crate) fn begin(&self) -> Txn {
        Txn::new(self.next_id.fetch_add(1, Relaxed), Some(lock(&self.lanes).add()))
    }

    /// The buffers of a step that belongs to no lane.
    pub(crate) fn begin_outside(&self) -> Txn {
        Txn::new(self.next_id.fetch_add(1, Relaxed), None)
    }

    pub(super) fn part(&self, hash: u64) -> usize {
        // The table within the shard uses the low bits and the topmost ones.
        (hash >> 32) as usize & (self.parts.len() - 1)
    }

    pub(super) fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        lock(&self.parts[self.part(hash)].0)
    }

    /// Reads a row for a step, and notes that it did.
    pub(crate) fn read(&self, txn: &mut Txn, row: &[u8]) -> Lookup {
        let hash = self.hash(row);
        if let Some(touch) = txn.find(hash, row).map(|at| &txn.touched[at])
            && let Some(value) = &touch.write
        {
            return Lookup::Known(value.clone());
        }
        self.begin_epoch(txn);
        let mut shard = self.shard(hash);
        let clock = shard.clock();
        let (found, near) = shard.read(hash, row);
        drop(shard);
        let touch = txn.touch(hash, row);
        touch.near = near;
        touch.seen.get_or_insert(clock);
        match found {
            Found::Known(value) => Lookup::Known(value),
            Found::Missing(floor) => Lookup::Load(Ticket { hash, floor }),
        }
    }

    /// Keeps what the store said, for the next look-up.
    pub(crate) fn loaded(&self, ticket: &Ticket, row: &[u8], value: Option<Value>) {
        let mut shard = self.shard(ticket.hash);
        shard.load(ticket.hash, row, value, ticket.floor);
        shard.make_room(self.budget, self.drained.load(Acquire));
    }

    /// Looks a row up, as ended steps left it, without a note.
    pub(crate) fn peek(&self, row: &[u8]) -> Option<Option<Value>> {
        let hash = self.hash(row);
        match self.shard(hash).read(hash, row).0 {
            Found::Known(value) => Some(value),
            Found::Missing(_) => None,
        }
    }

    /// Writes a row, when the step ends.
    pub(crate) fn write(&self, txn: &mut Txn, row: impl AsRef<[u8]> + Into<RowKey>, value: Option<Value>) {
        self.begin_epoch(txn);
        txn.touch(self.hash(row.as_ref()), row).write = Some(value);
    }

    pub(super) fn hash(&self, row: &[u8]) -> u64 {
        self.hasher.hash_one(row)
    }

    pub(super) fn begin_epoch(&self, txn: &mut Txn) {
        if txn.is_idle() {
            txn.epoch = self.epoch.load(Acquire);
        }
    }

    /// What is not in the store yet, of a range of rows: the newest of each, deletions included. Not checked at the end.
    pub(crate) fn scan(&self, txn: Option<&Txn>, range: &Range<RowKey>) -> BTreeMap<RowKey, Option<Value>> {
        let mut rows = BTreeMap::new();
        for part in &self.parts {
            lock(&part.0).uncommitted(range, &mut rows);
        }
        if let Some(txn) = txn {
            rows.extend(txn.written(range));
        }
        rows
    }

    /// What is not in the store at one moment between two steps, and what `take` says of the store at that moment.
    pub(crate) fn still<T>(
        &self,
        range: &Range<RowKey>,
        take: impl FnOnce() -> T,
    ) -> (BTreeMap<RowKey, Option<Value>>, T) {
        // In this order: what is committed meanwhile is in both, and the former is right.
        lock(&self.lanes).still(|| (self.scan(None, range), take()))
    }

    /// The shards of these rows, locked in the order of their numbers.
    fn lock_all(&self, hashes: impl Iterator<Item = u64>) -> Locked<'_> {
        let mask = hashes.fold(0_u64, |mask, hash| mask | 1 << self.part(hash));
        Locked::new(mask, |number| lock(&self.parts[number].0))
    }

    /// Takes hold of all that the step touched or wants, all at once, if what it read still stands.
    pub(crate) fn hold(&self, txn: &mut Txn) -> Outcome {
        self.begin_epoch(txn);
        let touched = txn.touched.iter().map(|touch| (touch.hash, touch.row.clone()));
        let mut rows: Vec<(u64, RowKey)> = touched.chain(txn.want.iter().cloned()).collect();
        rows.sort_unstable();
        rows.dedup();
        let mut shards = self.lock_all(rows.iter().map(|(hash, _)| *hash));
        if txn.epoch != self.epoch.load(Acquire) {
            drop(shards);
            return self.superseded(txn);
        }
        if !self.is_fresh(txn, &mut shards) {
            drop(shards);
            return self.stale(txn);
        }
        let mut holds = lock(&self.holds);
        if !holds.can_hold(txn.id, !txn.held.is_empty(), rows.iter().map(|(_, row)| row)) {
            // A holder that meets another's hold lets go; one that holds nothing waits.
            if txn.held.is_empty() {
                txn.waits = true;
                holds.wait(txn.id, rows.into_iter().map(|(_, row)| row).collect());
                return Outcome::Blocked;
            }
            drop((holds, shards));
            return self.stale(txn);
        }
        for (hash, row) in rows {
            if !txn.held.iter().any(|(other, held)| *other == hash && *held == row) {
                holds.hold(txn.id, row.clone());
                self.held.fetch_add(1, Relaxed);
                txn.held.push((hash, row));
            }
        }
        if std::mem::take(&mut txn.waits) {
            holds.leave(txn.id);
        }
        txn.touched.iter_mut().for_each(|touch| touch.held = true);
        Outcome::Done
    }

    fn is_fresh(&self, txn: &Txn, shards: &mut Locked<'_>) -> bool {
        let mut read = txn.touched.iter().filter(|touch| !touch.held || planted(Fault::HeldIsChecked));
        planted(Fault::Freshness)
            || read.all(|touch| {
                let Some(seen) = touch.seen else { return true };
                shards.of(self.part(touch.hash)).is_fresh(touch.hash, &touch.row, touch.near, seen)
            })
    }

    /// Ends the step: its writes and its outputs become visible together, or nothing does.
    ///
    /// `outputs` of them are added to the generation.
    pub(crate) fn end(&self, txn: &mut Txn, outputs: usize) -> Ended {
        // Out of the step for so long: a lane ends a step with each message, and counts no reference for it.
        let lane = txn.lane.take();
        let ended = self.end_in(lane.as_ref().unwrap_or(&self.outside), txn, outputs);
        txn.lane = lane;
        ended
    }

    fn end_in(&self, lane: &Lane, txn: &mut Txn, outputs: usize) -> Ended {
        let mut generation = lane.lock();
        let sought = txn.seeks.iter().flat_map(Seek::hashes);
        let mut shards = self.lock_all(txn.touched.iter().map(|touch| touch.hash).chain(sought));
        if txn.epoch != generation.epoch && !txn.is_idle() {
            drop((shards, generation));
            return Ended::not(self.superseded(txn));
        }
        if self.is_over_old_records(txn) {
            drop((shards, generation));
            return Ended::not(self.superseded(txn));
        }
        if !self.is_fresh(txn, &mut shards) {
            drop((shards, generation));
            return Ended::not(self.stale(txn));
        }
        let is_heedless =
            planted(Fault::Holds) || planted(Fault::OutsideHolds) && std::ptr::eq(lane, &*self.outside);
        if !is_heedless && self.held.load(Relaxed) > txn.held.len() {
            let mut holds = lock(&self.holds);
            let written = || txn.touched.iter().filter(|touch| touch.write.is_some()).map(|touch| &touch.row);
            if written().any(|row| holds.is_held_by_another(row, txn.id)) {
                if txn.held.is_empty() {
                    // It stands in line with those who want to hold: else they could take turns before it for ever.
                    holds.wait(txn.id, written().cloned().collect());
                    txn.waits = true;
                    return Ended::not(Outcome::Blocked);
                }
                drop((holds, shards, generation));
                return Ended::not(self.stale(txn));
            }
        }
        if !txn.seeks.is_empty() && !self.end_seeks(txn, &mut shards) {
            drop((shards, generation));
            return Ended::not(Outcome::Unknown);
        }
        let drained = self.drained.load(Acquire);
        let mut grown = 0;
        for touch in txn.touched.drain(..) {
            if let Some(value) = touch.write {
                let shard = shards.of(self.part(touch.hash));
                grown += shard.write(touch.hash, touch.row, touch.near, value, generation.number);
                shard.make_room(self.budget, drained);
            }
        }
        let sends = !txn.sent.is_empty();
        for (to, item) in txn.sent.drain(..) {
            to.receive(item);
        }
        generation.unreported += grown;
        if generation.unreported >= REPORTED_BYTES {
            self.often.open_bytes.fetch_add(std::mem::take(&mut generation.unreported), Relaxed);
        }
        let pending = (outputs > 0).then(|| generation.pending.clone());
        pending.iter().for_each(|pending| pending.add(outputs));
        // A look first, so that lanes do not take the line from each other with every step.
        let ends = grown > 0 || outputs > 0 || sends;
        let dirty = &self.often.dirty;
        let first = ends && !dirty.load(Relaxed) && !dirty.swap(true, AcqRel);
        let released = self.release(txn);
        drop((shards, generation));
        txn.want.clear();
        txn.clear();
        Ended { outcome: Outcome::Done, pending, wakes: released || first }
    }

    /// Throws away what the step did; nobody has seen it. `true` if others may have waited for what it held.
    pub(crate) fn abandon(&self, txn: &mut Txn) -> bool {
        let released = self.release(txn);
        txn.want.clear();
        txn.clear();
        released
    }

    /// Whether what the step has read so far still stands; if not, it is prepared to run again.
    pub(crate) fn check(&self, txn: &mut Txn) -> Outcome {
        let mut shards = self.lock_all(txn.touched.iter().map(|touch| touch.hash));
        let is_fresh = self.is_fresh(txn, &mut shards);
        drop(shards);
        if is_fresh { Outcome::Done } else { self.stale(txn) }
    }

    /// Prepares the step to run again: it lets go of everything, and will hold all it touched from the start.
    fn stale(&self, txn: &mut Txn) -> Outcome {
        self.release(txn);
        for touch in std::mem::take(&mut txn.touched) {
            if !txn.want.iter().any(|(hash, row)| *hash == touch.hash && *row == touch.row) {
                txn.want.push((touch.hash, touch.row));
            }
        }
        txn.clear();
        Outcome::Stale
    }

    fn superseded(&self, txn: &mut Txn) -> Outcome {
        self.abandon(txn);
        Outcome::Superseded
    }

    fn release(&self, txn: &mut Txn) -> bool {
        if txn.held.is_empty() && !txn.waits {
            return false;
        }
        let mut holds = lock(&self.holds);
        if std::mem::take(&mut txn.waits) {
            holds.leave(txn.id);
        }
        // After a going back they are not there any more.
        let released = txn.held.drain(..).filter(|(_, row)| holds.release(row, txn.id)).count();
        self.held.fetch_sub(released, Relaxed);
        true
    }

    /// Takes a cut between two steps; `None` if nothing changed since the last, or if that is still being committed.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let mut lanes = lock(&self.lanes);
        if self.frozen.load(Acquire) != 0 || !self.is_dirty() {
            return None;
        }
        let mut rows = Vec::new();
        let Generation { number, pending, .. } = lanes.turn(0, || {
            self.begin_clean();
            for queue in &*lock(&self.queues) {
                self.refresh(queue);
                queue.cut(&mut rows);
            }
        });
        self.frozen.store(number, Release);
        Some(Cut { pending, generation: number, rows, at: (0, 0) })
    }

    /// Collects up to so many of the rows that the generation of a cut wrote, so that no step waits for long; `true` when
    /// all are there, in order.
    pub(crate) fn collect(&self, cut: &mut Cut, many: usize) -> bool {
        let (part, from) = cut.at;
        if let Some(part_of) = self.parts.get(part) {
            let more = lock(&part_of.0).collect(cut.generation, from, many, &mut cut.rows);
            cut.at = more.map_or((part + 1, 0), |from| (part, from));
            return false;
        }
        cut.rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        // A row that was written again while its slice had been collected is there twice, with one value.
        cut.rows.dedup_by(|(a, _), (b, _)| a == b);
        true
    }

    /// The cut is in the store.
    pub(crate) fn committed(&self, cut: &Cut) {
        for part in &self.parts {
            lock(&part.0).committed(cut.generation);
        }
        self.frozen.store(0, Release);
    }

    /// What a look-up in the store finds includes all up to this generation: its rows need not be kept here any more.
    pub(crate) fn drained(&self, generation: u64) {
        self.drained.fetch_max(generation, AcqRel);
    }

    /// Goes back to the last commit: what ended since is forgotten, and what is under way cannot end any more. Queues are
    /// to be restored from the store.
    #[cfg_attr(not(test), allow(dead_code))] // for what comes: an aborted transaction, a lost partition
    pub(crate) fn go_back(&self) {
        let mut lanes = lock(&self.lanes);
        let number = lanes.number();
        lanes.turn(1, || {
            self.begin_clean();
            let mut shards: Vec<_> = self.parts.iter().map(|part| lock(&part.0)).collect();
            self.epoch.fetch_add(1, Release);
            shards.iter_mut().for_each(|shard| shard.go_back(number));
            lock(&self.holds).clear();
            self.held.store(0, Relaxed);
        });
        self.frozen.store(0, Release);
    }

    /// A new generation begins.
    fn begin_clean(&self) {
        self.often.dirty.store(false, Release);
        self.often.open_bytes.store(0, Relaxed);
    }

    /// Whether there is something for a cut.
    pub(crate) fn is_dirty(&self) -> bool {
        self.often.dirty.load(Acquire)
    }

    /// The size of what the open generation wrote, in bytes.
    pub(crate) fn open_bytes(&self) -> usize {
        self.often.open_bytes.load(Relaxed)
    }
}

/// What became of the attempt to end a step, and whether others are to be told.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// What its outputs are counted by, if it has any.
    pub(crate) pending: Option<Pending>,
    /// It let go of what others may wait for, or is the first since the cut.
    pub(crate) wakes: bool,
}

impl Ended {
    fn not(outcome: Outcome) -> Self {
        let wakes = !matches!(outcome, Outcome::Blocked | Outcome::Unknown);
        Ended { outcome, pending: None, wakes }
    }
}
