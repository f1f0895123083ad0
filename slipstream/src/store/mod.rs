//! The durable store below the state: rows of bytes, in commits that are there as a whole or not at all.
//!
//! A commit is one record in a log of our own, seen at once and drained into an engine behind; the engine need only be
//! ordered and fast. Nothing here knows of caches, steps or topics.
#![cfg_attr(not(feature = "sled"), allow(dead_code))] // without an engine that lasts there is only memory

mod budget;
mod commits;
mod disk;
mod drain;
mod engine;
mod envelope;
mod errors;
mod fence;
mod lock;
mod log;
mod manifest;
mod memory;
mod options;
mod page;
mod record;
mod recover;
mod row;
mod signals;
#[cfg(feature = "sled")]
mod sled;
mod view;

pub(crate) use budget::Budget;
pub(crate) use engine::Engine;
pub(crate) use options::StoreOptions;
pub(crate) use page::Page;
pub(crate) use row::{Row, RowKey, RowValue};

use crate::error::Result;
use commits::{Commits, lock};
use engine::Guarded;
use memory::Memory;
#[cfg(test)]
use signals::How;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use view::View;

/// The state of an app, on disk or in memory.
pub(crate) struct Store {
    /// Where it lies; in memory there is nothing to open.
    options: Option<StoreOptions>,
    opened: RwLock<Option<Opened>>,
}

/// An opened store with the thread that drains it.
struct Opened {
    commits: Arc<Commits>,
    thread: Option<JoinHandle<()>>,
}

/// The state as of one commit: it answers the same as long as it lives, and holds up the drain.
pub(crate) struct Snapshot {
    view: Arc<View>,
    /// Keeps the directory from being opened by somebody else; `None` if there is none.
    commits: Option<Arc<Commits>>,
}

impl Store {
    /// A store that ends with the process.
    pub(crate) fn in_memory() -> Self {
        let commits = Arc::new(Commits::in_memory(Guarded::of(Memory::default())));
        Store { options: None, opened: RwLock::new(Some(Opened { commits, thread: None })) }
    }

    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// If another process has it; or if it is damaged, lost or older than it was, and is not to be replayed.
    pub(crate) fn open(options: StoreOptions) -> Result<Self> {
        let store = Store::lazy(options);
        store.with(true, |_| Ok(()))?;
        Ok(store)
    }

    /// Fails if another process has this directory.
    pub(crate) fn is_free(dir: &std::path::Path, app: &str) -> Result<()> {
        lock::Lock::free(dir, app)
    }

    /// A store whose directory is made at the first commit, so that an app without state leaves no trace. If it is there
    /// it is read.
    pub(crate) fn lazy(options: StoreOptions) -> Self {
        Store { options: Some(options), opened: RwLock::default() }
    }

