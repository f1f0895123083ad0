//! Rows in sled, the default engine. It is used for what it does well: single inserts and ordered reads. Its batches,
//! which stop every reader of the process, and its blob files, which it never syncs, are not used.

use super::disk::{Durability, sync_tree};
use super::engine::{Engine, EngineKind};
use super::errors::{damaged, failed};
use super::page::Page;
use super::row::{Row, RowValue};
use crate::error::{Error, ErrorKind, Result};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Larger values are cut into parts of this size. A page of sled that is larger than 128 KiB becomes a blob file, and
/// a page may have some 20 rows.
const PART_BYTES: usize = 4096;

/// How long its own lock is waited for: after a close its threads let go of it a little later. Nobody else can have
/// it, since the directory above is locked by us.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Behind each value's first byte is the value, or how many parts it has.
const WHOLE: u8 = 0;
const IN_PARTS: u8 = 1;

/// Keeps rows in one tree of a sled database, and the parts of large values in another.
pub(crate) struct Sled {
    rows: sled::Tree,
    parts: sled::Tree,
    db: sled::Db,
    path: PathBuf,
}

/// With a page cache of so many bytes; its memory is a multiple of it.
pub(crate) fn kind(page_cache: usize) -> EngineKind {
    EngineKind { name: "sled", open: Arc::new(move |path| Ok(Box::new(Sled::open(path, page_cache)?))) }
}

