//! Drives the protocol: reads through to the store, waits for holds, writes commits.

use super::protocol::{Lookup, Outcome, Pending, Place, PlaceKey, Protocol, Txn};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{self, Row, RowKey, Store};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The names of rows that are not a cache's. A cache's name cannot start with this.
pub(crate) const RESERVED: &str = "slipstream/";
const PLACES: &str = "slipstream/places";

/// Above this the open generation makes lanes wait before their next step.
const OPEN_BYTES: usize = 64 * 1024 * 1024;

/// All state of an app: what steps wrote, and the store behind it.
pub(crate) struct State {
    protocol: Protocol,
    store: Arc<Store>,
    /// Told whenever a hold may have been released or a commit has ended.
    changed: Notify,
    /// Told when a commit is wanted before its time.
    pub(crate) wanted: Notify,
    committing: tokio::sync::Mutex<()>,
}

impl State {
    pub(crate) fn open(store: Arc<Store>) -> Result<Self> {
        Ok(State {
            protocol: Protocol::after(store.sequence()?),
            store,
            changed: Notify::new(),
            wanted: Notify::new(),
            committing: tokio::sync::Mutex::new(()),
        })
    }

    pub(crate) fn begin(&self) -> Txn {
        self.protocol.begin()
    }

    /// Reads a row as the step sees it: its own writes, then what ended steps wrote.
    pub(crate) fn read(&self, txn: &mut Txn, row: &RowKey) -> Result<Option<Bytes>> {
        match self.protocol.read(txn, row) {
            Lookup::Known(value) => Ok(value),
            // A commit may land between the look-up and this read. Then the row is newer than the read claims, and
            // the check at the end says so.
            Lookup::Load => self.store.get(row),
        }
    }

    /// A page of rows in order, as the step sees them: at least one row, if there are any from `from` on.
    pub(crate) fn page(&self, txn: Option<&Txn>, from: &RowKey, to: &RowKey) -> Result<Vec<(RowKey, Bytes)>> {
        const PAGE: usize = 256;
        let mut from = from.clone();
        loop {
            let overlay = self.protocol.scan(&from, to);
            let stored = self.store.range(&from, to, PAGE, false)?;
            // What lies behind a full page of the store belongs to the next one.
            let end = if stored.len() == PAGE { stored.last().map(|(row, _)| row.clone()) } else { None };
            let mut rows: BTreeMap<RowKey, Option<Bytes>> =
                stored.into_iter().map(|(row, value)| (row, Some(value))).collect();
            let own = txn.into_iter().flat_map(|txn| txn.writes.range(from.clone()..to.clone()));
            let own = own.map(|(row, value)| (row.clone(), value.clone()));
            for (row, value) in overlay.into_iter().chain(own) {
                if end.as_ref().is_none_or(|end| row <= *end) {
                    rows.insert(row, value);
                }
            }
            let rows: Vec<_> = rows.into_iter().filter_map(|(row, value)| Some((row, value?))).collect();
            match end {
                Some(end) if rows.is_empty() => from = next(&end),
                _ => return Ok(rows),
            }
        }
    }

