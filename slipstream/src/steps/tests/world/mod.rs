//! A protocol, lanes that run programs over it, a store, and the oracle that watches.

mod lane;
mod queues;
mod seeks;

pub(super) use lane::{Actor, Program};

use crate::steps::Pending;
use crate::steps::protocol::{Cut, Outcome, Protocol};
use crate::steps::value::Value;
use crate::store::RowKey;
use std::collections::BTreeMap;

/// How many queues there may be.
const QUEUES: usize = 2;

type Model = BTreeMap<u8, u64>;

/// What should be in the store: the rows, how far each actor is, and all items that were ever sent, by queue.
#[derive(Clone, Default)]
struct Truth {
    model: Model,
    done: Vec<(u64, u32)>,
    items: Vec<Vec<u64>>,
    /// Whether an actor has a position.
    has_begun: Vec<bool>,
}

pub(super) struct World {
    pub(super) protocol: Protocol,
    store: BTreeMap<RowKey, Value>,
    /// What a look-up in the store is sure to find, and the generation that it is drained to.
    drained: (BTreeMap<RowKey, Value>, u64),
    generation: u64,
    pub(super) actors: Vec<Actor>,
    queues: Vec<queues::Line>,
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
    /// Of those, writes from outside.
    pub(super) blocked_outside: u64,
    /// Steps that waited for room in a queue.
    pub(super) waited: u64,
    pub(super) seeks: u64,
    pub(super) superseded: u64,
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

fn number(value: Option<&Value>) -> u64 {
    value.map_or(0, |value| u64::from_be_bytes(value.encode()[..].try_into().unwrap()))
}

impl World {
    pub(super) fn new(programs: &[Program], shards: usize, budget: usize) -> Self {
        let protocol = Protocol::new(shards, budget);
        let begin =
            |program: &Program| if program.outside { protocol.begin_outside() } else { protocol.begin() };
        let actor = |(id, program): (usize, &Program)| Actor::new(id, program, begin(program));
        let actors: Vec<Actor> = programs.iter().enumerate().map(actor).collect();
        let done = vec![(0, 0); actors.len()];
        let start = Truth {
            model: Model::new(),
            done,
            items: vec![Vec::new(); QUEUES],
            has_begun: vec![false; actors.len()],
        };
        let mut world = World {
            protocol,
            store: BTreeMap::new(),
            drained: (BTreeMap::new(), 0),
            generation: 0,
            actors,
            queues: Vec::new(),
            now: start.clone(),
            committed: start,
            cut: None,
            unacknowledged: Vec::new(),
            sent: [0, 0],
            budget,
            ignores_acknowledgements: false,
            counts: Counts::default(),
        };
        world.open_queues();
        world
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

    /// All that is left to collect.
    pub(super) fn collect_all(&mut self) {
        while self.cut.as_ref().is_some_and(|(.., collected)| !collected) {
            self.collect();
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
                Some(value) => {
                    self.is_on_its_way(&row, &truth);
                    self.store.insert(row, Value::Bytes(value.encode()));
                }
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
                b'p' => {
                    let place = value.place().unwrap();
                    done[row[1] as usize] = (place.offset as u64, place.yields);
                }
                _ => {}
            }
        }
        assert_eq!(store, self.committed.model, "the rows in the store");
        assert_eq!(done, self.committed.done, "the positions go with the rows");
        self.items_are_true();
    }

    /// The process dies: what was committed is what there is.
    pub(super) fn crash(&mut self) {
        self.counts.crashes += 1;
        self.protocol = Protocol::new(1, self.budget);
        self.generation = 0;
        for actor in &mut self.actors {
            let is_outside = actor.program.outside;
            actor.txn = if is_outside { self.protocol.begin_outside() } else { self.protocol.begin() };
        }
        self.as_committed();
        self.open_queues();
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
        self.restore_queues();
    }

    fn as_committed(&mut self) {
        // What was not drained is read from the log at a start.
        self.drained.0 = self.store.clone();
        self.cut = None;
        self.unacknowledged.clear();
        self.sent = [0, 0];
        self.now = self.committed.clone();
        for (actor, done) in self.actors.iter_mut().zip(&self.now.done) {
            actor.reopen(*done);
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
        let goal: Vec<u64> =
            self.actors.iter().map(|actor| actor.steps + u64::from(actor.program.yields)).collect();
        let mut rounds = 0;
        loop {
            let is_over = |actor: &Actor| match actor.program.takes {
                Some(_) => self.are_queues_empty(),
                None => actor.steps >= goal[actor.id],
            };
            let left: Vec<usize> =
                self.actors.iter().filter(|actor| !is_over(actor)).map(|actor| actor.id).collect();
            if left.is_empty() {
                break;
            }
            let moved: Vec<bool> = left.into_iter().map(|actor| self.advance(actor)).collect();
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
