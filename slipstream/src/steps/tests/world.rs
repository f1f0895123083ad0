//! A protocol, lanes that run programs over it, a store, and the oracle that watches.

use crate::steps::Pending;
use crate::steps::protocol::{Cut, Lookup, Outcome, Protocol};
use crate::steps::txn::Txn;
use crate::steps::value::{Place, Value};
use crate::store::RowKey;
use std::collections::BTreeMap;

/// What a lane does again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) reads: Vec<u8>,
    pub(super) writes: Vec<u8>,
    /// Whether it deletes instead.
    pub(super) deletes: bool,
    /// Whether it holds what it touched before its end, as before a function is called as a sink.
    pub(super) holds: bool,
    /// How many outputs it sends.
    pub(super) outputs: usize,
    /// Whether it belongs to no lane.
    pub(super) outside: bool,
    /// In how many parts it ends, as a handler does that returns a stream.
    pub(super) yields: u32,
}

pub(super) struct Actor {
    id: usize,
    program: Program,
    txn: Txn,
    seen: Vec<u64>,
    at: usize,
    held: bool,
    /// Messages done, and yields of the next one.
    done: (u64, u32),
    reruns: u32,
    again: bool,
}

type Model = BTreeMap<u8, u64>;

/// What should be in the store: the rows, and how far each actor is.
#[derive(Clone, Default)]
struct Truth {
    model: Model,
    done: Vec<(u64, u32)>,
}

pub(super) struct World {
    pub(super) protocol: Protocol,
    store: BTreeMap<RowKey, Value>,
    /// What a look-up in the store is sure to find, and the generation that it is drained to.
    drained: (BTreeMap<RowKey, Value>, u64),
    generation: u64,
    pub(super) actors: Vec<Actor>,
    now: Truth,
    committed: Truth,
    cut: Option<(Cut, Truth, bool)>,
    /// Outputs that nobody has acknowledged.
    unacknowledged: Vec<Pending>,
    /// Outputs of the open generation and of the frozen one, and those of each that were acknowledged.
    sent: [usize; 2],
    budget: usize,
    pub(super) ignores_acknowledgements: bool,
    pub(super) counts: Counts,
}

/// What a run has met, so that a test can say that it met enough.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) conflicts: u64,
    pub(super) blocked: u64,
    pub(super) commits: u64,
    pub(super) crashes: u64,
    pub(super) went_back: u64,
}

fn row(key: u8) -> RowKey {
    vec![b'k', key].into()
}

fn place_row(actor: usize) -> RowKey {
    vec![b'p', actor as u8].into()
}

/// What a step writes: a number that says what it read, who it is, and which step it is.
fn made(reads: &[u64], actor: usize, done: (u64, u32)) -> u64 {
    let start = (actor as u64 + 1) * 1_000_003 + done.0 * 17 + u64::from(done.1) + 1;
    reads.iter().fold(start, |sum, read| sum.wrapping_mul(31).wrapping_add(*read)) | 1
}

fn number(value: Option<&Value>) -> u64 {
    value.map_or(0, |value| u64::from_be_bytes(value.encode()[..].try_into().unwrap()))
}

impl World {
    pub(super) fn new(programs: &[Program], shards: usize, budget: usize) -> Self {
        let protocol = Protocol::new(shards, budget);
        let actor = |(id, program): (usize, &Program)| Actor {
            id,
            program: program.clone(),
            txn: if program.outside { protocol.begin_outside() } else { protocol.begin() },
            seen: Vec::new(),
            at: 0,
            held: false,
            done: (0, 0),
            reruns: 0,
            again: false,
        };
        let actors: Vec<Actor> = programs.iter().enumerate().map(actor).collect();
        let start = Truth { model: Model::new(), done: vec![(0, 0); actors.len()] };
        World {
            protocol,
            store: BTreeMap::new(),
            drained: (BTreeMap::new(), 0),
            generation: 0,
            actors,
            now: start.clone(),
            committed: start,
            cut: None,
            unacknowledged: Vec::new(),
            sent: [0, 0],
            budget,
            ignores_acknowledgements: false,
            counts: Counts::default(),
        }
    }

    fn read(&mut self, actor: usize, key: u8) -> u64 {
        let row = row(key);
        let value = match self.protocol.read(&mut self.actors[actor].txn, &row) {
            Lookup::Known(value) => value,
            Lookup::Load(ticket) => {
                let value = self.drained.0.get(&row).cloned();
                self.protocol.loaded(&ticket, &row, value.clone());
                value
            }
        };
        number(value.as_ref())
    }

