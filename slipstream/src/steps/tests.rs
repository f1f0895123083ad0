//! Random schedules of the protocol against a strict serial oracle: every step that ends must have done what it would
//! have done alone, at the moment of its end; every commit holds whole steps with their positions, and nothing else.

use super::protocol::{Lookup, Outcome, Place, Protocol, Txn};
use crate::store::{Row, RowKey, Store};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const KEYS: u8 = 3;

fn row(key: u8) -> RowKey {
    Bytes::copy_from_slice(&[b'k', key])
}

/// What a step writes: a number that says what it read, and who it is.
fn made(reads: &[u64], actor: u64, round: u64) -> u64 {
    reads.iter().fold(actor * 1_000_003 + round, |sum, read| sum.wrapping_mul(31).wrapping_add(*read))
}

fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap()))
}

/// One lane: it runs the same program again and again, `reads` then `writes`, holding before its end if it is told to.
struct Actor {
    id: u64,
    reads: Vec<u8>,
    writes: Vec<u8>,
    holds: bool,
    txn: Txn,
    seen: Vec<u64>,
    at: usize,
    held: bool,
    done: u64,
    reruns: u64,
    again: bool,
}

impl Actor {
    fn place(&self) -> (Arc<str>, Place) {
        (format!("source/{}/0", self.id).into(), Place { offset: self.done as i64 + 1, yields: 0 })
    }

    fn restart(&mut self) {
        self.seen.clear();
        self.at = 0;
        self.held = false;
    }
}

struct World {
    protocol: Protocol,
    store: Store,
    actors: Vec<Actor>,
    /// The values after all steps that ended, and how many of each actor did.
    model: BTreeMap<u8, u64>,
    ended: Vec<u64>,
    /// The same, as of the newest cut and as of the newest commit.
    cut: Option<(BTreeMap<u8, u64>, Vec<u64>, Vec<Row>, BTreeMap<Arc<str>, Place>)>,
    committed: (BTreeMap<u8, u64>, Vec<u64>),
    conflicts: u64,
    commits: u64,
    crashes: u64,
}

impl World {
    fn new(programs: &[(Vec<u8>, Vec<u8>, bool)]) -> Self {
        let protocol = Protocol::after(0);
        let actors: Vec<Actor> = programs
            .iter()
            .enumerate()
            .map(|(id, (reads, writes, holds))| Actor {
                id: id as u64,
                reads: reads.clone(),
                writes: writes.clone(),
                holds: *holds,
                txn: protocol.begin(),
                seen: Vec::new(),
                at: 0,
                held: false,
                done: 0,
                reruns: 0,
                again: false,
            })
            .collect();
        let none = (BTreeMap::new(), vec![0; actors.len()]);
        World {
            protocol,
            store: Store::in_memory(),
            ended: none.1.clone(),
            committed: none,
            actors,
            model: BTreeMap::new(),
            cut: None,
            conflicts: 0,
            commits: 0,
            crashes: 0,
        }
    }

    /// One move of an actor; `false` if it is blocked.
    fn advance(&mut self, index: usize) -> bool {
        let actor = &mut self.actors[index];
        if actor.again {
            // As the lane does it: before it runs again it holds what it touched.
            match self.protocol.hold(&mut actor.txn) {
                Outcome::Done => actor.again = false,
                Outcome::Blocked => return false,
                Outcome::Stale => unreachable!("it has read nothing"),
            }
            return true;
        }
        if actor.at < actor.reads.len() {
            let key = actor.reads[actor.at];
            let value = match self.protocol.read(&mut actor.txn, &row(key)) {
                Lookup::Known(value) => value,
                Lookup::Load => self.store.get(&row(key)).unwrap(),
            };
            actor.seen.push(number(value));
            actor.at += 1;
            return true;
        }
        if actor.at == actor.reads.len() {
            let value = made(&actor.seen, actor.id, actor.done);
            for key in &actor.writes {
                actor.txn.write(row(*key), Some(Bytes::copy_from_slice(&value.to_be_bytes())));
            }
            actor.at += 1;
            return true;
        }
        let outcome = if actor.holds && !actor.held {
            let outcome = self.protocol.hold(&mut actor.txn);
            actor.held = outcome == Outcome::Done;
            outcome
        } else {
            let place = actor.place();
            let outcome = self.protocol.end(&mut actor.txn, &[place], 0).0;
            if outcome == Outcome::Done {
                let now: Vec<u64> =
                    actor.reads.iter().map(|key| self.model.get(key).copied().unwrap_or(0)).collect();
                assert_eq!(actor.seen, now, "actor {} read what was not so at its end", actor.id);
                let value = made(&now, actor.id, actor.done);
                for key in &actor.writes {
                    self.model.insert(*key, value);
                }
                actor.done += 1;
                actor.reruns = 0;
                self.ended[index] += 1;
                actor.restart();
            } else if outcome == Outcome::Stale {
                assert!(!actor.held, "a step that held all it had read was told that it is stale");
            }
            outcome
        };
        if outcome == Outcome::Stale {
            self.conflicts += 1;
            actor.reruns += 1;
            assert!(actor.reruns < 3, "a rerun that holds what it touched ran again");
            actor.again = true;
            actor.restart();
        }
        outcome != Outcome::Blocked
    }

