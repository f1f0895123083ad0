//! Items of channels, as steps send them, and the room that there is for more.

use super::locked::lock;
use super::protocol::Protocol;
use super::queue::{Item, Queue, Receives};
use super::sync::{Fault, planted};
use super::txn::Txn;
use crate::store::RowKey;
use std::sync::Arc;

impl Protocol {
    /// Sends an item, when the step ends.
    pub(crate) fn send(&self, txn: &mut Txn, to: Arc<dyn Receives>, item: Item) {
        self.begin_epoch(txn);
        txn.sent.push((to, item));
    }

    /// Sends an item to a queue, when the step ends. `false`: it is full twice over, and the step has not waited for room:
    /// who makes room may be waiting for it.
    pub(crate) fn send_to(&self, txn: &mut Txn, queue: &Arc<Queue>, item: Item, waited: bool) -> bool {
        let full = 2 * queue.capacity();
        if !waited && queue.len() + txn.sent_to(queue) >= full {
            self.refresh(queue);
            if queue.len() + txn.sent_to(queue) >= full {
                return false;
            }
        }
        self.send(txn, queue.clone(), item);
        true
    }

    /// Whether a queue has room for more than it is meant to hold.
    pub(crate) fn has_room_in(&self, queue: &Queue) -> bool {
        let has_room = || queue.len() < queue.capacity();
        planted(Fault::Overfill) || has_room() || {
            if !planted(Fault::Room) {
                self.refresh(queue);
            }
            has_room()
        }
    }

    /// A queue whose items are part of the state.
    pub(crate) fn add_queue(&self, queue: Arc<Queue>) {
        lock(&self.queues).push(queue);
    }

    /// Looks how far the consumers of a queue are. One that is not in memory has not moved since the last cut,
    /// which looked as well.
    pub(super) fn refresh(&self, queue: &Queue) {
        let place = |row: &RowKey| self.peek(row).flatten().and_then(|value| Some(value.place()?.offset));
        queue.progress(queue.readers().iter().map(place));
    }
}
