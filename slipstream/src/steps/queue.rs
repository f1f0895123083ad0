//! Items on their way between handlers. What the receiving steps have not ended at a cut is part of it: an item that was
//! sent and done within one generation costs the store nothing.

use super::sync::{Fault, Mutex, MutexGuard, PoisonError, planted};
use super::value::Value;
use crate::steps::read_by;
use crate::store::{self, RowKey, RowValue};
use std::any::Any;
use std::collections::VecDeque;
use std::ops::Range;
use std::task::{Context, Waker};

/// The names of rows that hold items.
const ITEMS: &str = "slipstream/items/";

/// An item.
pub(crate) enum Item {
    /// Part of the state until it is done.
    Kept(RowValue),
    /// Gone with the process, and with who takes it.
    Volatile(Box<dyn Any + Send>),
}

/// A queue of items. Its consumers have positions, as those of any other source have.
pub(crate) struct Queue {
    prefix: Vec<u8>,
    /// The rows of its consumers' positions.
    readers: Vec<RowKey>,
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// What is not done, with its number; a volatile one is `None` once it was taken.
    items: VecDeque<(i64, Option<Item>)>,
    next: i64,
    /// How far each consumer was when it was last seen.
    places: Vec<i64>,
    /// Which consumers take no more; they keep their places.
    left: Vec<bool>,
    /// What all consumers are done with.
    done: i64,
    /// The items that have rows in the store, or in the cut that is being written.
    stored: Range<i64>,
    received: u64,
    /// The item that its reader asked for last.
    read: i64,
    wakers: Vec<Waker>,
}

/// Somebody to whom steps send items.
pub(crate) trait Receives: Send + Sync {
    /// A step that sent an item has ended.
    fn receive(&self, item: Item);
}

impl Receives for Queue {
    fn receive(&self, item: Item) {
        let mut inner = self.inner();
        let number = inner.next;
        inner.items.push_back((number, Some(item)));
        inner.next += 1;
        inner.received += 1;
        inner.wake();
    }
}

impl Queue {
    /// A queue as it is in the store: how far each of its consumers is, and its items, in order.
    pub(crate) fn new(
        name: &str,
        capacity: usize,
        readers: Vec<(RowKey, i64)>,
        stored: Vec<(RowKey, RowValue)>,
    ) -> Self {
        let (readers, places) = readers.into_iter().unzip();
        let queue = Queue { prefix: prefix(name), readers, capacity, inner: Mutex::default() };
        queue.restore(places, stored);
        queue
    }

    /// The rows of a queue's items.
    pub(crate) fn rows(name: &str) -> Range<RowKey> {
        let prefix = prefix(name);
        let end = store::after(&prefix);
        prefix.into()..end.into()
    }

    /// Begins again with what is in the store.
    pub(crate) fn restore(&self, places: Vec<i64>, stored: Vec<(RowKey, RowValue)>) {
        let items: VecDeque<_> = stored
            .into_iter()
            .filter_map(|(row, value)| Some((self.number(&row)?, Some(Item::Kept(value)))))
            .collect();
        let done = places.iter().copied().min().unwrap_or(0);
        let first = items.front().map_or(done, |(number, _)| *number);
        let next = items.back().map_or(done, |(number, _)| number + 1).max(done);
        let mut inner = self.inner();
        let (wakers, left) = (std::mem::take(&mut inner.wakers), vec![false; places.len()]);
        *inner = Inner {
            items,
            next,
            places,
            left,
            done: done.max(first),
            stored: first..next,
            received: 0,
            read: -1,
            wakers,
        };
        inner.trim();
        inner.received = inner.items.len() as u64;
    }

    fn number(&self, row: &RowKey) -> Option<i64> {
        Some(i64::from_be_bytes(row.get(self.prefix.len()..)?.try_into().ok()?))
    }

