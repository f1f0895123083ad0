//! What a lane, or somebody outside, does again and again; and what it is to have done by the oracle.

use super::{World, number, place_row, row};
use crate::steps::protocol::{Lookup, Outcome};
use crate::steps::txn::Txn;
use crate::steps::value::{Place, Value};

/// What an actor does again and again.
#[derive(Clone, Debug, Default)]
pub(in crate::steps::tests) struct Program {
    pub(in crate::steps::tests) reads: Vec<u8>,
    pub(in crate::steps::tests) writes: Vec<u8>,
    /// Whether it first writes something else, and takes that back, as a call does that fails and is passed over.
    pub(in crate::steps::tests) undoes: bool,
    /// Whether it deletes instead.
    pub(in crate::steps::tests) deletes: bool,
    /// Whether it holds what it touched before its end, as before a function is called as a sink.
    pub(in crate::steps::tests) holds: bool,
    /// How many outputs it sends.
    pub(in crate::steps::tests) outputs: usize,
    /// Whether it belongs to no lane.
    pub(in crate::steps::tests) outside: bool,
    /// In how many parts it ends, as a handler does that returns a stream.
    pub(in crate::steps::tests) yields: u32,
    /// The queue that its messages come from; else they never end.
    pub(in crate::steps::tests) takes: Option<u8>,
    /// The source whose messages these are, where it is one that others have as well.
    pub(in crate::steps::tests) source: Option<u8>,
    /// Where each step moves a source's handlers.
    pub(in crate::steps::tests) seeks: Option<(u8, i64)>,
    /// The queues that each step sends an item to.
    pub(in crate::steps::tests) sends: Vec<u8>,
}

pub(in crate::steps::tests) struct Actor {
    pub(super) id: usize,
    pub(super) program: Program,
    pub(super) txn: Txn,
    /// Whether it has a message in hand, and if that is an item, what it says.
    taken: bool,
    item: Option<u64>,
    epoch: u32,
    seen: Vec<u64>,
    at: usize,
    held: bool,
    /// Messages done, and yields of the next one.
    pub(super) done: (u64, u32),
    reruns: u32,
    again: bool,
    /// How many steps have ended.
    pub(super) steps: u64,
}

impl Actor {
    pub(super) fn new(id: usize, program: &Program, txn: Txn) -> Self {
        Actor {
            id,
            program: program.clone(),
            txn,
            taken: false,
            item: None,
            epoch: 0,
            seen: Vec::new(),
            at: 0,
            held: false,
            done: (0, 0),
            reruns: 0,
            again: false,
            steps: 0,
        }
    }

    /// It runs the step again from its beginning.
    fn restart(&mut self) {
        self.seen.clear();
        self.at = 0;
        self.held = false;
    }

    /// It begins anew, at this place.
    pub(super) fn reopen(&mut self, done: (u64, u32)) {
        self.done = done;
        self.taken = false;
        self.again = false;
        self.reruns = 0;
        self.restart();
    }
}

/// What a step writes and sends: a number that says what it took and read, who it is, and which step it is.
fn made(item: Option<u64>, reads: &[u64], actor: usize, done: (u64, u32)) -> u64 {
    let start = (actor as u64 + 1) * 1_000_003 + done.0 * 17 + u64::from(done.1) + 1;
    item.iter().chain(reads).fold(start, |sum, read| sum.wrapping_mul(31).wrapping_add(*read)) | 1
}

impl World {
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

    /// One move of an actor; `false` if it has to wait.
    pub(in crate::steps::tests) fn advance(&mut self, index: usize) -> bool {
        let (reads, at) = (self.actors[index].program.reads.len(), self.actors[index].at);
        if self.actors[index].again {
            // As the lane does it: before it runs again it holds what it touched.
            let outcome = self.protocol.hold(&mut self.actors[index].txn);
            assert_ne!(outcome, Outcome::Stale, "it has read nothing");
            self.actors[index].again = outcome == Outcome::Blocked;
            self.counts.blocked += u64::from(outcome == Outcome::Blocked);
            return outcome != Outcome::Blocked;
        }
        if !self.actors[index].taken && !self.take(index) {
            return false;
        }
        if at < reads {
            let value = self.read(index, self.actors[index].program.reads[at]);
            let actor = &mut self.actors[index];
            actor.seen.push(value);
            actor.at += 1;
            return true;
        }
        if at == reads {
            self.write(index);
            self.actors[index].at += 1;
            return true;
        }
        let actor = &mut self.actors[index];
        let outcome = if actor.program.holds && !actor.held {
            let outcome = self.protocol.hold(&mut actor.txn);
            actor.held = outcome == Outcome::Done;
            outcome
        } else {
            self.end(index)
        };
        self.after(index, outcome)
    }

