//! Opens a state directory: what the manifest, the fence, the log and the engine say must fit together.

use super::commits::{Commits, DAMAGED, Files, Home};
use super::disk::{Disk, make_private};
use super::drain::drained;
use super::engine::Guarded;
use super::errors::{damaged, failed, lost, rolled_back};
use super::fence::{self, Fence};
use super::lock::Lock;
use super::log::{self, Log, Mark};
use super::manifest::{self, Manifest};
use super::options::{OnLoss, StoreOptions};
use super::record::Record;
use super::view::{Run, View};
use crate::error::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Opens the directory; if it is lost and is to be replayed, a new one in its place.
pub(super) fn open(options: &StoreOptions) -> Result<Commits> {
    let lock = take(options)?;
    match locked(options, lock.clone()) {
        Err(error) if options.on_loss == OnLoss::Replay && is_loss(&error) => {
            // Locked as it is, so that nobody else does the same.
            move_aside(&options.dir, &error)?;
            let opened = locked(options, take(options)?);
            drop(lock);
            opened
        }
        opened => opened,
    }
}

fn take(options: &StoreOptions) -> Result<Arc<Lock>> {
    make_private(&options.dir).map_err(|error| failed("made", &options.dir, error))?;
    Ok(Arc::new(Lock::take(&options.dir, &options.app)?))
}

fn is_loss(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::StateLost | ErrorKind::StateRolledBack)
}

/// Makes room for a new start; nothing is deleted.
fn move_aside(dir: &Path, error: &Error) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let names = (now..).map(|second| dir.with_added_extension(format!("lost-{second}")));
    let aside = names.into_iter().find(|path| !path.exists()).unwrap_or_default();
    std::fs::rename(dir, &aside).map_err(|error| failed("moved aside", dir, error))?;
    tracing::warn!(
        %error,
        moved_to = %aside.display(),
        "the state is lost: it starts empty, and is made again from what the sources still have"
    );
    Ok(())
}

fn locked(options: &StoreOptions, lock: Arc<Lock>) -> Result<Commits> {
    let dir = &options.dir;
    if dir.join(DAMAGED).exists() {
        return Err(damaged(dir, "a damaged row was found when it was read"));
    }
    let disk = Disk {
        durability: options.durability,
        low_water_bytes: options.low_water_bytes,
        hook: options.hook.clone(),
    };
    let log_dir = dir.join("log");
    let engine_dir = dir.join(options.engine.name);
    let manifest = match Manifest::read(dir)? {
        Some(manifest) => manifest,
        None => make(options, &disk, &log_dir, &engine_dir)?,
    };
    if manifest.engine != options.engine.name {
        let text = format!(
            "the state in {} was written with the engine `{}`, and this app has `{}`: build it with the same, or \
             give it another `state.dir`",
            dir.display(),
            manifest.engine,
            options.engine.name
        );
        return Err(Error::new(ErrorKind::Store, text));
    }
    for (there, path) in [
        (dir.join(fence::NAME).exists(), dir.join(fence::NAME)),
        (log_dir.is_dir(), log_dir.clone()),
        (engine_dir.is_dir() || manifest.drained == 0, engine_dir.clone()),
    ] {
        if !there {
            return Err(lost(&path));
        }
    }
    let fence = Fence::open(dir, &disk)?;
    make_private(&engine_dir).map_err(|error| failed("made", &engine_dir, error))?;
    let engine = Arc::new(Guarded::open(options.engine.clone(), engine_dir.clone())?);
    let have = engine.call(drained)?;
    if have == 0 && manifest.drained > 0 {
        return Err(lost(&engine_dir));
    }
    let found = Found::read(&log_dir, have.min(manifest.drained))?;
    let newest = found.newest().max(have);
    found.fits(&log_dir, have, &manifest, &fence.mark, newest)?;
    found.repair(&log_dir, &disk).map_err(|error| failed("repaired", &log_dir, error))?;
    let last = found.last.unwrap_or(Mark { sequence: newest, ..fence.mark });
    let mut files = Files { log: Log::new(log_dir, disk.clone(), last), fence, is_lost: false };
    if newest > files.fence.mark.sequence {
        // It was written and not acknowledged; from now on it is there.
        files.fence.advance(last).map_err(|error| failed("written", dir, error))?;
    }
    let mut view = View::new(have.min(manifest.drained), engine);
    for record in found.records {
        view = view.with(Run::new(record.sequence, record.rows.into()), 0);
    }
    view.sequence = newest;
    let home = Home {
        dir: dir.clone(),
        disk,
        engine: options.engine.name,
        undrained_bytes: options.undrained_bytes,
        on_loss: options.on_loss,
        _lock: lock,
    };
    Ok(Commits::new(view, Some(files), manifest.drained, Some(home)))
}

