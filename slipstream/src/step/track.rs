//! How far a handler is in its source: what it has pulled, and where it stands in the store.

use super::resumes::Resumes;
use crate::pulled::At;
use crate::steps::{Place, State, Value, place_row, resume_row};
use crate::store::RowKey;
use std::collections::HashMap;
use std::sync::Arc;

/// The positions of one handler over one source.
#[derive(Default)]
pub(crate) struct Track {
    source: String,
    handler: String,
    /// What was done before this lane opened, by partition.
    done: HashMap<u32, Place>,
    rows: HashMap<u32, RowKey>,
    /// The epoch that records must have to be taken, by partition, as of so many seeks.
    epochs: HashMap<u32, u32>,
    seeks: u32,
    /// The offset behind all that was pulled, by partition.
    next: HashMap<u32, i64>,
    /// What was pulled since the position last moved: the newest of each partition.
    pulled: Vec<At>,
    /// How many messages that is.
    count: u32,
    last: Option<At>,
    /// Of a source with positions of its own: those go into the store as well.
    resumes: Option<Arc<Resumes>>,
    /// Whether the messages are handed to other lanes, which have the positions.
    dispatches: bool,
}

impl Track {
    pub(crate) fn new(source: &str, handler: &str, resumes: Option<Arc<Resumes>>) -> Self {
        Track { source: source.to_owned(), handler: handler.to_owned(), resumes, ..Track::default() }
    }

    /// Of a lane that hands its messages to others.
    pub(crate) fn dispatching() -> Self {
        Track { dispatches: true, ..Track::default() }
    }

    /// Notes a message; `false` if it is done already.
    pub(crate) fn pull(&mut self, at: At, state: &State) -> bool {
        // Mostly nobody has ever sought, and then nothing is asked for each message.
        if (at.epoch > 0 || state.seeks() > 0) && !self.is_of_its_epoch(at, state) {
            return false;
        }
        if !self.dispatches && !self.done.contains_key(&at.partition) {
            // The reader has asked for the same row to find where to begin: an error has been seen there.
            let place = state.place(&self.row(at.partition)).ok().flatten();
            self.done.insert(at.partition, place.unwrap_or(Place { offset: i64::MIN, ..Place::default() }));
        }
        if self.done.get(&at.partition).is_some_and(|done| at.offset < done.offset) {
            return false;
        }
        // When a partition is taken up again, what is on its way or under way comes once more.
        let next = self.next.entry(at.partition).or_insert(i64::MIN);
        if at.offset < *next {
            return false;
        }
        *next = at.offset + 1;
        match self.pulled.iter_mut().find(|pulled| pulled.partition == at.partition) {
            Some(pulled) => *pulled = at,
            None => self.pulled.push(at),
        }
        self.count += 1;
        self.last = Some(at);
        true
    }

    /// Looks whether there were seeks since it last looked: then what it knows of their partitions is forgotten. Who hands
    /// messages to others learns of a seek from the first record behind it.
    fn notice(&mut self, state: &State) {
        let seeks = state.seeks();
        if seeks == self.seeks || self.dispatches {
            return;
        }
        self.seeks = seeks;
        let known = self.done.keys().chain(self.next.keys()).chain(self.epochs.keys());
        let partitions: Vec<u32> = known.copied().collect();
        for partition in partitions {
            let epoch = state.epoch(&self.row(partition));
            self.forget(partition, epoch);
        }
    }

    /// Whether a message is not from before a seek.
    fn is_of_its_epoch(&mut self, at: At, state: &State) -> bool {
        self.notice(state);
        if !self.epochs.contains_key(&at.partition) {
            let epoch = if self.dispatches { 0 } else { state.epoch(&self.row(at.partition)) };
            self.forget(at.partition, epoch);
        }
        self.forget(at.partition, at.epoch);
        self.epochs.get(&at.partition).is_none_or(|epoch| at.epoch >= *epoch)
    }

    /// What is known of a partition is of before this epoch, if that is a new one.
    fn forget(&mut self, partition: u32, epoch: u32) {
        let known = self.epochs.entry(partition).or_default();
        if epoch > *known {
            *known = epoch;
            self.done.remove(&partition);
            self.next.remove(&partition);
        }
    }

    /// Whether something that was pulled since the position last moved is from before a seek.
    pub(crate) fn is_superseded(&mut self, state: &State) -> bool {
        self.notice(state);
        self.pulled.iter().any(|at| self.epochs.get(&at.partition).is_some_and(|epoch| at.epoch < *epoch))
    }

    /// Forgets what was pulled since the position last moved; those partitions of it that were not sought.
    pub(crate) fn drop_pulled(&mut self, state: &State) -> Vec<u32> {
        self.notice(state);
        let pulled = std::mem::take(&mut self.pulled);
        self.count = 0;
        let is_left = |at: &At| self.epochs.get(&at.partition).is_none_or(|epoch| at.epoch >= *epoch);
        pulled.into_iter().filter(is_left).map(|at| at.partition).collect()
    }

    pub(crate) fn last(&self) -> Option<At> {
        self.last
    }

    /// How many yields of the message in hand were done before this lane opened.
    pub(crate) fn yields(&self) -> u32 {
        let Some(at) = self.only() else { return 0 };
        self.done.get(&at.partition).filter(|done| done.offset == at.offset).map_or(0, |done| done.yields)
    }

    /// The message in hand, if it is the only one since the position last moved.
    fn only(&self) -> Option<At> {
        match self.pulled.as_slice() {
            [at] if self.count == 1 => Some(*at),
            _ => None,
        }
    }

    /// Whether each yield may be a step of its own.
    pub(crate) fn divides(&self) -> bool {
        self.only().is_some()
    }

    /// The position in the midst of the message in hand.
    pub(crate) fn at_yield(&mut self, yields: u32) -> Vec<(RowKey, Value)> {
        let Some(At { partition, offset, epoch }) = self.only() else { return Vec::new() };
        vec![(self.row(partition), Value::Place(Place { offset, yields, epoch }))]
    }

    /// The positions behind all that was pulled.
    pub(crate) fn behind(&mut self) -> Vec<(RowKey, Value)> {
        if self.dispatches {
            return Vec::new();
        }
        let pulled = std::mem::take(&mut self.pulled);
        let places = self.places_behind(&pulled);
        self.pulled = pulled;
        places
    }

    /// The positions behind these messages.
    pub(crate) fn places_behind(&mut self, ats: &[At]) -> Vec<(RowKey, Value)> {
        let place = |at: &At| Value::Place(Place { offset: at.offset + 1, yields: 0, epoch: at.epoch });
        let mut places: Vec<_> = ats.iter().map(|at| (self.row(at.partition), place(at))).collect();
        if let (Some(resumes), Some(at)) = (&self.resumes, ats.last())
            && let Some(position) = resumes.at(at.offset)
        {
            places.push((resume_row(&self.source, &self.handler), Value::Bytes(position)));
        }
        places
    }

    /// What was pulled, for other lanes to move their positions by.
    pub(crate) fn hand_over(&mut self) -> Vec<At> {
        self.count = 0;
        std::mem::take(&mut self.pulled)
    }

    /// The position has moved.
    pub(crate) fn moved(&mut self) {
        self.pulled.clear();
        self.count = 0;
    }

    fn row(&mut self, partition: u32) -> RowKey {
        let (source, handler) = (&self.source, &self.handler);
        self.rows.entry(partition).or_insert_with(|| place_row(source, handler, partition)).clone()
    }
}
