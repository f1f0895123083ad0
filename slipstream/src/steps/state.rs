//! Drives the protocol: reads through to the store, waits for holds, writes commits.

use super::instance::Instance;
use super::lanes::RECOVERED;
use super::protocol::{Ended, Lookup, Outcome, Protocol};
use super::queue::{Item, Queue, Receives};
use super::scan::{Pages, Scan};
use super::seek::Goal;
use super::still::Still;
use super::txn::Txn;
use super::value::{Place, Value};
use super::{Pending, RESERVED, place, planted};
use crate::error::{Error, ErrorKind, Result};
use crate::log::Mark;
use crate::store::{Budget, Page, Row, RowKey, RowValue, Store};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many rows are collected under one lock.
const SLICE: usize = 256;

/// The more there are, the less lanes meet each other; a scan goes through all.
const SHARDS: usize = 64;

/// All state of an app: what steps wrote, and the store behind it.
pub(crate) struct State {
    protocol: Arc<Protocol>,
    store: Arc<Store>,
    instance: Instance,
    /// Above this the open generation makes lanes wait before their next step, in bytes.
    open_bytes: usize,
    /// Generations whose rows must be kept until the store is drained to their commits.
    undrained: Mutex<VecDeque<(u64, u64)>>,
    /// Told whenever a hold may have been released, something ended after a cut, or a commit has ended.
    changed: Notify,
    /// Told when a commit is wanted before its time.
    pub(crate) wanted: Notify,
    committing: tokio::sync::Mutex<u64>,
    /// Held while a commit is written, which goes on by itself where its app was aborted. `true`: the state was closed
    /// while the commit was on its way, and it is not to be written any more.
    writing: Arc<Mutex<bool>>,
    /// Whether a commit has failed, or was dropped: what has ended since then cannot be committed any more.
    broken: Arc<AtomicBool>,
}

/// What became of a step.
pub(crate) enum End {
    /// It has ended; this is what its outputs are counted by, if it has any.
    Stands(Option<Pending>),
    /// It runs again.
    Stale,
    /// It is nobody's any more: its message is dropped.
    Superseded,
}

/// The positions that a commit has made safe, by their names.
pub(crate) type Places = BTreeMap<String, Place>;

impl State {
    pub(crate) fn open(store: Arc<Store>, budget: Budget) -> Result<Self> {
        let sequence = store.sequence()?;
        let protocol = Arc::new(Protocol::new(SHARDS, budget.rows()));
        let recovered = store.undrained()?.into_iter();
        protocol.recover(recovered.map(|(row, value)| (row, value.map(Value::Bytes))));
        Ok(State {
            protocol,
            instance: Instance::of(&store)?,
            store,
            open_bytes: budget.open(),
            undrained: Mutex::new([(RECOVERED, sequence)].into()),
            changed: Notify::new(),
            wanted: Notify::new(),
            committing: tokio::sync::Mutex::new(sequence),
            writing: Arc::default(),
            broken: Arc::default(),
        })
    }

    /// The buffers of a lane.
    pub(crate) fn begin(&self) -> Txn {
        self.protocol.begin()
    }

    /// Reads a row as the step sees it: its own writes, then what ended steps wrote.
    pub(crate) fn read(&self, txn: &mut Txn, row: &[u8]) -> Result<Option<RowValue>> {
        let value = match self.protocol.read(txn, row) {
            Lookup::Known(value) => value,
            // A commit may land between the look-up and this read. Then the row is newer than the read claims, and
            // the check at the end says so.
            Lookup::Load(ticket) => {
                let value = self.load(row)?;
                self.protocol.loaded(&ticket, row, value.clone());
                value
            }
        };
        Ok(value.map(Value::into_bytes))
    }

    fn load(&self, row: &[u8]) -> Result<Option<Value>> {
        Ok(self.store.get_drained(row)?.map(Value::Bytes))
    }

    /// Lets rows go that a look-up in the store finds.
    fn let_go(&self) -> Result<()> {
        let drained = self.store.drained_to()?;
        let mut undrained = self.undrained.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((generation, _)) = undrained.pop_front_if(|(_, sequence)| *sequence <= drained) {
            self.protocol.drained(generation);
        }
        Ok(())
    }

