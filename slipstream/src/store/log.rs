//! The files of the commit log: appended to, read at opening, and deleted when the engine has all that is in them.

use super::disk::Disk;
use super::errors::{damaged, failed, newer};
use super::record::{self, Flaw, Record};
use super::row::Row;
use crate::error::Result;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A larger file is followed by a new one, so that files can go.
const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Where a record stands: what the fence remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence: u64,
    /// The first sequence of its file.
    pub(super) file: u64,
    /// Where it ends in it.
    pub(super) end: u64,
    pub(super) hash: u64,
}

pub(super) struct Log {
    dir: PathBuf,
    disk: Disk,
    /// After opening there is none: what was written before is not touched again.
    file: Option<Open>,
    pub(super) last: Mark,
}

/// The file that is appended to.
struct Open {
    first: u64,
    file: File,
    /// How long it is with all commits that went well.
    length: u64,
}

impl Log {
    pub(super) fn new(dir: PathBuf, disk: Disk, last: Mark) -> Self {
        Log { dir, disk, file: None, last }
    }

    /// Writes a commit, which counts when it is accepted.
    pub(super) fn append(&mut self, sequence: u64, rows: &[Row]) -> Result<Mark> {
        let (bytes, hash) = record::encode(sequence, self.last.hash, rows)?;
        let place = self.write(sequence, &bytes).map_err(|error| failed("written", &self.dir, error))?;
        Ok(Mark { sequence, file: place.0, end: place.1, hash })
    }

    fn write(&mut self, sequence: u64, bytes: &[u8]) -> io::Result<(u64, u64)> {
        self.file = self.file.take().filter(|open| open.length < FILE_BYTES);
        let is_new = self.file.is_none();
        let open = match &mut self.file {
            Some(open) => open,
            none => {
                self.disk.step("make a log file")?;
                let path = path(&self.dir, sequence);
                let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
                none.insert(Open { first: sequence, file, length: 0 })
            }
        };
        open.file.seek(SeekFrom::Start(open.length))?;
        self.disk.step("append to the log")?;
        open.file.write_all(bytes)?;
        self.disk.sync(&open.file)?;
        if is_new {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok((open.first, open.length + bytes.len() as u64))
    }

    /// What was appended is a commit now.
    pub(super) fn accept(&mut self, mark: Mark) {
        self.last = mark;
        if let Some(open) = &mut self.file {
            open.length = mark.end;
        }
    }

    /// What was appended was none. The next one begins a new file: after an error nobody knows what is in this one's
    /// cached pages.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        let Some(open) = self.file.take() else { return Ok(()) };
        self.disk.step("take back a record")?;
        // Not synced: if the machine dies now, the commit is there, or it is not.
        open.file.set_len(open.length)
    }

    /// Lets the next record begin a new file, so that those before can go.
    pub(super) fn rotate(&mut self) {
        self.file = None;
    }

    /// Deletes the files that hold nothing behind this sequence; the caller has seen to it that no file holds both.
    pub(super) fn delete(dir: &Path, disk: &Disk, drained: u64) -> io::Result<()> {
        for first in files(dir)?.into_iter().filter(|first| *first <= drained) {
            disk.step("delete a log file")?;
            std::fs::remove_file(path(dir, first))?;
        }
        Ok(())
    }
}

/// The numbers of all log files, in order.
pub(super) fn files(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}"))
}

/// All good records from the start of a file, and where a damaged one begins.
pub(super) fn read(dir: &Path, first: u64) -> Result<(Vec<Record>, Option<u64>)> {
    let path = path(dir, first);
    let file = std::fs::read(&path).map_err(|error| failed("read", &path, error))?;
    let (mut records, mut at) = (Vec::<Record>::new(), 0);
    while at < file.len() {
        match record::decode(&file, at) {
            Ok(record) => {
                let follows = match records.last() {
                    Some(last) => record.sequence == last.sequence + 1,
                    None => record.sequence == first,
                };
                if !follows {
                    return Err(damaged(&path, "its commits do not follow each other"));
                }
                at = record.end as usize;
                records.push(record);
            }
            Err(Flaw::Damaged) => return Ok((records, Some(at as u64))),
            Err(Flaw::Newer(version)) => return Err(newer(&path, version)),
        }
    }
    Ok((records, None))
}
