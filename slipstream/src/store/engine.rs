//! The seam that rows lie behind: ordered bytes, written in sorted slices. What stands here is all that an engine must
//! be able to do; atomicity, checksums and durability of commits are made above it.
//!
//! No closures and no engine types in the trait, so that a third engine only has to be listed.

use super::disk::Durability;
use super::errors::damaged;
use super::page::Page;
use super::row::{Row, RowValue};
use crate::error::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// An engine that keeps rows.
pub(crate) trait Engine: Send + Sync {
    /// The value of a row.
    fn get(&self, key: &[u8]) -> Result<Option<RowValue>>;

    /// Fills a page with up to `limit` rows from `from` (inclusive) to `to` (exclusive; empty: to the end), in order, or in
    /// reverse order from the end.
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool, page: &mut Page) -> Result<()>;

    /// Writes rows, sorted, one a key. Not atomic; but what survives a crash is written in order.
    fn put(&self, rows: &[Row]) -> Result<()>;

    /// Makes all that was put survive what the durability says.
    fn sync(&self, durability: Durability) -> Result<()>;
}

/// How an engine is called and opened.
#[derive(Clone)]
pub(crate) struct EngineKind {
    /// What the manifest calls it; also the name of its directory.
    pub(crate) name: &'static str,
    pub(crate) open: Arc<dyn Fn(&Path) -> Result<Box<dyn Engine>> + Send + Sync>,
}

/// An engine whose panics end here as errors, and that can be opened anew.
pub(crate) struct Guarded {
    /// How to open it anew; an engine in memory cannot be.
    origin: Option<(EngineKind, PathBuf)>,
    engine: RwLock<Option<Box<dyn Engine>>>,
}

impl Guarded {
    pub(crate) fn of(engine: impl Engine + 'static) -> Self {
        Guarded { origin: None, engine: RwLock::new(Some(Box::new(engine))) }
    }

    pub(super) fn open(kind: EngineKind, path: PathBuf) -> Result<Self> {
        let guarded = Guarded { origin: Some((kind, path)), engine: RwLock::default() };
        guarded.reopen()?;
        Ok(guarded)
    }

    pub(super) fn call<T>(&self, run: impl FnOnce(&dyn Engine) -> Result<T>) -> Result<T> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        let Some(engine) = &*engine else {
            return Err(Error::new(
                ErrorKind::Store,
                format!(
                    "the state in {} cannot be read while its engine is closed after a fault",
                    self.path().display()
                ),
            ));
        };
        catch_unwind(AssertUnwindSafe(|| run(&**engine))).unwrap_or_else(|_| Err(self.panicked()))
    }

    /// Drops the engine and opens it anew: the errors of some engines stay until then.
    pub(super) fn reopen(&self) -> Result<()> {
        let Some((kind, path)) = &self.origin else { return Ok(()) };
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        let old = engine.take();
        // Whatever it says at its end, nothing is asked of it any more.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        let opened = catch_unwind(AssertUnwindSafe(|| (kind.open)(path)));
        *engine = Some(opened.unwrap_or_else(|_| Err(self.panicked()))?);
        Ok(())
    }

    fn path(&self) -> &Path {
        self.origin.as_ref().map_or(Path::new("memory"), |(_, path)| path)
    }

    /// Without the panic's words: they may hold keys. The process's panic hook has them.
    fn panicked(&self) -> Error {
        damaged(self.path(), "its engine panicked over it")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let engine = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(engine))); // as in `reopen`
    }
}