    /// One move of an actor; `false` if it is blocked.
    pub(super) fn advance(&mut self, index: usize) -> bool {
        let (reads, at) = (self.actors[index].program.reads.len(), self.actors[index].at);
        if self.actors[index].again {
            // As the lane does it: before it runs again it holds what it touched.
            let outcome = self.protocol.hold(&mut self.actors[index].txn);
            assert_ne!(outcome, Outcome::Stale, "it has read nothing");
            self.actors[index].again = outcome == Outcome::Blocked;
            self.counts.blocked += u64::from(outcome == Outcome::Blocked);
            return outcome != Outcome::Blocked;
        }
        if at < reads {
            let value = self.read(index, self.actors[index].program.reads[at]);
            let actor = &mut self.actors[index];
            actor.seen.push(value);
            actor.at += 1;
            return true;
        }
        let actor = &mut self.actors[index];
        if at == reads {
            let value = made(&actor.seen, actor.id, actor.done);
            for key in &actor.program.writes {
                let value =
                    (!actor.program.deletes).then(|| Value::Bytes(value.to_be_bytes().to_vec().into()));
                self.protocol.write(&mut actor.txn, &row(*key), value);
            }
            actor.at += 1;
            return true;
        }
        let outcome = if actor.program.holds && !actor.held {
            let outcome = self.protocol.hold(&mut actor.txn);
            actor.held = outcome == Outcome::Done;
            outcome
        } else {
            self.end(index)
        };
        self.after(index, outcome)
    }

    fn after(&mut self, index: usize, outcome: Outcome) -> bool {
        let actor = &mut self.actors[index];
        match outcome {
            Outcome::Done => {}
            Outcome::Blocked => self.counts.blocked += 1,
            Outcome::Superseded => actor.restart(),
            Outcome::Stale => {
                assert!(!actor.held, "a step that held all it had touched was told that it is stale");
                self.counts.conflicts += 1;
                actor.reruns += 1;
                assert!(actor.reruns < 3, "a rerun that holds what it touched ran again");
                actor.again = true;
                actor.restart();
            }
        }
        outcome != Outcome::Blocked
    }

    fn end(&mut self, index: usize) -> Outcome {
        let actor = &mut self.actors[index];
        let next = match actor.done {
            (done, yields) if yields + 1 < actor.program.yields => (done, yields + 1),
            (done, _) => (done + 1, 0),
        };
        let place = Place { offset: next.0 as i64, yields: next.1 };
        self.protocol.write(&mut actor.txn, &place_row(index), Some(Value::Place(place)));
        let ended = self.protocol.end(&mut actor.txn, actor.program.outputs);
        if ended.outcome != Outcome::Done {
            return ended.outcome;
        }
        if let Some(pending) = ended.pending {
            self.sent[0] += actor.program.outputs;
            self.unacknowledged.extend(std::iter::repeat_n(pending, actor.program.outputs));
        }
        let now: Vec<u64> =
            actor.program.reads.iter().map(|key| self.now.model.get(key).copied().unwrap_or(0)).collect();
        assert_eq!(actor.seen, now, "actor {} read what was not so at its end", actor.id);
        for key in &actor.program.writes {
            match actor.program.deletes {
                true => drop(self.now.model.remove(key)),
                false => drop(self.now.model.insert(*key, made(&now, actor.id, actor.done))),
            }
        }
        actor.done = next;
        actor.reruns = 0;
        self.now.done[index] = next;
        self.counts.steps += 1;
        actor.restart();
        Outcome::Done
    }

    /// A failure, or a body that was dropped: nobody has seen it.
    pub(super) fn fail(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        self.protocol.abandon(&mut actor.txn);
        actor.again = false;
        actor.reruns = 0;
        actor.restart();
    }

    /// The oldest output is acknowledged.
    pub(super) fn acknowledge(&mut self) {
        if !self.unacknowledged.is_empty() {
            self.unacknowledged.remove(0).acknowledged();
        }
    }

    pub(super) fn take_cut(&mut self) {
        let cut = self.protocol.cut();
        if self.cut.is_some() {
            assert!(cut.is_none(), "two generations were frozen");
            return;
        }
        if let Some(cut) = cut {
            self.sent = [0, self.sent[0]];
            self.cut = Some((cut, self.now.clone(), false));
        }
    }

    /// One slice of what a cut wrote is collected.
    pub(super) fn collect(&mut self) {
        if let Some((cut, _, collected)) = &mut self.cut {
            *collected = *collected || self.protocol.collect(cut, 1);
        }
    }

