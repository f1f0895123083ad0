//! What is done outside of the app, many at once: numbers appended to a file, whose commit waits until they are on disk.

use slipstream::prelude::*;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Beside the app's own state, so that it is copied with it.
fn file(dir: &str) -> PathBuf {
    Path::new(dir).join("shipped")
}

/// Takes its time, in which a commit that does not wait for it would be made.
pub(crate) async fn ship(numbers: Vec<u64>) -> Result<()> {
    tokio::time::sleep(millis(3)).await;
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
    let path = FILE.get().ok_or_else(|| Error::msg("the file to ship to is not known"))?;
    let write = || {
        let mut file = OpenOptions::new().append(true).open(path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    Ok(write()?)
}

/// Makes sure that the file is there, and that it ends with a whole number.
pub(crate) fn open(dir: &str) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let path = file(dir);
    let file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.set_len(file.metadata()?.len() / 8 * 8)?;
    FILE.get_or_init(|| path);
    Ok(())
}

/// The numbers that are in the file.
pub(crate) fn read(dir: &str) -> BTreeSet<u64> {
    let bytes = std::fs::read(file(dir)).unwrap_or_default(); // there is none before the first start
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| u64::from_be_bytes(*number)).collect()
}
