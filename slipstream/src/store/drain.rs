//! Takes commits from the log into the engine, in slices that readers hardly notice; then the log's files go.

use super::commits::{Commits, lock};
use super::disk::{sync_path, sync_tree};
use super::engine::Engine;
use super::envelope;
use super::errors::{failed, rolled_back};
use super::fence;
use super::log::Log;
use super::manifest::Manifest;
use super::row::Row;
use super::signals::How;
use super::view::{OWN, View};
use crate::error::Result;
use std::path::Path;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long the engine is written to without a pause, and how long the pause is.
const SLICE: Duration = Duration::from_millis(2);

/// How many rows are given to the engine between two looks at the clock.
const ROWS: usize = 64;

/// How long commits are gathered, so that of a key that is written again and again only the newest value is drained.
const GATHERED: Duration = Duration::from_secs(1);

/// With so many runs a look-up has too many places to search.
const RUNS: usize = 24;

/// The row of the engine that says up to where it has all.
const DRAINED: &[u8] = &[OWN, b'd'];

impl Commits {
    /// The life of the drain's thread.
    pub(super) fn keep_draining(&self) {
        while self.rest() {
            let done = self.drain(How::InSlices);
            let mut signals = lock(&self.signals);
            if let Err(error) = done {
                let is_given_up = signals.failed(&error);
                tracing::warn!(%error, failures = signals.failures, "commits stay in the log of the state for now");
                if is_given_up {
                    // Damage is noted for the next start; the error itself is kept for those who commit.
                    let _ = self.noted::<()>(Err(error));
                }
            } else {
                signals.failures = 0;
            }
            drop(signals);
            self.changed.notify_all();
        }
    }

    pub(super) fn stop_draining(&self) {
        lock(&self.signals).stop = true;
        self.changed.notify_all();
    }

    /// Waits until there is enough to drain; longer after failures. `false`: it is to stop.
    fn rest(&self) -> bool {
        let started = Instant::now();
        let mut signals = lock(&self.signals);
        loop {
            let pause = match signals.failures {
                0 => GATHERED,
                failures => Duration::from_millis(20 << failures.min(8)),
            };
            let left = pause.saturating_sub(started.elapsed());
            let urgent = signals.failures == 0 && (self.is_over(4) || self.view().runs() > RUNS);
            if signals.stop || left.is_zero() || urgent {
                return !signals.stop;
            }
            let waited = self.changed.wait_timeout(signals, left);
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the undrained bytes are over this part of their cap.
    fn is_over(&self, part: usize) -> bool {
        self.home.as_ref().is_some_and(|home| self.view().bytes() > home.undrained_bytes / part)
    }

    /// Takes all that was committed so far into the engine. `false`: it was stopped, or somebody reads.
    pub(super) fn drain(&self, how: How) -> Result<bool> {
        let mut draining = lock(&self.draining);
        let view = {
            let mut writer = lock(&self.writer);
            let view = self.view();
            if view.runs() == 0 {
                return Ok(true);
            }
            writer.frozen = view.sequence;
            if let Some(files) = &mut writer.files {
                files.log.rotate();
            }
            view
        };
        if let Some(home) = &self.home {
            // An engine that is out of space may not even open again: it is left in peace until there is some.
            home.disk.room_for(0, &home.dir)?;
            // The engine syncs when it likes. After a loss of power it must have nothing that the log does not have.
            let synced = home.disk.step("sync the log").and_then(|()| sync_tree(&home.dir.join("log")));
            let synced = synced.and_then(|()| sync_path(&home.dir.join(fence::NAME)));
            synced.map_err(|error| failed("synced", &home.dir, error))?;
        }
        if draining.is_broken {
            view.engine.reopen()?;
            let have = view.engine.call(drained)?;
            if have < draining.drained {
                return Err(rolled_back(self.dir(), have, draining.drained));
            }
            draining.is_broken = false;
        }
        let filled = self.fill(&view, how);
        draining.is_broken = filled.is_err();
        if !filled? {
            return Ok(false);
        }
        let _tidying = lock(&self.tidying);
        if let Some(home) = &self.home {
            Manifest::new(home.engine, view.sequence).write(&home.dir, &home.disk)?;
        }
        draining.drained = view.sequence;
        let writer = lock(&self.writer);
        self.show(&writer, self.view().drained(view.sequence));
        drop(writer);
        if let Some(home) = &self.home
            && let Err(error) = Log::delete(&home.dir.join("log"), &home.disk, view.sequence)
        {
            tracing::warn!(%error, "a log file of the state stays a little longer than it is needed");
        }
        Ok(true)
    }

    /// Everything of a drain that can fail.
    fn fill(&self, view: &View, how: How) -> Result<bool> {
        while self.is_read_before(view.sequence) {
            if how == How::AtOnce || lock(&self.signals).stop {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let step = |what| match &self.home {
            Some(home) => home.disk.step(what).map_err(|error| failed("drained", &home.dir, error)),
            None => Ok(()),
        };
        let mut left = view.rows();
        let mut slice = Instant::now();
        loop {
            let rows: Vec<Row> = left.by_ref().take(ROWS).map(wrapped).collect();
            if rows.is_empty() {
                break;
            }
            step("put rows into the engine")?;
            view.engine.call(|engine| engine.put(&rows))?;
            if how == How::InSlices && slice.elapsed() >= SLICE {
                if lock(&self.signals).stop {
                    return Ok(false);
                }
                if !self.is_over(2) {
                    std::thread::sleep(SLICE);
                }
                slice = Instant::now();
            }
        }
        step("put the mark into the engine")?;
        let mark = envelope::wrap(DRAINED, &view.sequence.to_be_bytes());
        view.engine.call(|engine| engine.put(&[(DRAINED.into(), Some(mark))]))?;
        let Some(home) = &self.home else { return Ok(true) };
        step("sync the engine")?;
        view.engine.call(|engine| engine.sync(home.disk.durability))?;
        Ok(true)
    }

    fn dir(&self) -> &Path {
        self.home.as_ref().map_or(Path::new("memory"), |home| &home.dir)
    }
}

fn wrapped((key, value): &Row) -> Row {
    (key.clone(), value.as_ref().map(|value| envelope::wrap(key, value)))
}

/// Up to which commit the engine has all; 0 if it says nothing.
pub(super) fn drained(engine: &dyn Engine) -> Result<u64> {
    let Some(stored) = engine.get(DRAINED)? else { return Ok(0) };
    let value = envelope::unwrap(DRAINED, &stored)?;
    Ok(value.try_into().map_or(0, u64::from_be_bytes))
}