    fn take_cut(&mut self) {
        if self.cut.is_some() {
            assert!(self.protocol.cut().is_none(), "two generations were frozen");
            return;
        }
        if let Some(cut) = self.protocol.cut() {
            let rows = cut.rows.iter().map(|(row, cell)| (row.clone(), cell.value.clone())).collect();
            self.cut = Some((self.model.clone(), self.ended.clone(), rows, cut.places));
        }
    }

    fn commit(&mut self) {
        let Some((model, ended, rows, places)) = self.cut.take() else { return };
        self.store.commit(self.store.sequence().unwrap() + 1, rows).unwrap();
        self.protocol.committed();
        self.commits += 1;
        for (key, value) in &model {
            assert_eq!(number(self.store.get(&row(*key)).unwrap()), *value, "key {key} in the store");
        }
        for (key, place) in places {
            let actor: usize = key.split('/').nth(1).unwrap().parse().unwrap();
            assert_eq!(
                place.offset as u64, ended[actor],
                "the position of actor {actor} goes with its writes"
            );
        }
        self.committed = (model, ended);
    }

    /// The process dies: what was committed is what there is.
    fn crash(&mut self) {
        self.crashes += 1;
        self.protocol = Protocol::after(0);
        self.cut = None;
        (self.model, self.ended) = self.committed.clone();
        for (actor, done) in self.actors.iter_mut().zip(&self.ended) {
            actor.txn = self.protocol.begin();
            actor.restart();
            actor.done = *done;
            actor.again = false;
            actor.reruns = 0;
        }
    }

    /// Everybody can come to the end of a step: nobody waits for ever.
    fn drains(&mut self) {
        let goal: Vec<u64> = self.ended.iter().map(|ended| ended + 1).collect();
        for _ in 0..400 {
            if self.ended.iter().zip(&goal).all(|(ended, goal)| ended >= goal) {
                return;
            }
            let moved: Vec<bool> = (0..self.actors.len()).map(|actor| self.advance(actor)).collect();
            assert!(moved.iter().any(|moved| *moved), "all are blocked");
        }
        panic!("somebody never comes to an end");
    }
}

fn keys() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..KEYS, 1..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn steps_are_serial_and_commits_hold_whole_steps(
        programs in proptest::collection::vec((keys(), keys(), any::<bool>()), 2..4),
        schedule in proptest::collection::vec(0_u8..24, 0..200),
    ) {
        let mut world = World::new(&programs);
        for choice in schedule {
            match choice {
                0 => world.take_cut(),
                1 => world.commit(),
                2 => world.crash(),
                3 => {
                    let actor = &mut world.actors[0];
                    // A failure, or a body that was dropped: nobody has seen it.
                    world.protocol.abandon(&mut actor.txn);
                    actor.again = false;
                    actor.reruns = 0;
                    actor.restart();
                }
                other => drop(world.advance(other as usize % programs.len())),
            }
        }
        world.drains();
        world.take_cut();
        world.commit();
    }
}

/// All interleavings of two lanes that count into one key, three moves each and a second step of one of them.
#[test]
fn two_lanes_on_one_key_exhaustively() {
    let count = (vec![0], vec![0], false);
    let (mut schedules, mut conflicts) = (0_u32, 0);
    for bits in 0_u32..1 << 12 {
        let mut world = World::new(&[count.clone(), count.clone()]);
        for at in 0..12 {
            world.advance((bits >> at & 1) as usize);
        }
        world.drains();
        conflicts += world.conflicts;
        schedules += 1;
    }
    assert_eq!(schedules, 4096);
    assert!(conflicts > 1000, "the schedules must meet conflicts: {conflicts}");
}

/// Write skew: each reads both keys and writes one. Alone, the second would see the first's write.
#[test]
fn write_skew_does_not_happen() {
    for bits in 0_u32..1 << 14 {
        let mut world = World::new(&[(vec![0, 1], vec![0], true), (vec![0, 1], vec![1], true)]);
        for at in 0..14 {
            world.advance((bits >> at & 1) as usize);
        }
        world.drains();
    }
}

#[test]
fn what_is_not_acknowledged_keeps_a_cut_from_being_clear() {
    let protocol = Protocol::after(7);
    let mut txn = protocol.begin();
    txn.write(row(1), None);
    let (outcome, pending) = protocol.end(&mut txn, &[], 1);
    assert_eq!(outcome, Outcome::Done);
    let cut = protocol.cut().unwrap();
    assert_eq!(cut.sequence, 8);
    assert!(!cut.pending.is_clear());
    pending.acknowledged();
    assert!(cut.pending.is_clear());
}
