//! Errors while running: full disks, engines that fail and stay so, engines that panic.

use super::*;
use crate::error::{Error, ErrorKind};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Answers the n-th step with "no space", and those after it as well until there is some.
struct Full {
    left: AtomicUsize,
    space: AtomicBool,
}

#[test]
fn a_full_disk_loses_nothing_whichever_write_meets_it() {
    let mut refused = 0;
    for at in 0..60 {
        let dir = home();
        let full = Arc::new(Full { left: AtomicUsize::new(usize::MAX), space: AtomicBool::new(true) });
        let asked = full.clone();
        let hook: super::super::disk::Hook = Arc::new(move |_| {
            if asked.space.load(Ordering::Relaxed) {
                return Ok(());
            }
            // Once met, it stays full: also when what was written is taken back, which needs no space.
            match asked.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                Ok(_) => Ok(()),
                Err(_) => Err(io::ErrorKind::StorageFull.into()),
            }
        });
        let hook = only_writes(hook);
        let with =
            StoreOptions { hook: Some(hook), durability: Durability::Power, ..options(dir.path(), dump()) };
        let store = Store::open(with).unwrap();
        let (mut random, mut model) = (Random(at), Model::new());
        full.left.store(at as usize, Ordering::Relaxed);
        full.space.store(false, Ordering::Relaxed);
        for sequence in 1..=12 {
            let rows = random.rows();
            if let Err(error) = store.commit(sequence, rows.clone()) {
                assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
                assert!(!differs(&store, &model).unwrap(), "what was not committed is seen");
                let image = home();
                copy_dir(dir.path(), image.path());
                let copy = Store::open(options(image.path(), dump())).unwrap();
                assert!(!differs(&copy, &model).unwrap(), "it was not taken back");
                refused += 1;
                full.space.store(true, Ordering::Relaxed);
                store.commit(sequence, rows.clone()).unwrap();
            }
            apply(&mut model, &rows);
            if sequence % 5 == 0
                && let Err(error) = store.drain_now()
            {
                assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
                assert!(!differs(&store, &model).unwrap());
                refused += 1;
                full.space.store(true, Ordering::Relaxed);
                assert!(store.drain_now().unwrap());
            }
            assert!(!differs(&store, &model).unwrap());
        }
        drop(store);
        let store = Store::open(options(dir.path(), dump())).unwrap();
        assert_eq!(store.sequence().unwrap(), 12);
        assert!(!differs(&store, &model).unwrap());
        store.verify().unwrap();
    }
    assert!(refused > 40, "{refused}");
}

/// Cutting a file and deleting one need no space.
fn only_writes(hook: super::super::disk::Hook) -> super::super::disk::Hook {
    Arc::new(
        move |what| {
            if what.starts_with("take back") || what.starts_with("delete") { Ok(()) } else { hook(what) }
        },
    )
}

