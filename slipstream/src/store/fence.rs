//! The fence: which commit is the newest that was acknowledged, beside the log, so that a log that has lost its end is
//! told from one whose last write was torn.

use super::disk::{Disk, Durability};
use super::errors::{damaged, failed, newer};
use super::log::Mark;
use super::record::number;
use crate::error::Result;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const NAME: &str = "FENCE";
const MAGIC: &[u8; 4] = b"SLFE";
const VERSION: u32 = 1;

/// magic 4, version 4, sequence, file, end, hash, checksum: 8 each.
const SLOT: usize = 48;

/// The two slots are written in turn, so that one is whole at any time; in pages of their own.
const APART: usize = 4096;

pub(super) struct Fence {
    file: File,
    disk: Disk,
    pub(super) mark: Mark,
    /// The slot that holds the mark.
    slot: usize,
}

impl Fence {
    /// Makes it, for a store without commits.
    pub(super) fn make(dir: &Path, disk: &Disk) -> Result<()> {
        let path = dir.join(NAME);
        let mut bytes = vec![0; APART + SLOT];
        bytes[..SLOT].copy_from_slice(&encode(Mark::default()));
        disk.replace(&path, &bytes).map_err(|error| failed("written", &path, error))
    }

    pub(super) fn open(dir: &Path, disk: &Disk) -> Result<Self> {
        let path = dir.join(NAME);
        let bytes = std::fs::read(&path).map_err(|error| failed("read", &path, error))?;
        let mut newest: Option<(usize, Mark)> = None;
        for slot in 0..2 {
            match decode(bytes.get(slot * APART..slot * APART + SLOT).unwrap_or_default()) {
                Some((VERSION, mark)) if newest.is_none_or(|(_, known)| mark.sequence > known.sequence) => {
                    newest = Some((slot, mark));
                }
                Some((version, _)) if version != VERSION => return Err(newer(&path, version)),
                _ => {}
            }
        }
        let (slot, mark) = newest.ok_or_else(|| damaged(&path, "neither of its two marks can be read"))?;
        let file =
            OpenOptions::new().write(true).open(&path).map_err(|error| failed("opened", &path, error))?;
        Ok(Fence { file, disk: disk.clone(), mark, slot })
    }

    /// Moves it to a commit that is in the log.
    pub(super) fn advance(&mut self, mark: Mark) -> io::Result<()> {
        let slot = 1 - self.slot;
        self.disk.step("write the fence")?;
        self.write(slot, &encode(mark))?;
        self.disk.sync(&self.file)?;
        (self.slot, self.mark) = (slot, mark);
        Ok(())
    }

    /// Takes back a mark that may have been written in part.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        self.disk.step("take back the fence")?;
        self.write(1 - self.slot, &[0; SLOT])?;
        // Before the log loses its record: a fence ahead of the log is lost state.
        if self.disk.durability == Durability::Power { self.file.sync_data() } else { Ok(()) }
    }

    fn write(&mut self, slot: usize, bytes: &[u8; SLOT]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start((slot * APART) as u64))?;
        self.file.write_all(bytes)
    }
}

fn encode(mark: Mark) -> [u8; SLOT] {
    let mut out = [0; SLOT];
    out[..4].copy_from_slice(MAGIC);
    out[4..8].copy_from_slice(&VERSION.to_le_bytes());
    for (at, field) in [mark.sequence, mark.file, mark.end, mark.hash].into_iter().enumerate() {
        out[8 + at * 8..16 + at * 8].copy_from_slice(&field.to_le_bytes());
    }
    let sum = xxh3_64(&out[..SLOT - 8]);
    out[SLOT - 8..].copy_from_slice(&sum.to_le_bytes());
    out
}

fn decode(slot: &[u8]) -> Option<(u32, Mark)> {
    if slot.len() != SLOT || &slot[..4] != MAGIC || xxh3_64(&slot[..SLOT - 8]) != number(slot, SLOT - 8) {
        return None;
    }
    let [sequence, file, end, hash] = [8, 16, 24, 32].map(|at| number(slot, at));
    Some(((number(slot, 0) >> 32) as u32, Mark { sequence, file, end, hash }))
}