    /// Holds what the step touched, so that it cannot conflict any more. `false`: it is stale, and runs again.
    pub(crate) async fn hold(&self, txn: &mut Txn) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.protocol.hold(txn) {
                Outcome::Done => return true,
                Outcome::Stale => {
                    self.changed.notify_waiters();
                    return false;
                }
                Outcome::Blocked => changed.await,
            }
        }
    }

    /// Ends a step. `None`: it is stale, and runs again.
    pub(crate) async fn end(
        &self,
        txn: &mut Txn,
        places: &[(PlaceKey, Place)],
        outputs: usize,
    ) -> Option<Pending> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.protocol.end(txn, places, outputs) {
                (Outcome::Done, pending) => {
                    self.changed.notify_waiters();
                    return Some(pending);
                }
                (Outcome::Stale, _) => {
                    self.changed.notify_waiters();
                    return None;
                }
                (Outcome::Blocked, _) => changed.await,
            }
        }
    }

    /// Ends a step that is made of one closure, from outside of any lane: it is made again while others interfere.
    pub(crate) fn outside<T>(&self, mut run: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        const PATIENCE: Duration = Duration::from_secs(5);
        use tokio::runtime::{Handle, RuntimeFlavor};
        // On the only thread of a runtime, what holds the key would wait for this.
        let only = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
        let mut txn = self.begin();
        let started = std::time::Instant::now();
        loop {
            let value = run(&mut txn)?;
            match self.protocol.end(&mut txn, &[], 0).0 {
                Outcome::Done => {
                    self.changed.notify_waiters();
                    return Ok(value);
                }
                Outcome::Stale => {}
                Outcome::Blocked => {
                    self.protocol.abandon(&mut txn);
                    if only || started.elapsed() > PATIENCE {
                        return Err(Error::new(
                            ErrorKind::Misuse,
                            "the key is held by a step that has not ended: write it from a handler instead",
                        ));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    pub(crate) fn abandon(&self, txn: &mut Txn) {
        self.protocol.abandon(txn);
        self.changed.notify_waiters();
    }

    /// Whether what a failed step read still stands: if not, its failure is a conflict and nothing else.
    pub(crate) fn still_stands(&self, txn: &mut Txn) -> bool {
        txn.is_idle() || self.protocol.check(txn) == Outcome::Done
    }

    /// Lets go of the store's directory; its rows can still be read.
    pub(crate) fn close(&self) -> Result<()> {
        self.store.close()
    }

    /// The position of a handler in a partition.
    pub(crate) fn place(&self, key: &str) -> Result<Option<Place>> {
        if let Some(place) = self.protocol.place(key) {
            return Ok(Some(place));
        }
        Ok(self.store.get(&place_row(key))?.and_then(|bytes| decode_place(&bytes)))
    }

    /// The names of all stored positions that start like this.
    pub(crate) fn places_named(&self, start: &str) -> Result<Vec<String>> {
        let from = place_row(start);
        let rows = self.store.range(&from, &store::after(&from), usize::MAX, false)?;
        let names = rows
            .iter()
            .map(|(row, _)| String::from_utf8_lossy(&row[store::prefix(PLACES).len()..]).into_owned());
        Ok(names.collect())
    }

    /// Moves positions in a step of their own.
    pub(crate) fn move_places(&self, places: &[(PlaceKey, Place)]) {
        // It reads and writes no row: nothing can be in its way.
        let _ = self.protocol.end(&mut Txn::default(), places, 0);
        self.changed.notify_waiters();
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
        self.protocol.open_bytes() <= OPEN_BYTES
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

    /// Commits what has ended by now: waits for its outputs, and writes rows and positions as one batch.
    ///
    /// Returns the positions that are safe now; `None` if there was nothing to commit.
    pub(crate) async fn commit(&self) -> Result<Option<BTreeMap<PlaceKey, Place>>> {
        let _one_at_a_time = self.committing.lock().await;
        let Some(cut) = self.protocol.cut() else { return Ok(None) };
        while !cut.pending.is_clear() {
            // Acknowledgements come from the client's thread; a millisecond is far below any of their latencies.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut rows: Vec<Row> = Vec::with_capacity(cut.rows.len() + cut.places.len());
        rows.extend(cut.rows.iter().map(|(row, cell)| (row.clone(), cell.value.clone())));
        rows.extend(cut.places.iter().map(|(key, place)| (place_row(key), Some(encode_place(*place)))));
        let store = self.store.clone();
        let written = tokio::task::spawn_blocking(move || store.commit(cut.sequence, rows)).await;
        written.map_err(|error| Error::caused(ErrorKind::Store, "the commit did not end", error))??;
        self.protocol.committed();
        self.changed.notify_waiters();
        Ok(Some(cut.places))
    }
}

fn next(row: &RowKey) -> RowKey {
    let mut next = row.to_vec();
    next.push(0);
    next.into()
}

fn place_row(key: &str) -> RowKey {
    let mut row = store::prefix(PLACES);
    row.extend(key.as_bytes());
    row.into()
}

fn encode_place(place: Place) -> Bytes {
    let mut out = place.offset.to_be_bytes().to_vec();
    out.extend(place.yields.to_be_bytes());
    out.into()
}

fn decode_place(bytes: &[u8]) -> Option<Place> {
    let (offset, rest) = bytes.split_first_chunk()?;
    let (yields, _) = rest.split_first_chunk()?;
    Some(Place { offset: i64::from_be_bytes(*offset), yields: u32::from_be_bytes(*yields) })
}