    /// Runs with the opened store. `None`: there is no directory, and none is to be made.
    fn with<T>(&self, make: bool, run: impl FnOnce(&Arc<Commits>) -> Result<T>) -> Result<Option<T>> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return run(&opened.commits).map(Some);
        }
        drop(opened);
        let Some(options) = &self.options else { return Ok(None) };
        if !make && !options.dir.exists() {
            return Ok(None);
        }
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let commits = match &*opened {
            Some(opened) => opened.commits.clone(),
            None => opened.insert(Opened::open(options)?).commits.clone(),
        };
        drop(opened);
        run(&commits).map(Some)
    }

    /// The number of the newest commit, 0 if there is none.
    pub(crate) fn sequence(&self) -> Result<u64> {
        Ok(self.with(false, |commits| Ok(commits.view().sequence))?.unwrap_or(0))
    }

    /// The value of a row.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        Ok(self.with(false, |commits| commits.noted(commits.view().get(key)))?.flatten())
    }

    /// The value of a row in the engine, for who has in memory what is not there yet.
    pub(crate) fn get_drained(&self, key: &[u8]) -> Result<Option<RowValue>> {
        Ok(self.with(false, |commits| commits.noted(view::get_drained(&commits.engine, key)))?.flatten())
    }

    /// All rows that are not in the engine yet, in order.
    pub(crate) fn undrained(&self) -> Result<Vec<Row>> {
        let rows = self.with(false, |commits| Ok(commits.view().rows().cloned().collect()))?;
        Ok(rows.unwrap_or_default())
    }

    /// Up to which commit all is in the engine.
    pub(crate) fn drained_to(&self) -> Result<u64> {
        Ok(self.with(false, |commits| Ok(commits.view().drained_to()))?.unwrap_or(0))
    }

    /// Up to `limit` rows of one commit, from `from` (inclusive) to `to` (exclusive; empty: to the end), in order, or in
    /// reverse order from the end.
    pub(crate) fn range(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(RowKey, RowValue)>> {
        let read = |commits: &Arc<Commits>| commits.noted(commits.view().range(from, to, limit, reverse));
        Ok(self.with(false, read)?.unwrap_or_default())
    }

    /// The same into a page.
    pub(crate) fn page(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
        page: &mut Page,
    ) -> Result<()> {
        let read =
            |commits: &Arc<Commits>| commits.noted(commits.view().page(from, to, limit, reverse, page));
        self.with(false, read).map(drop)
    }

    /// Writes the rows, all or none. Blocks while too much is not in the engine yet.
    ///
    /// # Errors
    /// After an error the store is as it was, and the same commit can be made again: `NoSpace` once there is some.
    pub(crate) fn commit(&self, sequence: u64, rows: impl Into<Arc<Vec<Row>>>) -> Result<()> {
        let rows = rows.into();
        self.with(true, |commits| commits.commit(sequence, rows)).map(drop)
    }

    /// The state as it is now, for as long as is needed.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let found = self
            .with(false, |commits| Ok(Snapshot { view: commits.view(), commits: Some(commits.clone()) }))?;
        Ok(found.unwrap_or_else(|| {
            let empty = View::new(0, Arc::new(Guarded::of(Memory::default())));
            Snapshot { view: Arc::new(empty), commits: None }
        }))
    }

    /// Reads everything there is and checks all checksums; the number of rows.
    pub(crate) fn verify(&self) -> Result<u64> {
        let counted = self.with(false, |commits| {
            if let Some(home) = &commits.home {
                let _tidying = lock(&commits.tidying);
                let _writer = lock(&commits.writer);
                recover::verify(home, commits.view().engine.call(drain::drained)?)?;
            }
            let view = commits.view();
            let (mut rows, mut from) = (0, Vec::new());
            loop {
                let page = view.range(&from, &[], 1024, false)?;
                let Some((last, _)) = page.last() else { return Ok(rows) };
                from = [&last[..], &[0]].concat();
                rows += page.len() as u64;
            }
        })?;
        Ok(counted.unwrap_or(0))
    }

    /// Lets go of the directory. What is not in the engine yet is in the log, and is drained when it is open again. Who
    /// reads later opens it again.
    pub(crate) fn close(&self) {
        if self.options.is_some() {
            drop(self.opened.write().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    #[cfg(test)]
    pub(crate) fn drain_now(&self) -> Result<bool> {
        Ok(self.with(false, |commits| commits.drain(How::AtOnce))?.unwrap_or(true))
    }
}

impl Opened {
    fn open(options: &StoreOptions) -> Result<Self> {
        let commits = Arc::new(recover::open(options)?);
        let mut opened = Opened { commits, thread: None };
        if options.has_drain {
            let commits = opened.commits.clone();
            let thread = std::thread::Builder::new().name("slipstream-drain".to_owned());
            let spawned = thread.spawn(move || commits.keep_draining());
            opened.thread = Some(spawned.map_err(|error| errors::failed("opened", &options.dir, error))?);
        }
        Ok(opened)
    }

    fn stop(&mut self) {
        self.commits.stop_draining();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what it could not do is still in the log
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Snapshot {
    #[cfg(test)]
    pub(crate) fn sequence(&self) -> u64 {
        self.view.sequence
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        self.noted(self.view.get(key))
    }

    fn noted<T>(&self, read: Result<T>) -> Result<T> {
        match &self.commits {
            Some(commits) => commits.noted(read),
            None => read,
        }
    }

    #[cfg(test)]
    pub(crate) fn range(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(RowKey, RowValue)>> {
        self.noted(self.view.range(from, to, limit, reverse))
    }

    /// The same into a page.
    pub(crate) fn page(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
        page: &mut Page,
    ) -> Result<()> {
        self.noted(self.view.page(from, to, limit, reverse, page))
    }
}

/// A name that rows may have: on disk it ends with a 0.
///
/// # Panics
/// If it is empty or has a 0 in it; for a static, when it is compiled.
#[track_caller]
pub(crate) const fn checked(name: &'static str) -> &'static str {
    assert!(!name.is_empty(), "a cache or a channel must have a name");
    let mut at = 0;
    while at < name.len() {
        assert!(name.as_bytes()[at] != 0, "the name of a cache or a channel has no character 0");
        at += 1;
    }
    name
}

/// The shard of rows that belong to no partition.
const NO_SHARD: [u8; 2] = [0, 0];

/// What all rows of a name start with.
pub(crate) fn prefix(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(prefix_length(name));
    prefix_into(name, &mut out);
    out
}

/// How long that is.
pub(crate) fn prefix_length(name: &str) -> usize {
    name.len() + 1 + NO_SHARD.len()
}

pub(crate) fn prefix_into(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out.extend_from_slice(&NO_SHARD);
}

/// The first key after all that start with this prefix.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    end
}

#[cfg(test)]
mod tests;
