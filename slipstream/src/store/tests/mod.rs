//! The store against maps: engines, commits, crashes, damage, full disks.

mod basics;
mod campaign;
mod conformance;
mod corruptions;
mod crashes;
mod faults;
#[cfg(feature = "sled")]
mod kills;
mod model;

use super::disk::Durability;
use super::engine::EngineKind;
use super::page::Page;
use super::{Engine, Row, RowKey, RowValue, Store, StoreOptions};
use crate::error::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// The state after a commit, and after all commits.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type History = Vec<Model>;

/// An engine for tests that should not take long: it is in memory, and its sync writes one file.
struct Dump {
    rows: Mutex<Model>,
    path: PathBuf,
}

fn dump() -> EngineKind {
    EngineKind { name: "dump", open: Arc::new(|path| Ok(Box::new(Dump::open(path)))) }
}

impl Dump {
    fn open(dir: &Path) -> Self {
        let path = dir.join("rows");
        let rows = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Vec<_>>(&bytes).ok());
        Dump { rows: Mutex::new(rows.unwrap_or_default().into_iter().collect()), path }
    }

    fn rows(&self) -> MutexGuard<'_, Model> {
        self.rows.lock().unwrap()
    }
}

impl Engine for Dump {
    fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        Ok(self.rows().get(key).map(|value| value[..].into()))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        let mut rows: Vec<(RowKey, RowValue)> = between(&self.rows(), from, to);
        if reverse {
            rows.reverse();
        }
        for (key, value) in rows.iter().take(limit) {
            page.push(key, |out| {
                out.extend_from_slice(value);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn put(&self, rows: &[Row]) -> Result<()> {
        apply(&mut self.rows(), rows);
        Ok(())
    }

    fn sync(&self, _: Durability) -> Result<()> {
        let new = self.path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(&self.rows().iter().collect::<Vec<_>>()).unwrap())?;
        Ok(std::fs::rename(new, &self.path)?)
    }
}

fn apply(model: &mut Model, rows: &[Row]) {
    for (key, value) in rows {
        match value {
            Some(value) => drop(model.insert(key.to_vec(), value.to_vec())),
            None => drop(model.remove(&key[..])),
        }
    }
}

fn between(model: &Model, from: &[u8], to: &[u8]) -> Vec<(RowKey, RowValue)> {
    let rows = model.iter().filter(|(key, _)| key[..] >= *from && (to.is_empty() || key[..] < *to));
    rows.map(|(key, value)| (key.clone().into(), value.clone().into())).collect()
}

fn row(key: &str, value: &str) -> Row {
    (RowValue::from(key.as_bytes()), Some(RowValue::from(value.as_bytes())))
}

/// A directory, in memory where there is such a place: a sync takes no time there.
fn home() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A store that is drained by hand.
fn options(dir: &Path, engine: EngineKind) -> StoreOptions {
    let mut options = StoreOptions::new(dir.to_owned(), "tests".to_owned(), engine);
    options.has_drain = false;
    options.low_water_bytes = 0;
    options
}

/// Everything that can be read says the same as the model.
fn differs(store: &Store, model: &Model) -> Result<bool> {
    let all = between(model, &[], &[]);
    let mut back = all.clone();
    back.reverse();
    let mut wrong = store.range(&[], &[], usize::MAX, false)? != all;
    wrong |= store.range(&[], &[], usize::MAX, true)? != back;
    for (key, value) in model {
        wrong |= store.get(key)?.as_deref() != Some(&value[..]);
    }
    for key in ["a", "c/0", "zz"].map(str::as_bytes).iter().filter(|key| !model.contains_key(**key)) {
        wrong |= store.get(key)?.is_some();
    }
    Ok(wrong)
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            // An engine may take away a file while it is copied.
            let _ = std::fs::copy(&path, &target);
        }
    }
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }

    /// The rows of a commit over few keys, with deletions; now and then a large value.
    fn rows(&mut self) -> Vec<Row> {
        let mut rows = BTreeMap::new();
        for _ in 0..=self.below(6) {
            let key = format!("c{}\0{}", self.below(3), self.below(12));
            let size = if self.below(20) == 0 { 10_000 } else { self.below(40) };
            let value = (self.below(4) > 0).then(|| RowValue::from(vec![self.below(256) as u8; size]));
            rows.insert(RowKey::from(key.into_bytes()), value);
        }
        rows.into_iter().collect()
    }
}