    /// Writes a row, when the step ends.
    pub(crate) fn write(&self, txn: &mut Txn, row: &[u8], value: Option<RowValue>) {
        planted::note(row, value.as_ref());
        self.protocol.write(txn, row, value.map(Value::Bytes));
    }

    /// Sends an item to a queue, when the step ends, as [`Protocol::send_to`] says.
    pub(crate) fn send(&self, txn: &mut Txn, queue: &Arc<Queue>, item: Item, waited: bool) -> bool {
        self.protocol.send_to(txn, queue, item, waited)
    }

    /// Sends an item to who looks on, when the step ends.
    pub(crate) fn tell_onlookers(&self, txn: &mut Txn, to: Arc<dyn Receives>, item: Item) {
        self.protocol.send(txn, to, item);
    }

    /// Whether a queue has room for more than it is meant to hold.
    pub(crate) fn has_room_in(&self, queue: &Queue) -> bool {
        self.protocol.has_room_in(queue)
    }

    /// A queue as it is in the store; `kept`: its items are part of the state from now on.
    pub(crate) fn open_queue(
        &self,
        name: &str,
        capacity: usize,
        readers: Vec<RowKey>,
        kept: bool,
    ) -> Result<Arc<Queue>> {
        let mut places = Vec::new();
        for row in readers {
            // Who has no position yet begins with what is there.
            let place = self.place(&row)?.map_or(0, |place| place.offset);
            places.push((row, place));
        }
        let rows = Queue::rows(name);
        let stored = self.store.range(&rows.start, &rows.end, usize::MAX, false)?;
        let queue = Arc::new(Queue::new(name, capacity, places, stored));
        if kept {
            self.protocol.add_queue(queue.clone());
        }
        Ok(queue)
    }

    /// Rows in order, as the step sees them.
    pub(crate) fn scan(&self, txn: Option<&Txn>, range: Range<RowKey>, reverse: bool) -> Scan {
        Scan::new(self.protocol.scan(txn, &range), range, reverse)
    }

    /// A range of rows as of this moment, between two steps; and what is seen at that moment.
    pub(crate) fn still<T>(&self, range: &Range<RowKey>, look: impl FnOnce() -> T) -> Result<(Still, T)> {
        let (overlay, (store, seen)) = self.protocol.still(range, || (self.store.snapshot(), look()));
        Ok((Still::new(overlay, store?), seen))
    }

    /// Reads all that is stored and checks its checksums; the number of rows.
    pub(crate) fn verify(&self) -> Result<u64> {
        self.store.verify()
    }

    /// Tries until nobody is in the way any more.
    async fn unblocked(&self, mut attempt: impl FnMut() -> Result<Ended>) -> Result<Ended> {
        let mut ended = attempt()?;
        while ended.outcome == Outcome::Blocked {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            ended = attempt()?;
            if ended.outcome == Outcome::Blocked {
                changed.await;
            }
        }
        self.tell(ended.wakes);
        Ok(ended)
    }

    /// Tries to end a step, once it is known where the positions are that it seeks.
    fn attempt(&self, txn: &mut Txn, outputs: usize) -> Result<Ended> {
        loop {
            let ended = self.protocol.end(txn, outputs);
            if ended.outcome != Outcome::Unknown {
                return Ok(ended);
            }
            self.protocol.look_up(txn, |row| self.place(row))?;
        }
    }

    fn tell(&self, wakes: bool) {
        if wakes {
            self.changed.notify_waiters();
        }
    }

    /// Holds what the step touched, so that it cannot conflict any more.
    pub(crate) async fn hold(&self, txn: &mut Txn) -> Result<End> {
        Ok(judged(self.unblocked(|| Ok(self.protocol.hold(txn).into())).await?))
    }

