//! Files as the store uses them: what is synced when, how much space must be left, and where tests break in.

use super::errors::failed;
use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The death of the process.
    Process,
    /// The death of the machine: synced to the disk.
    Power,
}

/// Called before each step of work on files. A test counts them, copies the directory, or answers with an error.
pub(crate) type Hook = Arc<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) durability: Durability,
    /// Commits are refused while less would be left.
    pub(crate) low_water_bytes: u64,
    pub(crate) hook: Option<Hook>,
}

impl Disk {
    pub(crate) fn step(&self, what: &'static str) -> io::Result<()> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(what))
    }

    /// Syncs a file, if commits are to survive the machine.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        self.step("sync a file")?;
        file.sync_data()
    }

    /// The same for a directory in which files were made.
    pub(crate) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        self.step("sync a directory")?;
        sync_dir(dir)
    }

    /// Writes a file anew, synced: at any moment it is the old one or the new one.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("tmp");
        self.step("write a new file")?;
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        self.step("sync a new file")?;
        file.sync_all()?;
        self.step("rename a new file")?;
        std::fs::rename(&new, path)?;
        self.step("sync the directory of a new file")?;
        path.parent().map_or(Ok(()), sync_dir)
    }

    /// Whether so much can be written without going below the mark.
    pub(crate) fn room_for(&self, bytes: u64, dir: &Path) -> Result<()> {
        let free = free_bytes(dir).map_err(|error| failed("written", dir, error))?;
        if free >= self.low_water_bytes.saturating_add(bytes) {
            return Ok(());
        }
        let text = format!(
            "there is no space left for the state in {}: {} MiB are free, and {} MiB are to stay so; make room",
            dir.display(),
            free >> 20,
            self.low_water_bytes >> 20
        );
        Err(Error::new(ErrorKind::NoSpace, text))
    }
}

#[cfg(unix)]
fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(dir)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Where it cannot be asked, the write itself will say.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    // A directory cannot be opened as a file elsewhere, nor need it be.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Syncs a file by its path, whoever has written it.
pub(super) fn sync_path(path: &Path) -> io::Result<()> {
    // Only there does a sync need the right to write.
    File::options().read(true).write(cfg!(windows)).open(path)?.sync_all()
}

/// Syncs all files and directories below this one.
pub(super) fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        match if path.is_dir() { sync_tree(&path) } else { sync_path(&path) } {
            // The engine may have taken away an old file meanwhile.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_dir(dir)
}

/// A directory for our files, which nobody else need read.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
