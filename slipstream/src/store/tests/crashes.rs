//! A crash at every step of work on files: commits, drains, closing, and the recovery from such a crash.

use super::super::disk::Hook;
use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Copies the directory before each step, with the number of the commit that was acknowledged by then.
struct Camera {
    images: PathBuf,
    dir: PathBuf,
    taken: AtomicU64,
    acknowledged: AtomicU64,
    shots: Mutex<Vec<(PathBuf, u64, &'static str)>>,
}

impl Camera {
    fn new(dir: &Path, images: &Path) -> Arc<Self> {
        Arc::new(Camera {
            images: images.to_owned(),
            dir: dir.to_owned(),
            taken: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            shots: Mutex::default(),
        })
    }

    fn hook(self: &Arc<Self>) -> Option<Hook> {
        let camera = self.clone();
        Some(Arc::new(move |what| {
            let image = camera.images.join(camera.taken.fetch_add(1, Ordering::Relaxed).to_string());
            copy_dir(&camera.dir, &image);
            camera.shots.lock().unwrap().push((image, camera.acknowledged.load(Ordering::Relaxed), what));
            Ok(())
        }))
    }

    fn shots(&self) -> Vec<(PathBuf, u64, &'static str)> {
        std::mem::take(&mut *self.shots.lock().unwrap())
    }
}

/// Opens an image: it must be as of a commit that is not older than what was acknowledged.
fn survives(
    image: &Path,
    engine: &EngineKind,
    history: &History,
    acknowledged: u64,
    what: &str,
    hook: Option<Hook>,
) {
    let options = StoreOptions { hook, durability: Durability::Power, ..options(image, engine.clone()) };
    let store = Store::open(options).unwrap_or_else(|error| panic!("before `{what}`: {error:?}"));
    let sequence = store.sequence().unwrap();
    assert!(sequence >= acknowledged, "before `{what}`: {sequence} of {acknowledged}");
    assert!(sequence <= acknowledged + 1, "before `{what}`: {sequence} of {acknowledged}");
    assert!(!differs(&store, &history[sequence as usize]).unwrap(), "before `{what}`: not commit {sequence}");
    store.verify().unwrap_or_else(|error| panic!("before `{what}`: {error:?}"));
    store.drain_now().unwrap();
    assert!(!differs(&store, &history[sequence as usize]).unwrap(), "before `{what}`: drained");
}

fn crash_everywhere(engine: &EngineKind, commits: u64) -> (usize, usize) {
    let home = home();
    let dir = home.path().join("state");
    let camera = Camera::new(&dir, &home.path().join("images"));
    let (mut random, mut history) = (Random(3), vec![Model::new()]);
    let open = || {
        let with = StoreOptions {
            hook: camera.hook(),
            durability: Durability::Power,
            ..options(&dir, engine.clone())
        };
        Store::open(with).unwrap()
    };
    let mut store = open();
    for sequence in 1..=commits {
        let rows = random.rows();
        let mut model = history.last().unwrap().clone();
        apply(&mut model, &rows);
        history.push(model);
        store.commit(sequence, rows).unwrap();
        camera.acknowledged.store(sequence, Ordering::Relaxed);
        if sequence % 3 == 0 {
            store.drain_now().unwrap();
        }
        if sequence % 7 == 0 {
            drop(store);
            store = open();
        }
    }
    store.close();
    let shots = camera.shots();
    let (steps, mut recoveries) = (shots.len(), 0);
    let again = home.path().join("again");
    for (image, acknowledged, what) in shots {
        let second = Camera::new(&image, &again);
        second.acknowledged.store(acknowledged, Ordering::Relaxed);
        survives(&image, engine, &history, acknowledged, what, second.hook());
        for (image, acknowledged, what) in second.shots() {
            survives(&image, engine, &history, acknowledged, &format!("{what} (recovery)"), None);
            recoveries += 1;
            std::fs::remove_dir_all(&image).unwrap();
        }
    }
    (steps, recoveries)
}

#[test]
fn a_crash_at_any_step_leaves_a_whole_commit() {
    let (steps, recoveries) = crash_everywhere(&dump(), 15);
    println!("{steps} steps, {recoveries} steps of recoveries");
    assert!(steps > 100 && recoveries > 500, "{steps} {recoveries}");
}

#[cfg(feature = "sled")]
#[test]
fn so_it_does_over_sled() {
    let (steps, recoveries) = crash_everywhere(&super::super::sled::kind(1 << 26), 7);
    println!("{steps} steps, {recoveries} steps of recoveries");
}