    /// Ends a step, unless somebody is in its way: then it says `None`, and is to be asked again by [`end`](State::end).
    pub(crate) fn end_now(&self, txn: &mut Txn, outputs: usize) -> Option<Result<End>> {
        let ended = match self.attempt(txn, outputs) {
            Ok(ended) => ended,
            Err(error) => return Some(Err(error)),
        };
        self.tell(ended.wakes);
        match ended.outcome {
            Outcome::Blocked => None,
            _ => Some(Ok(judged(ended))),
        }
    }

    /// Ends a step, once nobody is in its way.
    pub(crate) async fn end(&self, txn: &mut Txn, outputs: usize) -> Result<End> {
        Ok(judged(self.unblocked(|| self.attempt(txn, outputs)).await?))
    }

    /// A position moves when the step ends.
    pub(crate) fn move_place(&self, txn: &mut Txn, row: RowKey, place: Value) {
        self.protocol.write(txn, row, Some(place));
    }

    /// Moves the positions of a partition's handlers when the step ends, as [`Protocol::seek`] says.
    pub(crate) fn seek(&self, txn: &mut Txn, rows: &[RowKey], goal: Goal) {
        self.protocol.seek(txn, rows, goal);
    }

    /// How many seeks there have been.
    #[inline]
    pub(crate) fn seeks(&self) -> u32 {
        self.protocol.seeks()
    }

    /// The number of the seek that a position was last moved by.
    pub(crate) fn epoch(&self, row: &[u8]) -> u32 {
        self.protocol.epoch(row)
    }

