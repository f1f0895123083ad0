//! How far a handler is in its source: what it has pulled, and where it stands in the store.

use super::resumes::Resumes;
use crate::pulled::At;
use crate::steps::{Place, State, Value, place_row, resume_row};
use crate::store::RowKey;
use hashbrown::HashMap;
use std::sync::Arc;

/// The positions of one handler over one source.
#[derive(Default)]
pub(crate) struct Track {
    source: String,
    handler: String,
    partitions: HashMap<u32, Partition>,
    /// How many seeks it knows of.
    seeks: u32,
    /// What was pulled since the position last moved, by partition.
    pulled: Vec<Span>,
    /// How many messages that is.
    count: u32,
    last: Option<At>,
    /// Of a source with positions of its own: those go into the store as well.
    resumes: Option<Arc<Resumes>>,
    /// Whether the messages are handed to other lanes, which have the positions.
    dispatches: bool,
    /// Of what another lane has handed over: the first offsets that the message in hand may be made of.
    begun: Vec<(u32, i64)>,
}

/// What was pulled of a partition: the first offset and the newest message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    first: i64,
    pub(crate) last: At,
}

/// What is known of a partition.
struct Partition {
    /// The row of the position.
    row: RowKey,
    /// What was done before this lane opened, once that was looked up.
    done: Option<Place>,
    /// The first offset that was pulled, and the one behind all that was.
    first: i64,
    next: i64,
    /// The epoch that records must have to be taken, once anything was sought.
    epoch: Option<u32>,
}

impl Partition {
    /// What is known is of before this epoch, if that is a new one.
    fn forget(&mut self, epoch: u32) {
        let known = self.epoch.get_or_insert_default();
        if epoch > *known {
            *known = epoch;
            (self.done, self.next) = (None, i64::MIN);
        }
    }

    fn is_old(&self, at: &At) -> bool {
        self.epoch.is_some_and(|epoch| at.epoch < epoch)
    }
}

/// What a lane hands to another beside a message: what that was made of.
pub(crate) struct Handed {
    spans: Vec<Span>,
    moves: bool,
}

impl Handed {
    /// The messages that positions are to be moved behind.
    pub(crate) fn ats(&self) -> impl Iterator<Item = At> + '_ {
        self.spans.iter().filter(|_| self.moves).map(|span| span.last)
    }
}

impl Track {
    pub(crate) fn new(source: &str, handler: &str, resumes: Option<Arc<Resumes>>) -> Self {
        Track { source: source.to_owned(), handler: handler.to_owned(), resumes, ..Track::default() }
    }