impl Sled {
    /// Opens the database in this directory, or makes it.
    pub(crate) fn open(path: &Path, page_cache: usize) -> Result<Self> {
        let started = Instant::now();
        loop {
            let config = sled::Config::new().path(path).cache_capacity(page_cache as u64);
            let config = config.flush_every_ms(Some(500));
            // A thread of its own: sled panics on some damaged files, and what it leaves behind then ends with it.
            let opening = std::thread::Builder::new().name("slipstream-sled".to_owned()).spawn(move || {
                let db = config.open()?;
                Ok((db.open_tree("rows")?, db.open_tree("parts")?, db))
            });
            let opening = opening.map_err(|error| failed("opened", path, error))?;
            match opening.join() {
                Ok(Ok((rows, parts, db))) => return Ok(Sled { rows, parts, db, path: path.to_owned() }),
                // sled wraps the refused lock in an error of another kind; its text is all that tells.
                Ok(Err(sled::Error::Io(error))) if error.to_string().contains("acquire lock") => {
                    if started.elapsed() > LOCK_PATIENCE {
                        let text =
                            format!("the state in {} is in use: stop the other process", path.display());
                        return Err(Error::caused(ErrorKind::Store, text, error));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(Err(error)) => return Err(wrong("opened", path, error)),
                Err(_) => return Err(damaged(path, "sled panicked when it opened it")),
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    fn wrong(&self, doing: &str, error: sled::Error) -> Error {
        wrong(doing, &self.path, error)
    }

    /// Appends the value behind what is stored for a row.
    fn whole(&self, key: &[u8], stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match stored.split_first() {
            Some((&WHOLE, value)) => out.extend_from_slice(value),
            Some((&IN_PARTS, _)) => {
                for index in 0..parts_of(stored) {
                    let part =
                        self.parts.get(part_key(key, index)).map_err(|error| self.wrong("read", error))?;
                    out.extend_from_slice(&part.ok_or_else(|| self.lost_part())?);
                }
            }
            _ => return Err(self.lost_part()),
        }
        Ok(())
    }

    fn lost_part(&self) -> Error {
        damaged(&self.path, "a large value has lost a part")
    }

    fn write(&self, key: &[u8], value: Option<&[u8]>) -> sled::Result<()> {
        let (old, parts) = match value {
            None => (self.rows.remove(key)?, 0),
            Some(value) if value.len() <= PART_BYTES => {
                let mut stored = Vec::with_capacity(1 + value.len());
                stored.push(WHOLE);
                stored.extend_from_slice(value);
                (self.rows.insert(key, stored)?, 0)
            }
            Some(value) => {
                let mut parts = 0_u32;
                for part in value.chunks(PART_BYTES) {
                    self.parts.insert(part_key(key, parts), part)?;
                    parts += 1;
                }
                let mut stored = vec![IN_PARTS];
                stored.extend(parts.to_be_bytes());
                (self.rows.insert(key, stored)?, parts)
            }
        };
        // A crash before this leaves parts that nobody reads: they cost space, and no more.
        for index in parts..old.map_or(0, |old| parts_of(&old)) {
            self.parts.remove(part_key(key, index))?;
        }
        Ok(())
    }
}

fn parts_of(stored: &[u8]) -> u32 {
    match stored.split_first() {
        Some((&IN_PARTS, count)) => count.try_into().map_or(0, u32::from_be_bytes),
        _ => 0,
    }
}

/// With the key's length first, so that no key's parts are within those of another.
fn part_key(key: &[u8], index: u32) -> Vec<u8> {
    let mut out = (key.len() as u64).to_be_bytes().to_vec();
    out.extend_from_slice(key);
    out.extend(index.to_be_bytes());
    out
}

fn wrong(doing: &str, path: &Path, error: sled::Error) -> Error {
    use sled::Error::{Corruption, Io, ReportableBug, Unsupported};
    match error {
        Io(error) if error.raw_os_error().is_some() || is_copy(&error) => failed(doing, path, error),
        // An I/O error that is not the system's is what sled says about bytes that it cannot make sense of.
        Io(_) | Corruption { .. } | Unsupported(_) | ReportableBug(_) => {
            damaged(path, "sled found bytes that it did not write")
        }
        error => {
            let text = format!("the state in {} could not be {doing}", path.display());
            Error::caused(ErrorKind::Store, text, error)
        }
    }
}

/// Whether it is sled's copy of an error of the system, or a copy of that, as it gives them to all who come after the
/// first: of what that was they have the kind and the text.
fn is_copy(error: &std::io::Error) -> bool {
    error.to_string().contains("Os { code")
}

impl Engine for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        let stored = self.rows.get(key).map_err(|error| self.wrong("read", error))?;
        match stored.as_deref() {
            None => Ok(None),
            Some([WHOLE, value @ ..]) => Ok(Some(value.into())),
            Some(stored) => {
                let mut value = Vec::new();
                self.whole(key, stored, &mut value)?;
                Ok(Some(value.into()))
            }
        }
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let end = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let mut found = self.rows.range::<&[u8], _>((Bound::Included(from), end));
        let next = || if reverse { found.next_back() } else { found.next() };
        for row in std::iter::from_fn(next).take(limit) {
            let (key, stored) = row.map_err(|error| self.wrong("read", error))?;
            page.push(&key, |out| self.whole(&key, &stored, out))?;
        }
        Ok(())
    }

    fn put(&self, rows: &[Row]) -> Result<()> {
        let written = rows.iter().try_for_each(|(key, value)| self.write(key, value.as_deref()));
        written.map_err(|error| self.wrong("written", error))
    }

    fn sync(&self, durability: Durability) -> Result<()> {
        // Without a flush sled keeps what it has taken in the process, where a kill loses it.
        self.db.flush().map_err(|error| self.wrong("flushed", error))?;
        // And a flush of sled is no fsync.
        if durability == Durability::Power {
            sync_tree(&self.path).map_err(|error| failed("synced", &self.path, error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_full_disk_is_no_damage_however_often_sled_tells_of_it() {
        let first = sled::Error::Io(io::Error::from_raw_os_error(28));
        for error in [first.clone().clone(), first.clone(), first] {
            assert_eq!(wrong("written", Path::new("state"), error).kind(), ErrorKind::NoSpace);
        }
        let bytes = sled::Error::Io(io::Error::other("crc mismatch"));
        assert_eq!(wrong("read", Path::new("state"), bytes).kind(), ErrorKind::Corrupt);
    }
}
