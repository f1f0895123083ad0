//! Rows in sled, the default engine.

use super::{Row, RowKey, Store};
use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// Keeps rows in one tree of a sled database.
pub(crate) struct SledStore {
    db: sled::Db,
    path: PathBuf,
}

/// sled's page cache; its memory is a multiple of it.
const PAGE_CACHE_BYTES: u64 = 64 * 1024 * 1024;

impl SledStore {
    /// Opens the database in this directory, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let config = sled::Config::new().path(path).cache_capacity(PAGE_CACHE_BYTES);
        // sled panics on some damaged files; that must end in an error that names the directory, not in an abort.
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| config.open()));
        let shown = path.display();
        match opened {
            Ok(Ok(db)) => Ok(SledStore { db, path: path.to_owned() }),
            // sled wraps the refused lock in an error of another kind; its text is all that tells.
            Ok(Err(sled::Error::Io(error))) if error.to_string().contains("lock") => Err(Error::caused(
                ErrorKind::Store,
                format!(
                    "the state in {shown} is in use: stop the other app, or give this one its own `app.id`"
                ),
                error,
            )),
            Ok(Err(error)) => Err(failed("opened", path, error)),
            Err(_) => Err(Error::new(
                ErrorKind::Store,
                format!("the state in {shown} is damaged: move it aside, and start again from the sources"),
            )),
        }
    }

    fn failed(&self, doing: &str, error: sled::Error) -> Error {
        failed(doing, &self.path, error)
    }
}

fn failed(doing: &str, path: &Path, error: sled::Error) -> Error {
    Error::caused(ErrorKind::Store, format!("the state in {} could not be {doing}", path.display()), error)
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let value = self.db.get(key).map_err(|error| self.failed("read", error))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<(RowKey, Bytes)>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        let mut found = self.db.range(from..to);
        for row in std::iter::from_fn(|| if reverse { found.next_back() } else { found.next() }).take(limit) {
            let (key, value) = row.map_err(|error| self.failed("read", error))?;
            rows.push((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)));
        }
        Ok(rows)
    }

    fn write(&self, rows: &[Row]) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in rows {
            match value {
                Some(value) => batch.insert(&key[..], &value[..]),
                None => batch.remove(&key[..]),
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.failed("written", error))?;
        // Without a flush sled keeps acknowledged writes in the process, where a kill loses them.
        self.db.flush().map_err(|error| self.failed("written", error))?;
        Ok(())
    }
}