    /// Takes the next message, once there is room for what may come of it; `false` if it waits.
    fn take(&mut self, index: usize) -> bool {
        let Program { takes, sends, .. } = &self.actors[index].program;
        if !sends.iter().all(|queue| self.has_room_in(*queue)) {
            self.counts.waited += 1;
            return false;
        }
        let place = self
            .protocol
            .peek(&place_row(index))
            .unwrap_or_else(|| self.drained.0.get(&place_row(index)).cloned());
        let place =
            place.and_then(|place| place.place()).map_or((0, 0), |place| (place.offset as u64, place.yields));
        assert_eq!(place, self.now.done[index], "the position of actor {index}");
        let epoch = self.protocol.epoch(&place_row(index));
        let item = match takes {
            Some(queue) => match self.look(*queue, place.0) {
                Some(item) => Some(item),
                None => return false,
            },
            None => None,
        };
        let actor = &mut self.actors[index];
        actor.done = place;
        actor.epoch = epoch;
        actor.item = item;
        actor.taken = true;
        true
    }

    fn write(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        if actor.program.undoes {
            for key in actor.program.reads.iter().chain(&actor.program.writes) {
                self.protocol.write(&mut actor.txn, row(*key), Some(Value::Bytes(b"undone".to_vec().into())));
            }
            for queue in &actor.program.sends {
                let item = crate::steps::Item::Kept(b"undone".to_vec().into());
                self.protocol.send(&mut actor.txn, self.queues[*queue as usize].queue.clone(), item);
            }
            actor.txn.undo();
        }
        let made = made(actor.item, &actor.seen, actor.id, actor.done).to_be_bytes().to_vec();
        for key in &actor.program.writes {
            let value = (!actor.program.deletes).then(|| Value::Bytes(made.clone().into()));
            self.protocol.write(&mut actor.txn, row(*key), value);
        }
        if let Some((source, to)) = self.actors[index].program.seeks {
            self.stage_seek(index, source, to);
        }
        let actor = &mut self.actors[index];
        for queue in &actor.program.sends {
            let item = crate::steps::Item::Kept(made.clone().into());
            self.protocol.send(&mut actor.txn, self.queues[*queue as usize].queue.clone(), item);
        }
    }

    fn after(&mut self, index: usize, outcome: Outcome) -> bool {
        let actor = &mut self.actors[index];
        match outcome {
            Outcome::Done => {}
            Outcome::Blocked => {
                self.counts.blocked += 1;
                if actor.program.outside {
                    // As it is done outside: it lets go of all, and tries again later.
                    self.counts.blocked_outside += 1;
                    self.protocol.abandon(&mut actor.txn);
                    actor.restart();
                }
            }
            Outcome::Superseded => {
                self.counts.superseded += 1;
                actor.reopen(self.now.done[index]);
            }
            Outcome::Unknown => panic!("what was looked up is not known"),
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
        let place = Place { offset: next.0 as i64, yields: next.1, epoch: actor.epoch };
        self.protocol.write(&mut actor.txn, place_row(index), Some(Value::Place(place)));
        let mut ended = self.protocol.end(&mut actor.txn, actor.program.outputs);
        if ended.outcome == Outcome::Unknown {
            let (protocol, drained) = (&self.protocol, &self.drained.0);
            let look = |row: &[u8]| protocol.peek(row).unwrap_or_else(|| drained.get(row).cloned());
            let place = |row: &[u8]| Ok::<_, ()>(look(row).as_ref().and_then(Value::place));
            self.protocol.look_up(&mut actor.txn, place).unwrap();
            ended = self.protocol.end(&mut actor.txn, actor.program.outputs);
        }
        if ended.outcome != Outcome::Done {
            return ended.outcome;
        }
        if let Some(pending) = ended.pending {
            self.sent[0] += actor.program.outputs;
            self.unacknowledged.extend(std::iter::repeat_n(pending, actor.program.outputs));
        }
        self.did_as_alone(index);
        let actor = &mut self.actors[index];
        actor.steps += 1;
        let seeks = actor.program.seeks;
        actor.reopen(next);
        self.now.move_to(index, next);
        if let Some((source, to)) = seeks {
            self.seek_alone(source, to);
        }
        self.counts.steps += 1;
        Outcome::Done
    }

    /// The oracle: what the step took, read, wrote and sent is what it would have alone at this moment.
    fn did_as_alone(&mut self, index: usize) {
        let actor = &self.actors[index];
        let Program { reads, takes, .. } = &actor.program;
        assert_eq!(
            actor.done, self.now.done[index],
            "actor {index} ended a message that was not its next one"
        );
        let now: Vec<u64> = reads.iter().map(|key| self.now.model.get(key).copied().unwrap_or(0)).collect();
        assert_eq!(actor.seen, now, "actor {index} read what was not so at its end");
        let item = takes.map(|queue| self.now.items[queue as usize][actor.done.0 as usize]);
        assert_eq!(actor.item, item, "actor {index} took another item than the next one");
        let made = made(item, &now, actor.id, actor.done);
        for key in &actor.program.writes {
            match actor.program.deletes {
                true => drop(self.now.model.remove(key)),
                false => drop(self.now.model.insert(*key, made)),
            }
        }
        for queue in actor.program.sends.clone() {
            self.now.items[queue as usize].push(made);
            self.is_within_bound(queue as usize);
        }
    }

    /// A failure, or a body that was dropped: nobody has seen it.
    pub(in crate::steps::tests) fn fail(&mut self, index: usize) {
        let actor = &mut self.actors[index];
        self.protocol.abandon(&mut actor.txn);
        actor.reopen(actor.done);
    }
}
