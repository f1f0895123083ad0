//! Which steps hold which rows, and who waits: holds are granted all at once, in order of arrival.

use crate::store::RowKey;
use std::collections::HashMap;

/// The holds of all steps.
#[derive(Default)]
pub(super) struct Holds {
    rows: HashMap<RowKey, u64>,
    /// Steps that wait, in order of arrival, with the rows that they wait for.
    waiting: Vec<(u64, Vec<RowKey>)>,
}

impl Holds {
    pub(super) fn is_held_by_another(&self, row: &RowKey, id: u64) -> bool {
        self.rows.get(row).is_some_and(|holder| *holder != id)
    }

    /// Whether these rows can be held at once: nobody holds one, and nobody who came earlier waits for one. Who holds
    /// something already is not kept back by those who wait: they may wait for just that.
    pub(super) fn can_hold<'a>(
        &self,
        id: u64,
        holds_some: bool,
        mut rows: impl Iterator<Item = &'a RowKey>,
    ) -> bool {
        let earlier = self.waiting.iter().take_while(|(waiter, _)| *waiter != id && !holds_some);
        let earlier: Vec<&RowKey> = earlier.flat_map(|(_, rows)| rows).collect();
        rows.all(|row| !self.is_held_by_another(row, id) && !earlier.contains(&row))
    }

    pub(super) fn hold(&mut self, id: u64, row: RowKey) {
        self.rows.insert(row, id);
    }

    /// Joins the queue, at its end unless it stands there already.
    pub(super) fn wait(&mut self, id: u64, rows: Vec<RowKey>) {
        match self.waiting.iter_mut().find(|(waiter, _)| *waiter == id) {
            Some((_, waits)) => *waits = rows,
            None => self.waiting.push((id, rows)),
        }
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.waiting.retain(|(waiter, _)| *waiter != id);
    }

    /// Lets go of a row; `false` if it was not held any more.
    pub(super) fn release(&mut self, row: &RowKey, id: u64) -> bool {
        let is_held = self.rows.get(row) == Some(&id);
        if is_held {
            self.rows.remove(row);
        }
        is_held
    }

    #[cfg_attr(not(test), allow(dead_code))] // for what comes: an aborted transaction, a lost partition
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.waiting.clear();
    }
}
