//! What can happen to files: one damage to a directory at a time. It knows nothing of the store, so that a longer
//! campaign can use it as well.

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a directory, in order.
pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Damages one file or two of a directory; `older` is the same directory at an earlier time. Says what it did, or `None`
/// if that cannot be done here. `number` gives any number below a bound.
pub(super) fn corrupt(
    dir: &Path,
    older: &Path,
    target: &Path,
    kind: usize,
    number: &mut dyn FnMut(usize) -> usize,
) -> Option<String> {
    let mut bytes = fs::read(target).ok()?;
    let name = target.strip_prefix(dir).ok()?.to_owned();
    let shown = name.display();
    Some(match kind {
        0 => {
            let at = number(bytes.len());
            *bytes.get_mut(at)? ^= 1 << number(8);
            fs::write(target, bytes).ok()?;
            format!("a bit of {shown} flipped at {at}")
        }
        1 => {
            let page = number(bytes.len().div_ceil(4096));
            let end = bytes.len().min(page * 4096 + 4096);
            bytes.get_mut(page * 4096..end).filter(|page| page.iter().any(|byte| *byte != 0))?.fill(0);
            fs::write(target, bytes).ok()?;
            format!("page {page} of {shown} zeroed")
        }
        2 => {
            let length = number(bytes.len());
            bytes.truncate(length);
            fs::write(target, bytes).ok()?;
            format!("{shown} cut at {length}")
        }
        3 => {
            fs::remove_file(target).ok()?;
            format!("{shown} removed")
        }
        4 => {
            fs::copy(older.join(&name), target).ok()?;
            format!("an older {shown} put back")
        }
        5 => {
            let others = files(dir);
            let other = &others[number(others.len())];
            fs::write(target, fs::read(other).ok()?).ok()?;
            fs::write(other, bytes).ok()?;
            format!("{shown} and {} swapped", other.strip_prefix(dir).ok()?.display())
        }
        6 => {
            // All files of its directory, unless that is the whole of it.
            let part = name.parent().filter(|part| !part.as_os_str().is_empty())?;
            put_back(dir, older, part.to_str()?)?;
            format!("an older {} put back", part.display())
        }
        7 => {
            let at = number(bytes.len());
            let length = 1 + number(64);
            bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = number(256) as u8);
            fs::write(target, bytes).ok()?;
            format!("{length} bytes of {shown} overwritten at {at}")
        }
        8 => {
            // As a crash may leave it: its length is there, what was written last is not.
            let at = number(bytes.len());
            bytes.get_mut(at..).filter(|end| end.iter().any(|byte| *byte != 0))?.fill(0);
            fs::write(target, bytes).ok()?;
            format!("{shown} zeroed from {at}")
        }
        9 => {
            let length = 1 + number(5000);
            bytes.extend(std::iter::repeat_with(|| number(256) as u8).take(length));
            fs::write(target, bytes).ok()?;
            format!("{length} bytes behind the end of {shown}")
        }
        10 => {
            let part = name.components().next()?;
            match dir.join(part) {
                part if part.is_dir() => fs::remove_dir_all(part).ok()?,
                _ => return None, // as 3
            }
            format!("all of {} removed", part.as_os_str().display())
        }
        11 => {
            let parts = parts(dir);
            // Some, but not all: a whole state of before cannot be told from one that has come no further.
            let chosen = 1 + number((1 << parts.len()) - 2);
            let chosen: Vec<_> = parts
                .into_iter()
                .enumerate()
                .filter(|(at, _)| chosen >> at & 1 == 1)
                .map(|(_, part)| part)
                .collect();
            chosen.iter().try_for_each(|part| put_back(dir, older, part))?;
            format!("older {} put back", chosen.join(", "))
        }
        12 => {
            // A write that the disk has lost.
            let before = fs::read(older.join(&name)).ok()?;
            let page = number(bytes.len().min(before.len()).div_ceil(4096)) * 4096;
            let end = bytes.len().min(before.len()).min(page + 4096);
            let (is, was) = (bytes.get_mut(page..end)?, before.get(page..end)?);
            if is == was {
                return None;
            }
            is.copy_from_slice(was);
            fs::write(target, bytes).ok()?;
            format!("an older page {} of {shown}", page / 4096)
        }
        _ => {
            let others = files(dir);
            let other = others[number(others.len())].strip_prefix(dir).ok()?;
            if *other == name {
                return None;
            }
            fs::copy(dir.join(other), target).ok()?;
            format!("{} in the place of {shown}", other.display())
        }
    })
}

/// What the directory has at its top, but for what only says who uses it.
fn parts(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut parts: Vec<String> = entries.filter(|name| name != "LOCK").collect();
    parts.sort();
    parts
}

/// Puts a file or a directory back as it was at the earlier time.
fn put_back(dir: &Path, older: &Path, part: &str) -> Option<()> {
    if dir.join(part).is_file() {
        return fs::copy(older.join(part), dir.join(part)).ok().map(drop);
    }
    fs::remove_dir_all(dir.join(part)).ok()?;
    for file in files(older).iter().filter_map(|file| file.strip_prefix(older).ok()) {
        if file.starts_with(part) {
            fs::create_dir_all(dir.join(file).parent()?).ok()?;
            fs::copy(older.join(file), dir.join(file)).ok()?;
        }
    }
    Some(())
}

/// How many kinds of damage there are.
pub(super) const KINDS: usize = 14;