    /// Ends a step that is made of one closure, from outside of any lane: it is made again while others interfere.
    pub(crate) fn outside<T>(&self, mut run: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        const PATIENCE: Duration = Duration::from_secs(5);
        use tokio::runtime::{Handle, RuntimeFlavor};
        // On the only thread of a runtime, what holds the key would wait for this.
        let only = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
        let started = std::time::Instant::now();
        let is_late = || started.elapsed() > PATIENCE;
        loop {
            if let Some(value) = self.try_outside(&mut run, &is_late)? {
                return Ok(value);
            }
            if only || is_late() {
                return Err(Error::new(
                    ErrorKind::Misuse,
                    "the key is held by a step that has not ended: write it from a handler instead",
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The same for who has no hurry: it waits for a step that holds what it touches, however long that takes.
    pub(crate) async fn outside_in_time<T>(&self, mut run: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        loop {
            if let Some(value) = self.try_outside(&mut run, &|| false)? {
                return Ok(value);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// `None` if a step that has not ended is in its way.
    fn try_outside<T>(
        &self,
        run: &mut impl FnMut(&mut Txn) -> Result<T>,
        is_late: &impl Fn() -> bool,
    ) -> Result<Option<T>> {
        /// So often others may come first, however slow it is.
        const OFTEN: u32 = 100;
        let mut txn = self.protocol.begin_outside();
        let mut tries = 0_u32;
        loop {
            tries = tries.saturating_add(1);
            let value = run(&mut txn)?;
            let ended = self.attempt(&mut txn, 0)?;
            self.tell(ended.wakes);
            match ended.outcome {
                Outcome::Done => return Ok(Some(value)),
                Outcome::Blocked => {
                    self.protocol.abandon(&mut txn);
                    return Ok(None);
                }
                Outcome::Stale if tries > OFTEN && is_late() => {
                    self.protocol.abandon(&mut txn);
                    return Err(Error::new(
                        ErrorKind::Misuse,
                        "what a new value is made of was changed before it was made, again and again for 5 s: an `update` \
                         that changes its own key can never end",
                    ));
                }
                Outcome::Stale | Outcome::Superseded | Outcome::Unknown => {}
            }
        }
    }

    pub(crate) fn abandon(&self, txn: &mut Txn) {
        self.tell(self.protocol.abandon(txn));
    }

    /// Whether what a failed step read still stands: if not, its failure is a conflict and nothing else.
    pub(crate) fn still_stands(&self, txn: &mut Txn) -> bool {
        let stands = txn.is_idle() || self.protocol.check(txn) == Outcome::Done;
        self.tell(!stands);
        stands
    }

    /// The position of a handler in a partition, by its row.
    pub(crate) fn place(&self, row: &[u8]) -> Result<Option<Place>> {
        Ok(self.peek(row)?.and_then(|value| value.place()))
    }

    /// The same, as it was committed last.
    pub(crate) fn committed_place(&self, row: &[u8]) -> Result<Option<Place>> {
        Ok(self.store.get(row)?.and_then(|value| Value::Bytes(value).place()))
    }

    /// A row, as ended steps left it.
    pub(crate) fn get(&self, row: &[u8]) -> Result<Option<RowValue>> {
        Ok(self.peek(row)?.map(Value::into_bytes))
    }

    fn peek(&self, row: &[u8]) -> Result<Option<Value>> {
        match self.protocol.peek(row) {
            Some(value) => Ok(value),
            None => self.load(row),
        }
    }

    /// Whether it has made this commit, or has it of one that it is a copy of.
    pub(crate) fn has_made(&self, mark: Mark) -> bool {
        mark.instance == self.instance.number && self.store.sequence().is_ok_and(|ours| mark.sequence <= ours)
    }

    /// Whether any cache has been committed to.
    pub(crate) fn has_caches(&self) -> Result<bool> {
        let reserved = (RESERVED.as_bytes(), crate::store::after(RESERVED.as_bytes()));
        let before = self.store.range(&[], reserved.0, 1, false)?;
        Ok(!before.is_empty() || !self.store.range(&reserved.1, &[], 1, false)?.is_empty())
    }

    /// The names of all stored positions that start like this.
    pub(crate) fn places_named(&self, start: &str) -> Result<Vec<String>> {
        let (from, to) = place::rows_named(start);
        let rows = self.store.range(&from, &to, usize::MAX, false)?;
        Ok(rows.iter().filter_map(|(row, _)| place::name(row)).collect())
    }

    /// Moves positions onward in a step of their own. Those that are further stay where they are, as when a topic is read again
    /// for another handler that is behind; and so do those that a seek has moved meanwhile.
    pub(crate) fn move_places(&self, places: &[(RowKey, Value)]) {
        let mut txn = self.protocol.begin_outside();
        let mut is_onward = false;
        let onward = places.iter().filter(|(row, value)| {
            // What a source itself calls a position follows it.
            if let Value::Place(to) = value {
                // Where it cannot be read it is not moved: that costs a later start some reading.
                let now = self.place(row).map(|now| now.is_none_or(|now| now.offset < to.offset));
                is_onward = to.epoch >= self.epoch(row) && now.unwrap_or(false);
            }
            is_onward
        });
        onward.for_each(|(row, place)| self.move_place(&mut txn, row.clone(), place.clone()));
        // It reads nothing, and nobody holds what only an idle lane writes.
        self.tell(self.protocol.end(&mut txn, 0).wakes);
    }

    /// Waits until there is something to commit.
    pub(crate) async fn dirty(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.protocol.is_dirty() {
                return;
            }
            changed.await;
        }
    }

    /// Whether the open generation is below its cap.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.protocol.open_bytes() <= self.open_bytes
    }

    /// Waits while the open generation is over its cap.
    pub(crate) async fn room(&self) {
        while !self.has_room() {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            self.wanted.notify_one();
            if !self.has_room() {
                changed.await;
            }
        }
    }

    /// Waits for a commit that is being written, and lets go of the directory; what is there can be read still.
    pub(crate) fn close(&self) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.store.close();
    }

    /// Commits what has ended by now: waits for its outputs, and writes rows and positions as one record.
    ///
    /// `hurry` is told what counts the outputs that it waits for. Returns the positions that are safe now, and which commit it
    /// was; `None` if there was nothing to commit.
    pub(crate) async fn commit(&self, hurry: impl Fn(&Pending)) -> Result<Option<(Places, Mark)>> {
        let mut sequence = self.committing.lock().await;
        if self.broken.load(Acquire) {
            return Err(was_broken());
        }
        // What comes after a close is opened again for it.
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = false;
        let Some(mut cut) = self.protocol.cut() else { return Ok(None) };
        let unfinished = Unfinished(&self.broken);
        while !cut.pending.is_clear() && !planted::ignores_acknowledgements() {
            // Each time: a step that ended before the cut may be about to say what it sends.
            hurry(&cut.pending);
            // Acknowledgements come from the client's thread; a millisecond is far below any of their latencies.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Many rows are sorted: not on a thread that lanes run on.
        let protocol = self.protocol.clone();
        let collecting = tokio::task::spawn_blocking(move || {
            while !protocol.collect(&mut cut, SLICE) {}
            cut
        });
        let ended = |error| Error::caused(ErrorKind::Store, "the commit did not end", error);
        let mut cut = collecting.await.map_err(ended)?;
        let places = places(&cut.rows);
        let collected = std::mem::take(&mut cut.rows);
        let mut rows =
            collected.into_iter().map(|(row, value)| (row, value.map(Value::into_bytes))).collect();
        // Without positions there is nothing that another instance could go on with.
        let has_places = !places.is_empty();
        if has_places {
            self.instance.add_to(&mut rows);
        }
        for rows in planted::commits(rows) {
            self.write_commit(*sequence + 1, rows.into()).await?;
            *sequence += 1;
            planted::between().await;
        }
        if has_places {
            self.instance.is_committed();
        }
        self.protocol.committed(&cut);
        std::mem::forget(unfinished);
        let undrained = || self.undrained.lock().unwrap_or_else(PoisonError::into_inner);
        undrained().push_back((cut.generation, *sequence));
        self.let_go()?;
        self.changed.notify_waiters();
        Ok(Some((places, Mark { instance: self.instance.number, sequence: *sequence })))
    }

    /// Writes a commit. A full disk is waited for: lanes stop when the open generation is full as well. After any other
    /// failure it is tried once more, since the store was left as it was.
    async fn write_commit(&self, sequence: u64, rows: Arc<Vec<Row>>) -> Result<()> {
        const UNTIL_SPACE: Duration = Duration::from_millis(500);
        let mut failures = 0;
        loop {
            let (store, again) = (self.store.clone(), rows.clone());
            let (writing, broken) = (self.writing.clone(), self.broken.clone());
            let write = move || {
                let closed = writing.lock().unwrap_or_else(PoisonError::into_inner);
                // Another app may have this state by now.
                if *closed || broken.load(Acquire) {
                    return Err(was_broken());
                }
                store.commit(sequence, again)
            };
            let written = tokio::task::spawn_blocking(write).await;
            let error = match written {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(error) => Error::caused(ErrorKind::Store, "the commit did not end", error),
            };
            if error.kind() == ErrorKind::NoSpace {
                tracing::warn!(%error, "commits wait for space");
            } else {
                failures += 1;
                if failures > 1 {
                    return Err(error);
                }
                tracing::warn!(%error, "the commit is tried again");
            }
            tokio::time::sleep(UNTIL_SPACE).await;
        }
    }
}

impl Pages for State {
    fn page(&self, range: &Range<RowKey>, limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        self.store.page(&range.start, &range.end, limit, reverse, page)
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Ended { outcome, pending: None, wakes: outcome != Outcome::Blocked }
    }
}

/// A commit between its cut and its end. If it is dropped there, whatever comes later would have to go with it.
struct Unfinished<'a>(&'a AtomicBool);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}

fn was_broken() -> Error {
    let text =
        "nothing is committed any more, since an earlier commit failed or was cut off: restart the app";
    Error::new(ErrorKind::Store, text)
}

/// The positions among rows.
fn places(rows: &[(RowKey, Option<Value>)]) -> Places {
    let places = rows.iter().filter_map(|(row, value)| match value {
        Some(Value::Place(place)) => Some((place::name(row)?, *place)),
        _ => None,
    });
    places.collect()
}

/// What became of the step.
fn judged(ended: Ended) -> End {
    match ended.outcome {
        Outcome::Done => End::Stands(ended.pending),
        Outcome::Stale | Outcome::Blocked | Outcome::Unknown => End::Stale,
        Outcome::Superseded => End::Superseded,
    }
}