/// Makes an empty store. The manifest comes last but for the engine: without it there has never been a commit.
fn make(options: &StoreOptions, disk: &Disk, log_dir: &Path, engine_dir: &Path) -> Result<Manifest> {
    let dir = &options.dir;
    let has_fence = dir.join(fence::NAME).exists();
    let has_commits = has_fence && Fence::open(dir, disk)?.mark.sequence > 0;
    let has_log =
        log_dir.is_dir() && !log::files(log_dir).map_err(|error| failed("read", log_dir, error))?.is_empty();
    if has_commits || has_log || engine_dir.exists() {
        return Err(lost(&dir.join(manifest::NAME)));
    }
    let made = make_private(log_dir).and_then(|()| dir.parent().map_or(Ok(()), |above| disk.sync_dir(above)));
    made.map_err(|error| failed("made", log_dir, error))?;
    Fence::make(dir, disk)?;
    let manifest = Manifest::new(options.engine.name, 0);
    manifest.write(dir, disk)?;
    Ok(manifest)
}

/// What the log holds that the engine may not have.
#[derive(Default)]
struct Found {
    records: Vec<Record>,
    /// Where each of them stands.
    marks: Vec<Mark>,
    /// The newest record, also if the engine has it.
    last: Option<Mark>,
    /// A file whose end is no record, and how long it is without it.
    torn: Option<(u64, u64)>,
}

impl Found {
    fn read(dir: &Path, from: u64) -> Result<Self> {
        let files = log::files(dir).map_err(|error| failed("read", dir, error))?;
        let mut found = Found::default();
        for (at, first) in files.iter().enumerate() {
            let next = files.get(at + 1);
            if next.is_some_and(|next| *next <= from + 1) {
                continue; // all of it is in the engine: it was to be deleted
            }
            let path = log::path(dir, *first);
            if found.last.is_some_and(|last| last.sequence + 1 != *first) {
                return Err(damaged(&path, "the log file before it ends too early, or is missing"));
            }
            let (records, good) = log::read(dir, *first)?;
            if next.is_some() && (good.is_some() || records.is_empty()) {
                return Err(damaged(&path, "a commit in it is not what was written"));
            }
            let torn = good.or((records.is_empty()).then_some(0));
            found.torn = torn.map(|good| (*first, good));
            for record in records {
                let follows = found.last.is_none_or(|last| last.hash == record.before);
                if !follows {
                    return Err(damaged(&path, "it does not follow the log file before it"));
                }
                let mark =
                    Mark { sequence: record.sequence, file: *first, end: record.end, hash: record.hash };
                found.last = Some(mark);
                if record.sequence > from {
                    found.marks.push(mark);
                    found.records.push(record);
                }
            }
        }
        Ok(found)
    }

    fn newest(&self) -> u64 {
        self.last.map_or(0, |last| last.sequence)
    }

    /// Whether engine and log make up one commit, and no older one than there has been.
    fn fits(&self, dir: &Path, have: u64, manifest: &Manifest, fence: &Mark, newest: u64) -> Result<()> {
        let expected = manifest.drained.max(fence.sequence);
        let begins = self.records.first().map_or(have + 1, |record| record.sequence);
        if newest < expected || begins > have + 1 {
            return Err(rolled_back(
                dir,
                if begins > have + 1 { have } else { newest },
                expected.max(begins - 1),
            ));
        }
        // A drain syncs the fence first: one that is behind the engine has gone back, and no longer says how far the log
        // must come.
        if fence.sequence < have {
            return Err(rolled_back(dir, fence.sequence, have));
        }
        // The engine is ahead, and the rest of the log would hide newer rows.
        if !self.records.is_empty() && self.newest() < have {
            return Err(rolled_back(dir, self.newest(), have));
        }
        let fenced = self.marks.iter().find(|mark| mark.sequence == fence.sequence);
        if fenced.is_some_and(|mark| mark != fence) {
            return Err(damaged(&log::path(dir, fence.file), "it is not the log that was written last"));
        }
        Ok(())
    }

    /// Takes away what was never acknowledged.
    fn repair(&self, dir: &Path, disk: &Disk) -> std::io::Result<()> {
        let Some((first, good)) = self.torn else { return Ok(()) };
        let path = log::path(dir, first);
        tracing::warn!(file = %path.display(), "the end of the log was torn: a commit was cut off before it was one");
        disk.step("cut off a torn record")?;
        if good == 0 {
            return std::fs::remove_file(path);
        }
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(good)?;
        disk.sync(&file)
    }
}

/// Reads the files beside the engine, which has all up to `have`, and checks them.
#[allow(dead_code)] // as `Store::verify`
pub(super) fn verify(home: &Home, have: u64) -> Result<()> {
    let dir = &home.dir;
    let log_dir = dir.join("log");
    let manifest = Manifest::read(dir)?.ok_or_else(|| lost(&dir.join(manifest::NAME)))?;
    let fence = Fence::open(dir, &home.disk)?;
    let found = Found::read(&log_dir, have.min(manifest.drained))?;
    found.fits(&log_dir, have, &manifest, &fence.mark, found.newest().max(have))
}
