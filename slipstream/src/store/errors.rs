//! What can be wrong with a state directory, in words that say what to do. A key is content and is never shown.

use crate::error::{Error, ErrorKind};
use std::io::{self, ErrorKind::QuotaExceeded, ErrorKind::StorageFull};
use std::path::Path;

/// What helps against all kinds of loss.
const ADVICE: &str = "restore the state's directory from a copy, or set `state.on.loss` to `replay`, which starts \
                      again from the sources";

/// An error of the file system, under what it means for the caller.
pub(super) fn failed(doing: &str, path: &Path, error: io::Error) -> Error {
    let is_full = matches!(error.kind(), StorageFull | QuotaExceeded);
    let (kind, how) = match is_full {
        true => (ErrorKind::NoSpace, "the disk is full; make room".to_owned()),
        false => (ErrorKind::Store, error.to_string()),
    };
    Error::caused(kind, format!("the state in {} could not be {doing}: {how}", path.display()), error)
}

pub(super) fn damaged(path: &Path, how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{} is damaged: {how}; {ADVICE}", path.display()))
}

/// A row whose checksum is wrong: named by what it belongs to.
pub(super) fn damaged_row(key: &[u8]) -> Error {
    let name = key.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    Error::new(
        ErrorKind::Corrupt,
        format!("a stored row of `{name}` is damaged: its checksum is wrong; {ADVICE}"),
    )
}

pub(super) fn lost(path: &Path) -> Error {
    let text = format!("there was state, and {} is gone or empty; {ADVICE}", path.display());
    Error::new(ErrorKind::StateLost, text)
}

pub(super) fn rolled_back(dir: &Path, have: u64, expected: u64) -> Error {
    let text = format!(
        "the state in {} has gone back to commit {have}, and {expected} was there already; {ADVICE}",
        dir.display()
    );
    Error::new(ErrorKind::StateRolledBack, text)
}

pub(super) fn newer(path: &Path, version: u32) -> Error {
    let text = format!(
        "{} has format {version}, and this program knows up to 1: use a newer program",
        path.display()
    );
    Error::new(ErrorKind::Store, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_system_says_is_told_and_for_a_full_disk_what_to_do() {
        let told = |kind: io::ErrorKind| failed("made", Path::new("state"), kind.into()).to_string();
        assert_eq!(
            told(io::ErrorKind::NotADirectory),
            "the state in state could not be made: not a directory"
        );
        assert_eq!(told(StorageFull), "the state in state could not be made: the disk is full; make room");
    }
}