    fn row(&self, number: i64) -> RowKey {
        let mut row = self.prefix.clone();
        row.extend(number.to_be_bytes());
        row.into()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of its consumers' positions.
    pub(super) fn readers(&self) -> &[RowKey] {
        &self.readers
    }

    /// How far each consumer is, as far as that is known: who is unknown has not moved.
    pub(super) fn progress(&self, places: impl Iterator<Item = Option<i64>>) {
        let mut inner = self.inner();
        for (seen, place) in inner.places.iter_mut().zip(places) {
            *seen = place.unwrap_or(*seen);
        }
        let least = inner.places.iter().copied().min();
        inner.done = inner.done.max(least.unwrap_or(i64::MIN));
        inner.trim();
    }

    /// The item with this number; if there is none yet the caller is woken.
    pub(crate) fn look(&self, number: i64, cx: &Context<'_>) -> Option<Item> {
        let mut inner = self.inner();
        inner.read = number;
        let at = inner.items.front().map_or(0, |(first, _)| number - first);
        if let Some((_, item)) = usize::try_from(at).ok().and_then(|at| inner.items.get_mut(at)) {
            let found = match item {
                Some(Item::Kept(value)) => Some(Item::Kept(value.clone())),
                _ => item.take(),
            };
            if let Some(Item::Volatile(_)) = found {
                // Nobody else can have it, and nobody keeps a position for it.
                inner.done = number + 1;
                inner.trim();
            }
            return found;
        }
        if !inner.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
        None
    }

    /// The number of the first item that is not done.
    pub(crate) fn first(&self) -> i64 {
        self.inner().done
    }

    /// Whether its reader has been given all that was ever sent, and has asked for more, or nobody takes any more.
    pub(crate) fn is_read(&self) -> bool {
        let inner = self.inner();
        inner.read >= inner.next || (!inner.left.is_empty() && inner.left.iter().all(|left| *left))
    }

    /// A handler takes no more, though more may come: its pipe has ended.
    pub(crate) fn leave(&self, handler: &str) {
        let is_its = |row: &RowKey| read_by(row).is_some_and(|(_, reader)| reader == handler);
        let mut inner = self.inner();
        self.readers.iter().zip(&mut inner.left).for_each(|(row, left)| *left |= is_its(row));
    }

    /// Its name, and who takes no more of it and is the last, so that there will be no more room than there is.
    pub(crate) fn held_by(&self) -> Option<(String, String)> {
        let inner = self.inner();
        let last =
            inner.left.iter().zip(&inner.places).position(|(left, place)| *left && *place <= inner.done)?;
        read_by(self.readers.get(last)?)
    }

    /// How many items are not done.
    pub(crate) fn len(&self) -> usize {
        self.inner().items.len()
    }

    /// How many items there are room for.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many items came in since the app began, those that it found included.
    pub(crate) fn received(&self) -> u64 {
        self.inner().received
    }

    /// What the cut has to write of it: rows of items that are not done and have none, and the end of those that are done.
    pub(super) fn cut(&self, rows: &mut Vec<(RowKey, Option<Value>)>) {
        let mut inner = self.inner();
        let Inner { next, .. } = *inner;
        let done = if planted(Fault::InHand) { (inner.read + 1).clamp(inner.done, next) } else { inner.done };
        let gone = inner.stored.start..done.min(inner.stored.end);
        if !planted(Fault::DoneStays) {
            rows.extend(gone.map(|number| (self.row(number), None)));
        }
        let fresh = inner.stored.end.max(done);
        for (number, item) in inner.items.iter().filter(|(number, _)| *number >= fresh) {
            if let Some(Item::Kept(value)) = item {
                rows.push((self.row(*number), Some(Value::Bytes(value.clone()))));
            }
        }
        inner.stored = done.max(inner.stored.start)..next;
    }
}

impl Inner {
    fn trim(&mut self) {
        while self.items.front().is_some_and(|(number, _)| *number < self.done) {
            self.items.pop_front();
        }
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

fn prefix(name: &str) -> Vec<u8> {
    store::prefix(&format!("{ITEMS}{name}"))
}
