//! Threads over several shards, under schedules that shuttle chooses: the protocol's own code, with its locks replaced.

#![allow(dead_code)] // what these threads do not use

#[path = "../channels.rs"]
mod channels;
#[path = "../holds.rs"]
mod holds;
#[path = "../lanes.rs"]
mod lanes;
#[path = "../locked.rs"]
mod locked;
#[path = "../protocol.rs"]
mod protocol;
#[path = "../queue.rs"]
mod queue;
#[path = "../seek.rs"]
mod seek;
#[path = "../shard.rs"]
mod shard;
#[path = "../txn.rs"]
mod txn;
#[path = "../value.rs"]
mod value;

mod sync {
    pub(super) use crate::steps::sync::{Fault, planted};
    pub(super) use shuttle::sync::{Mutex, MutexGuard, PoisonError, atomic};
}

use crate::store::RowKey;
use protocol::{Lookup, Outcome, Protocol};
use shuttle::{sync::Mutex, thread};
use std::collections::BTreeMap;
use std::sync::Arc;
use value::Value;

type Store = Arc<Mutex<BTreeMap<RowKey, Value>>>;

fn row(key: u8) -> RowKey {
    vec![key].into()
}

fn number(value: Option<&Value>) -> u64 {
    value.map_or(0, |value| u64::from_be_bytes(value.encode()[..].try_into().unwrap()))
}

/// Moves one from a key to another, some times: the sum stays, whatever the schedule.
fn moves(protocol: &Protocol, store: &Store, from: u8, to: u8, holds: bool) {
    let mut txn = protocol.begin();
    for _ in 0..2 {
        loop {
            let mut both = [0_u64; 2];
            for (at, key) in [from, to].into_iter().enumerate() {
                let value = match protocol.read(&mut txn, &row(key)) {
                    Lookup::Known(value) => value,
                    Lookup::Load(ticket) => {
                        let value = store.lock().unwrap().get(&row(key)).cloned();
                        protocol.loaded(&ticket, &row(key), value.clone());
                        value
                    }
                };
                both[at] = number(value.as_ref());
            }
            for (key, value) in [(from, both[0].wrapping_sub(1)), (to, both[1].wrapping_add(1))] {
                let value = Value::Bytes(value.to_be_bytes().to_vec().into());
                protocol.write(&mut txn, row(key), Some(value));
            }
            let mut outcome = Outcome::Done;
            if holds {
                outcome = until_unblocked(|| protocol.hold(&mut txn));
            }
            if outcome == Outcome::Done {
                outcome = until_unblocked(|| protocol.end(&mut txn, 0).outcome);
            }
            match outcome {
                Outcome::Done => break,
                Outcome::Stale => {
                    // As the lane does it: what it touched is held from the start.
                    assert_eq!(until_unblocked(|| protocol.hold(&mut txn)), Outcome::Done);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn until_unblocked(mut attempt: impl FnMut() -> Outcome) -> Outcome {
    loop {
        match attempt() {
            Outcome::Blocked => thread::yield_now(),
            outcome => return outcome,
        }
    }
}

fn commits(protocol: &Protocol, store: &Store) {
    let Some(mut cut) = protocol.cut() else { return };
    while !protocol.collect(&mut cut, 1) {}
    {
        let mut store = store.lock().unwrap();
        for (row, value) in std::mem::take(&mut cut.rows) {
            store.insert(row, value.unwrap());
        }
        let sum = store.values().fold(0_u64, |sum, value| sum.wrapping_add(number(Some(value))));
        assert_eq!(sum, 0, "a commit holds whole steps");
    }
    protocol.committed(&cut);
    protocol.drained(cut.generation);
}

/// What is there at any moment is whole steps, however it is spread over the shards, the cut and the store.
fn looks(protocol: &Protocol, store: &Store) {
    let (overlay, stored) = protocol.still(&(row(0)..row(9)), || store.lock().unwrap().clone());
    let mut rows = stored;
    rows.extend(overlay.into_iter().map(|(row, value)| (row, value.unwrap())));
    let sum = rows.values().fold(0_u64, |sum, value| sum.wrapping_add(number(Some(value))));
    assert_eq!(sum, 0, "a moment lies between two steps");
}

fn threads() {
    let protocol = Arc::new(Protocol::new(4, 0));
    let store = Store::default();
    let lanes = [(0, 1, false), (1, 2, true), (2, 0, false)].map(|(from, to, holds)| {
        let (protocol, store) = (protocol.clone(), store.clone());
        thread::spawn(move || moves(&protocol, &store, from, to, holds))
    });
    let looking = {
        let (protocol, store) = (protocol.clone(), store.clone());
        thread::spawn(move || (0..2).for_each(|_| looks(&protocol, &store)))
    };
    for _ in 0..2 {
        commits(&protocol, &store);
        thread::yield_now();
    }
    for lane in lanes {
        lane.join().unwrap();
    }
    looking.join().unwrap();
    commits(&protocol, &store);
    let store = store.lock().unwrap();
    assert_eq!(store.len(), 3);
    // Each gave and took as often: all are where they began.
    assert!(store.values().all(|value| number(Some(value)) == 0), "{store:?}");
}

#[test]
fn threads_over_several_shards() {
    let _one = crate::steps::tests::HOOK.lock();
    shuttle::check_random(threads, 3_000);
}

#[test]
fn threads_over_several_shards_with_few_switches() {
    let _one = crate::steps::tests::HOOK.lock();
    shuttle::check_pct(threads, 3_000, 3);
}
