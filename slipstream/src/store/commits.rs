//! An opened store: commits go into the log and are seen at once; the drain takes them into the engine behind.

use super::disk::Disk;
use super::engine::Guarded;
use super::errors::failed;
use super::fence::Fence;
use super::lock::Lock;
use super::log::Log;
use super::options::OnLoss;
use super::row::Row;
use super::signals::{Draining, How, Signals};
use super::view::{OWN, Run, View};
use crate::error::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

pub(super) struct Commits {
    pub(super) engine: Arc<Guarded>,
    view: RwLock<Arc<View>>,
    /// Views of before that somebody may still read from, each with its sequence.
    older: Mutex<Vec<(u64, Weak<View>)>>,
    pub(super) writer: Mutex<Writer>,
    pub(super) draining: Mutex<Draining>,
    /// Held while the manifest is written and log files go: who has it sees both as they belong together.
    pub(super) tidying: Mutex<()>,
    pub(super) signals: Mutex<Signals>,
    /// Told when the signals or the number of undrained bytes have changed.
    pub(super) changed: Condvar,
    pub(super) home: Option<Home>,
}

/// Where a store lies that outlives the process.
pub(super) struct Home {
    pub(super) dir: PathBuf,
    pub(super) disk: Disk,
    pub(super) engine: &'static str,
    pub(super) undrained_bytes: usize,
    pub(super) on_loss: OnLoss,
    pub(super) _lock: Arc<Lock>,
}

pub(super) struct Writer {
    pub(super) files: Option<Files>,
    /// Up to here runs are being drained.
    pub(super) frozen: u64,
}

pub(super) struct Files {
    pub(super) log: Log,
    pub(super) fence: Fence,
    /// A failed write could not be taken back either: what is in the files is not what we think.
    pub(super) is_lost: bool,
}

/// A file that is there once a damaged row was read: such a state opens well, and would only be left again.
pub(super) const DAMAGED: &str = "DAMAGED";

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commits {
    pub(super) fn new(view: View, files: Option<Files>, drained: u64, home: Option<Home>) -> Self {
        Commits {
            engine: view.engine.clone(),
            view: RwLock::new(Arc::new(view)),
            older: Mutex::default(),
            writer: Mutex::new(Writer { files, frozen: 0 }),
            draining: Mutex::new(Draining { drained, is_broken: false }),
            tidying: Mutex::default(),
            signals: Mutex::default(),
            changed: Condvar::new(),
            home,
        }
    }

    pub(super) fn in_memory(engine: Guarded) -> Self {
        Commits::new(View::new(0, Arc::new(engine)), None, 0, None)
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows readers another view; by who holds the writer.
    pub(super) fn show(&self, _: &Writer, view: View) {
        let old = std::mem::replace(
            &mut *self.view.write().unwrap_or_else(PoisonError::into_inner),
            Arc::new(view),
        );
        let mut older = lock(&self.older);
        older.push((old.sequence, Arc::downgrade(&old)));
        drop(old);
        older.retain(|(_, view)| view.strong_count() > 0);
    }

    /// Passes on what was read; damage is noted, if the state is to be replayed at the next start.
    pub(super) fn noted<T>(&self, read: Result<T>) -> Result<T> {
        if let (Err(error), Some(home)) = (&read, &self.home)
            && error.kind() == ErrorKind::Corrupt
            && home.on_loss == OnLoss::Replay
        {
            // If it cannot be noted, the row is found again.
            let _ = std::fs::write(home.dir.join(DAMAGED), "");
        }
        read
    }

    /// Whether somebody reads from a view that does not have all commits up to this one.
    pub(super) fn is_read_before(&self, sequence: u64) -> bool {
        lock(&self.older).iter().any(|(of, view)| *of < sequence && view.strong_count() > 0)
    }

    /// Commits rows: all or none, and readers see them when it returns.
    pub(super) fn commit(&self, sequence: u64, mut rows: Arc<Vec<Row>>) -> Result<()> {
        if !rows.is_sorted_by(|one, next| one.0 < next.0) {
            Arc::make_mut(&mut rows).sort_by(|one, next| one.0.cmp(&next.0));
        }
        let twice = rows.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if twice || rows.first().is_some_and(|(key, _)| key.first().is_none_or(|first| *first == OWN)) {
            let text = "a commit has each row once, and each row belongs to something that has a name";
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        self.wait_for_room()?;
        let mut writer = lock(&self.writer);
        let view = self.view();
        if sequence != view.sequence + 1 {
            let text =
                format!("commit {sequence} does not follow {}: is there another writer?", view.sequence);
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        if let (Some(files), Some(home)) = (&mut writer.files, &self.home) {
            files.append(sequence, &rows, home)?;
        }
        self.show(&writer, view.with(Run::new(sequence, rows), writer.frozen));
        drop((writer, view));
        match &self.home {
            Some(_) => self.changed.notify_all(),
            // In memory nothing can fail, and where somebody still reads it is done with a later commit.
            None => drop(self.drain(How::AtOnce)?),
        }
        Ok(())
    }

    /// Waits while too much is not in the engine yet.
    fn wait_for_room(&self) -> Result<()> {
        let Some(home) = &self.home else { return Ok(()) };
        let mut signals = lock(&self.signals);
        loop {
            if let Some(error) = signals.given_up() {
                return Err(error);
            }
            if self.view().bytes() <= home.undrained_bytes {
                return Ok(());
            }
            let waited = self.changed.wait_timeout(signals, Duration::from_millis(100));
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Files {
    /// Writes one commit into the log, and moves the fence; or leaves both as they were.
    fn append(&mut self, sequence: u64, rows: &[Row], home: &Home) -> Result<()> {
        if self.is_lost {
            let text = format!(
                "the state in {} cannot be written after a write that failed and could not be taken back: restart \
                 the app",
                home.dir.display()
            );
            return Err(Error::new(ErrorKind::Store, text));
        }
        home.disk.room_for(0, &home.dir)?;
        let (error, back) = match self.log.append(sequence, rows) {
            Ok(mark) => match self.fence.advance(mark) {
                Ok(()) => {
                    self.log.accept(mark);
                    return Ok(());
                }
                Err(error) => {
                    let back = self.fence.take_back().and_then(|()| self.log.take_back());
                    (failed("written", &home.dir, error), back)
                }
            },
            Err(error) => (error, self.log.take_back()),
        };
        self.is_lost = back.is_err();
        Err(error)
    }
}
