//! Queues between actors: what is in them by the protocol, and by the oracle.

use super::{World, number, place_row};
use crate::steps::queue::{Item, Queue};
use crate::steps::value::Value;
use crate::store::{RowKey, RowValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};

/// A queue, and who takes from it.
pub(super) struct Line {
    pub(super) queue: Arc<Queue>,
    readers: Vec<usize>,
    /// How many items may be on their way at once: one less than its bound, and what each that waits for room may add.
    most: usize,
}

const CAPACITY: usize = 2;

fn name(queue: usize) -> String {
    format!("queue{queue}")
}

impl World {
    /// The queues that somebody takes from, as they are in the store.
    pub(super) fn open_queues(&mut self) {
        self.queues.clear();
        let many =
            self.actors.iter().filter_map(|actor| actor.program.takes).max().map_or(0, |most| most + 1);
        for number in 0..usize::from(many) {
            let takes = |actor: &&super::Actor| actor.program.takes.map(usize::from) == Some(number);
            let readers: Vec<usize> = self.actors.iter().filter(takes).map(|actor| actor.id).collect();
            let sends = |actor: &super::Actor| {
                actor.program.sends.iter().filter(|to| usize::from(**to) == number).count()
            };
            let most = CAPACITY - 1 + self.actors.iter().map(sends).sum::<usize>();
            let places = readers.iter().map(|reader| place_row(*reader)).zip(self.stored_places(&readers));
            let places = places.collect();
            let queue = Arc::new(Queue::new(&name(number), CAPACITY, places, self.stored_items(number)));
            self.protocol.add_queue(queue.clone());
            self.queues.push(Line { queue, readers, most });
        }
    }

    /// All has gone back: the queues are as they are in the store.
    pub(super) fn restore_queues(&mut self) {
        for (number, line) in self.queues.iter().enumerate() {
            line.queue.restore(self.stored_places(&line.readers), self.stored_items(number));
        }
    }

    fn stored_places(&self, readers: &[usize]) -> Vec<i64> {
        let place = |reader: &usize| self.store.get(&place_row(*reader)).and_then(Value::place);
        readers.iter().map(|reader| place(reader).map_or(0, |place| place.offset)).collect()
    }

    fn stored_items(&self, number: usize) -> Vec<(RowKey, RowValue)> {
        let rows = self.store.range(Queue::rows(&name(number)));
        rows.map(|(row, value)| (row.clone(), value.encode())).collect()
    }

    pub(super) fn has_room_in(&self, queue: u8) -> bool {
        self.protocol.has_room_in(&self.queues[queue as usize].queue)
    }

    /// The item with this number.
    pub(super) fn look(&self, queue: u8, offset: u64) -> Option<u64> {
        let item =
            self.queues[queue as usize].queue.look(offset as i64, &Context::from_waker(Waker::noop()))?;
        let Item::Kept(value) = item else { panic!("an item that was kept is volatile") };
        Some(number(Some(&Value::Bytes(value))))
    }

    /// How many items of a queue are done by all who take from it.
    fn done_with(&self, queue: usize, done: &[(u64, u32)]) -> usize {
        self.queues[queue].readers.iter().map(|reader| done[*reader].0).min().unwrap_or(0) as usize
    }

    /// A queue has no more items on their way than its bound and the steps that began before it was reached.
    pub(super) fn is_within_bound(&self, queue: usize) {
        let on_the_way = self.now.items[queue].len() - self.done_with(queue, &self.now.done);
        let most = self.queues[queue].most;
        assert!(on_the_way <= most, "{on_the_way} items in a queue that may have {most}");
    }

    /// Whether all items are done.
    pub(super) fn are_queues_empty(&self) -> bool {
        (0..self.queues.len())
            .all(|queue| self.done_with(queue, &self.now.done) == self.now.items[queue].len())
    }

    /// The store has each item that is not done, and nothing of those that are.
    pub(super) fn items_are_true(&self) {
        for queue in 0..self.queues.len() {
            let prefix = Queue::rows(&name(queue)).start.len();
            let stored: BTreeMap<u64, u64> = self
                .stored_items(queue)
                .into_iter()
                .map(|(row, value)| {
                    let offset = u64::from_be_bytes(row[prefix..].try_into().unwrap());
                    (offset, number(Some(&Value::Bytes(value))))
                })
                .collect();
            let done = self.done_with(queue, &self.committed.done);
            let truth: BTreeMap<u64, u64> =
                (done as u64..).zip(self.committed.items[queue][done..].iter().copied()).collect();
            assert_eq!(stored, truth, "the items in the store");
        }
    }

    /// A commit writes an item only if it was on its way at the cut: one that was sent and done before costs nothing.
    pub(super) fn is_on_its_way(&self, row: &RowKey, truth: &super::Truth) {
        for queue in 0..self.queues.len() {
            let rows = Queue::rows(&name(queue));
            if rows.contains(row) {
                let offset = u64::from_be_bytes(row[rows.start.len()..].try_into().unwrap());
                let done = self.done_with(queue, &truth.done);
                assert!(offset as usize >= done, "an item that was done is written");
            }
        }
    }
}