#[test]
fn a_write_that_cannot_be_taken_back_stops_commits_until_it_is_opened_again() {
    let dir = home();
    let broken = Arc::new(AtomicBool::new(false));
    let asked = broken.clone();
    let hook: super::super::disk::Hook =
        Arc::new(move |_| if asked.load(Ordering::Relaxed) { Err(io::Error::other("gone")) } else { Ok(()) });
    let store = Store::open(StoreOptions { hook: Some(hook), ..options(dir.path(), dump()) }).unwrap();
    store.commit(1, vec![row("a", "1")]).unwrap();
    broken.store(true, Ordering::Relaxed);
    assert_eq!(store.commit(2, vec![row("a", "2")]).unwrap_err().kind(), ErrorKind::Store);
    broken.store(false, Ordering::Relaxed);
    assert!(store.commit(2, vec![row("a", "2")]).unwrap_err().to_string().contains("restart"));
    assert_eq!(store.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
    drop(store);
    let store = Store::open(options(dir.path(), dump())).unwrap();
    assert_eq!(store.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
    store.commit(2, vec![row("a", "2")]).unwrap();
}

#[test]
fn too_little_free_space_is_told_before_anything_is_written() {
    let dir = home();
    let store =
        Store::open(StoreOptions { low_water_bytes: u64::MAX, ..options(dir.path(), dump()) }).unwrap();
    let error = store.commit(1, vec![row("a", "1")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert_eq!(std::fs::read_dir(dir.path().join("log")).unwrap().count(), 0);
}

/// An engine that fails, or panics, until it is opened again: as sled does.
struct Sticky {
    inner: Dump,
    plan: Arc<Plan>,
    is_broken: AtomicBool,
}

#[derive(Default)]
struct Plan {
    faults: AtomicUsize,
    panics: AtomicBool,
    opened: AtomicUsize,
}

impl Sticky {
    fn may_fail(&self) -> Result<()> {
        let due =
            self.plan.faults.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if due.is_ok() {
            self.is_broken.store(true, Ordering::Relaxed);
        }
        match self.is_broken.load(Ordering::Relaxed) {
            true if self.plan.panics.load(Ordering::Relaxed) => panic!("as some engines do"),
            true => Err(Error::new(ErrorKind::Store, "it is broken")),
            false => Ok(()),
        }
    }
}

impl Engine for Sticky {
    fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        self.inner.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool, page: &mut Page) -> Result<()> {
        self.inner.range(from, to, limit, reverse, page)
    }

    fn put(&self, rows: &[Row]) -> Result<()> {
        // What was put before the fault is lost when it is opened again.
        self.inner.put(&rows[..rows.len() / 2])?;
        self.may_fail()?;
        self.inner.put(rows)
    }

    fn sync(&self, durability: Durability) -> Result<()> {
        self.may_fail()?;
        self.inner.sync(durability)
    }
}

fn sticky(plan: &Arc<Plan>) -> EngineKind {
    let plan = plan.clone();
    let open = move |path: &Path| -> Result<Box<dyn Engine>> {
        plan.opened.fetch_add(1, Ordering::Relaxed);
        let is_broken = AtomicBool::new(false);
        Ok(Box::new(Sticky { inner: Dump::open(path), plan: plan.clone(), is_broken }))
    };
    EngineKind { name: "sticky", open: Arc::new(open) }
}

#[test]
fn an_engine_that_fails_is_opened_again_and_nothing_is_lost() {
    for panics in [false, true] {
        let dir = home();
        let plan = Arc::new(Plan::default());
        plan.panics.store(panics, Ordering::Relaxed);
        let store = Store::open(options(dir.path(), sticky(&plan))).unwrap();
        let (mut random, mut model) = (Random(5), Model::new());
        for sequence in 1..=30 {
            let rows = random.rows();
            apply(&mut model, &rows);
            store.commit(sequence, rows).unwrap();
            plan.faults.store(random.below(2), Ordering::Relaxed);
            if store.drain_now().is_err() {
                assert!(!differs(&store, &model).unwrap());
                assert!(store.drain_now().unwrap(), "it was not opened again");
            }
            assert!(!differs(&store, &model).unwrap());
        }
        assert!(plan.opened.load(Ordering::Relaxed) > 5);
        drop(store);
        assert!(!differs(&Store::open(options(dir.path(), sticky(&plan))).unwrap(), &model).unwrap());
    }
}

#[test]
fn an_engine_that_stays_broken_refuses_commits_until_it_works_again() {
    let dir = home();
    let plan = Arc::new(Plan::default());
    let with = StoreOptions { has_drain: true, undrained_bytes: 1, ..options(dir.path(), sticky(&plan)) };
    let store = Store::open(with).unwrap();
    plan.faults.store(usize::MAX, Ordering::Relaxed);
    store.commit(1, vec![row("a", "1")]).unwrap();
    // It is over its cap: it waits for the drain, and hears that there is none.
    let error = store.commit(2, vec![row("a", "2")]).unwrap_err();
    assert!(error.to_string().contains("it is broken"), "{error}");
    assert_eq!(store.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
    plan.faults.store(0, Ordering::Relaxed);
    let started = std::time::Instant::now();
    while store.commit(2, vec![row("a", "2")]).is_err() {
        assert!(started.elapsed().as_secs() < 20, "it was not opened again");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(store.get(b"a").unwrap().unwrap()[..], "2".as_bytes()[..]);
}

/// Space is waited for; a failure of another kind that comes among those for lack of it is the first of its kind.
#[test]
fn a_failure_among_those_for_lack_of_space_refuses_nothing() {
    let dir = home();
    let plan = Arc::new(Plan::default());
    let full = Arc::new(AtomicBool::new(true));
    let asked = full.clone();
    let hook: super::super::disk::Hook = Arc::new(move |what| {
        let is_refused = what == "sync the log" && asked.load(Ordering::Relaxed);
        if is_refused { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let with = StoreOptions {
        has_drain: true,
        undrained_bytes: 1,
        hook: Some(hook),
        ..options(dir.path(), sticky(&plan))
    };
    let store = Store::open(with).unwrap();
    store.commit(1, vec![row("a", "1")]).unwrap();
    // It is over its cap, and hears why nothing is drained.
    assert_eq!(store.commit(2, vec![row("a", "2")]).unwrap_err().kind(), ErrorKind::NoSpace);
    plan.faults.store(1, Ordering::Relaxed);
    full.store(false, Ordering::Relaxed);
    let started = std::time::Instant::now();
    while let Err(error) = store.commit(2, vec![row("a", "2")]) {
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert!(started.elapsed().as_secs() < 20, "it was not drained");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(plan.opened.load(Ordering::Relaxed), 2, "the engine did not fail");
}