    /// The cut reaches the store, if all is there and acknowledged.
    pub(super) fn commit(&mut self) {
        let Some((cut, _, true)) = &self.cut else { return };
        if !cut.pending.is_clear() && !self.ignores_acknowledgements {
            return;
        }
        let Some((mut cut, truth, _)) = self.cut.take() else { return };
        for (row, value) in std::mem::take(&mut cut.rows) {
            match value {
                Some(value) => drop(self.store.insert(row, Value::Bytes(value.encode()))),
                None => drop(self.store.remove(&row)),
            }
        }
        assert!(cut.pending.is_clear(), "a commit passed an output that nobody had acknowledged");
        self.protocol.committed(&cut);
        self.generation = cut.generation;
        self.counts.commits += 1;
        self.committed = truth;
        self.the_store_is_true();
    }

    /// All commits are drained.
    pub(super) fn drain(&mut self) {
        self.drained = (self.store.clone(), self.generation);
        self.protocol.drained(self.generation);
    }

    fn the_store_is_true(&self) {
        let mut store: Model = Model::new();
        let mut done = vec![(0, 0); self.actors.len()];
        for (row, value) in &self.store {
            match row[0] {
                b'k' => drop(store.insert(row[1], number(Some(value)))),
                _ => {
                    let place = value.place().unwrap();
                    done[row[1] as usize] = (place.offset as u64, place.yields);
                }
            }
        }
        assert_eq!(store, self.committed.model, "the rows in the store");
        assert_eq!(done, self.committed.done, "the positions go with the rows");
    }

    /// The process dies: what was committed is what there is.
    pub(super) fn crash(&mut self) {
        self.counts.crashes += 1;
        self.protocol = Protocol::new(1, self.budget);
        self.generation = 0;
        for actor in &mut self.actors {
            actor.txn = self.protocol.begin();
        }
        self.as_committed();
    }

    /// All goes back to the last commit, in the same process; calls that are under way find out when they end.
    pub(super) fn go_back(&mut self) {
        self.counts.went_back += 1;
        self.protocol.go_back();
        for actor in &mut self.actors {
            // Each lane is reopened once its old call is gone.
            let outcome = self.protocol.end(&mut actor.txn, 0).outcome;
            assert!(matches!(outcome, Outcome::Superseded | Outcome::Done), "{outcome:?}");
            self.protocol.abandon(&mut actor.txn);
        }
        self.as_committed();
    }

    fn as_committed(&mut self) {
        // What was not drained is read from the log at a start.
        self.drained.0 = self.store.clone();
        self.cut = None;
        self.unacknowledged.clear();
        self.sent = [0, 0];
        self.now = self.committed.clone();
        for (actor, done) in self.actors.iter_mut().zip(&self.now.done) {
            actor.done = *done;
            actor.again = false;
            actor.reruns = 0;
            actor.restart();
        }
    }

    /// What a scan sees is what ended steps left.
    pub(super) fn scan(&self) {
        let (from, to): (RowKey, RowKey) = (vec![b'k'].into(), vec![b'l'].into());
        let mut rows: BTreeMap<RowKey, Value> = self
            .store
            .range(from.clone()..to.clone())
            .map(|(row, value)| (row.clone(), value.clone()))
            .collect();
        for (row, value) in self.protocol.scan(None, &(from..to)) {
            match value {
                Some(value) => drop(rows.insert(row, value)),
                None => drop(rows.remove(&row)),
            }
        }
        let rows: Model = rows.iter().map(|(row, value)| (row[1], number(Some(value)))).collect();
        assert_eq!(rows, self.now.model, "a scan");
    }

    /// Everybody can come to the end of a step, and all of it to the store: nobody waits for ever.
    pub(super) fn drains(&mut self) {
        let goal: Vec<u64> = self.now.done.iter().map(|done| done.0 + 1).collect();
        let mut rounds = 0;
        while !self.now.done.iter().zip(&goal).all(|(done, goal)| done.0 >= *goal) {
            let moved: Vec<bool> = (0..self.actors.len()).map(|actor| self.advance(actor)).collect();
            assert!(moved.iter().any(|moved| *moved), "all are blocked");
            rounds += 1;
            assert!(rounds < 2000, "somebody never comes to an end");
        }
        for _ in 0..2 {
            // The frozen generation first, then the open one.
            self.take_cut();
            while !self.unacknowledged.is_empty() {
                self.acknowledge();
            }
            for _ in 0..200 {
                self.collect();
            }
            self.commit();
        }
        assert!(self.cut.is_none());
        self.scan();
    }
}

impl Actor {
    fn restart(&mut self) {
        self.seen.clear();
        self.at = 0;
        self.held = false;
    }
}
