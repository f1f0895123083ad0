//! Seeks: what they move by the oracle.

use super::{Truth, World, place_row};
use crate::steps::seek::Goal;

impl Truth {
    /// An actor is here.
    pub(super) fn move_to(&mut self, actor: usize, done: (u64, u32)) {
        self.done[actor] = done;
        self.has_begun[actor] = true;
    }
}

impl World {
    fn readers(&self, source: u8) -> Vec<usize> {
        let reads = |actor: &&super::Actor| actor.program.source == Some(source);
        self.actors.iter().filter(reads).map(|actor| actor.id).collect()
    }

    /// A step of this actor is to move the handlers of a source when it ends.
    pub(super) fn stage_seek(&mut self, index: usize, source: u8, to: i64) {
        let rows: Vec<_> = self.readers(source).into_iter().map(place_row).collect();
        self.protocol.seek(&mut self.actors[index].txn, &rows, Goal::To(to));
    }

    /// The oracle: where everybody is after a seek.
    pub(super) fn seek_alone(&mut self, source: u8, to: i64) {
        let (readers, to) = (self.readers(source), to as u64);
        let begun = |reader: &&usize| self.now.has_begun[**reader];
        let furthest = readers.iter().filter(begun).map(|reader| self.now.done[*reader].0).max();
        let is_backward = furthest.is_some_and(|furthest| to < furthest);
        for reader in readers {
            let is_behind = !self.now.has_begun[reader] || self.now.done[reader].0 < to;
            if !(is_backward && is_behind) {
                self.now.move_to(reader, (to, 0));
            }
        }
        self.counts.seeks += 1;
    }
}
