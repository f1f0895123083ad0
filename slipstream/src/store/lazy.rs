//! A sled store whose directory is made when there is first something to keep, so that an app without state leaves no
//! trace.

use super::sled::SledStore;
use super::{Row, RowKey, Store};
use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Opens its directory at the first commit, or at the first read if it is there.
pub(crate) struct LazyStore {
    path: PathBuf,
    opened: OnceLock<SledStore>,
    opening: Mutex<()>,
}

impl LazyStore {
    pub(crate) fn new(path: PathBuf) -> Self {
        LazyStore { path, opened: OnceLock::new(), opening: Mutex::default() }
    }

    fn open(&self) -> Result<&SledStore> {
        if let Some(store) = self.opened.get() {
            return Ok(store);
        }
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = self.opened.get() {
            return Ok(store);
        }
        let shown = self.path.display();
        std::fs::create_dir_all(&self.path).map_err(|error| {
            Error::caused(ErrorKind::Store, format!("{shown} cannot be made for the state"), error)
        })?;
        let store = SledStore::open(&self.path)?;
        Ok(self.opened.get_or_init(|| store))
    }

    /// Whether there is anything to read.
    fn is_there(&self) -> bool {
        self.opened.get().is_some() || self.path.exists()
    }
}

impl Store for LazyStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if self.is_there() { self.open()?.get(key) } else { Ok(None) }
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<(RowKey, Bytes)>> {
        if self.is_there() { self.open()?.range(from, to, limit, reverse) } else { Ok(Vec::new()) }
    }

    fn write(&self, rows: &[Row]) -> Result<()> {
        self.open()?.write(rows)
    }
}