    /// Forgets all that it has seen.
    pub(crate) fn renew(&mut self) {
        *self = Track::new(&self.source, &self.handler, self.resumes.take());
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
        let dispatches = self.dispatches;
        let partition = self.partition(at.partition);
        if !dispatches {
            let done = partition.done.get_or_insert_with(|| {
                // The reader has asked for the same row to find where to begin: an error has been seen there.
                let place = state.place(&partition.row).ok().flatten();
                place.unwrap_or(Place { offset: i64::MIN, ..Place::default() })
            });
            if at.offset < done.offset {
                return false;
            }
        }
        // When a partition is taken up again, what is on its way or under way comes once more.
        if at.offset < partition.next {
            return false;
        }
        if partition.next == i64::MIN {
            partition.first = at.offset;
        }
        partition.next = at.offset + 1;
        match self.pulled.iter_mut().find(|pulled| pulled.last.partition == at.partition) {
            Some(pulled) => *pulled = Span { first: pulled.first.min(at.offset), last: at },
            None => self.pulled.push(Span { first: at.offset, last: at }),
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
        self.partitions.values_mut().for_each(|known| known.forget(state.epoch(&known.row)));
    }

    /// Whether a message is not from before a seek.
    fn is_of_its_epoch(&mut self, at: At, state: &State) -> bool {
        self.notice(state);
        let dispatches = self.dispatches;
        let partition = self.partition(at.partition);
        if partition.epoch.is_none() {
            partition.forget(if dispatches { 0 } else { state.epoch(&partition.row) });
        }
        partition.forget(at.epoch);
        !partition.is_old(&at)
    }

    fn partition(&mut self, partition: u32) -> &mut Partition {
        let (source, handler) = (&self.source, &self.handler);
        self.partitions.entry(partition).or_insert_with(|| Partition {
            row: place_row(source, handler, partition),
            done: None,
            first: i64::MIN,
            next: i64::MIN,
            epoch: None,
        })
    }

    /// Whether something that was pulled since the position last moved is from before a seek.
    pub(crate) fn is_superseded(&mut self, state: &State) -> bool {
        self.notice(state);
        self.pulled.iter().any(|pulled| self.is_old(&pulled.last))
    }

    /// Forgets what was pulled since the position last moved; those partitions of it that were not sought.
    pub(crate) fn drop_pulled(&mut self, state: &State) -> Vec<u32> {
        self.notice(state);
        let pulled = std::mem::take(&mut self.pulled);
        self.count = 0;
        let others = pulled.into_iter().map(|pulled| pulled.last).filter(|at| !self.is_old(at));
        others.map(|at| at.partition).collect()
    }

    fn is_old(&self, at: &At) -> bool {
        self.partitions.get(&at.partition).is_some_and(|partition| partition.is_old(at))
    }

    pub(crate) fn last(&self) -> Option<At> {
        self.last
    }

    /// In each partition the first message of which the one in hand may be made: itself if nothing else was pulled since the
    /// position last moved, else where that is.
    pub(crate) fn begins(&self, state: &State) -> Vec<(u32, i64)> {
        if !self.begun.is_empty() {
            return self.begun.clone();
        }
        let begins = |at: &At| {
            let known = self.partitions.get(&at.partition).filter(|_| self.count > 1);
            let place = |known: &Partition| {
                // An error has been seen where the record was pulled. No position has moved yet: then all is in hand.
                state.place(&known.row).ok().flatten().map_or(known.first, |place| place.offset)
            };
            (at.partition, known.map_or(at.offset, place).min(at.offset))
        };
        match self.pulled.as_slice() {
            // After a yield, which has moved the position.
            [] => self.last.iter().map(|at| (at.partition, at.offset)).collect(),
            pulled => pulled.iter().map(|pulled| begins(&pulled.last)).collect(),
        }
    }

    /// How many yields of the message in hand were done before this lane opened.
    pub(crate) fn yields(&self) -> u32 {
        let Some(at) = self.only() else { return 0 };
        let done = self.partitions.get(&at.partition).and_then(|partition| partition.done);
        done.filter(|done| done.offset == at.offset).map_or(0, |done| done.yields)
    }

    /// The message in hand, if it is the only one since the position last moved.
    fn only(&self) -> Option<At> {
        match self.pulled.as_slice() {
            [pulled] if self.count == 1 => Some(pulled.last),
            _ => None,
        }
    }

    /// Whether each yield may be a step of its own.
    pub(crate) fn divides(&self) -> bool {
        self.only().is_some()
    }

    /// The position in the midst of the message in hand.
    pub(crate) fn at_yield(&mut self, yields: u32) -> Option<(RowKey, Value)> {
        let At { partition, offset, epoch } = self.only()?;
        Some((self.row(partition), Value::Place(Place { offset, yields, epoch })))
    }

    /// Tells of the positions behind all that was pulled.
    pub(crate) fn behind(&mut self, tell: impl FnMut(RowKey, Value)) {
        if !self.dispatches && !self.pulled.is_empty() {
            let pulled = std::mem::take(&mut self.pulled);
            self.places_behind(pulled.iter().map(|pulled| pulled.last), tell);
            self.pulled = pulled;
        }
    }

    /// Tells of the positions behind these messages.
    pub(crate) fn places_behind(
        &mut self,
        ats: impl Iterator<Item = At>,
        mut tell: impl FnMut(RowKey, Value),
    ) {
        let mut last = None;
        for at @ At { partition, offset, epoch } in ats {
            let place = Place { offset: offset + 1, yields: 0, epoch };
            tell(self.row(partition), Value::Place(place));
            last = Some(at);
        }
        if let (Some(resumes), Some(at)) = (&self.resumes, last)
            && let Some(position) = resumes.at(at.offset)
        {
            tell(resume_row(&self.source, &self.handler), Value::Bytes(position));
        }
    }

    /// What was pulled, for another lane: it moves its positions by that, unless something of it is held.
    pub(crate) fn hand_over(&mut self, holds: bool) -> Handed {
        if holds {
            return Handed { spans: self.pulled.clone(), moves: false };
        }
        self.count = 0;
        Handed { spans: std::mem::take(&mut self.pulled), moves: true }
    }

    /// Takes over what another lane has pulled; `false` if this one has done it already.
    pub(crate) fn take_over(&mut self, handed: &Handed, state: &State) -> bool {
        self.begun.clear();
        self.begun.extend(handed.spans.iter().map(|span| (span.last.partition, span.first)));
        let mut fresh = handed.ats().next().is_none();
        for at in handed.ats() {
            fresh |= self.pull(at, state);
        }
        fresh
    }

    /// The position has moved.
    pub(crate) fn moved(&mut self) {
        self.pulled.clear();
        self.count = 0;
    }

    fn row(&mut self, partition: u32) -> RowKey {
        self.partition(partition).row.clone()
    }
}
