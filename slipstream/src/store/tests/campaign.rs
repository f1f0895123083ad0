//! The campaign: whatever happens to the files, a store answers rightly or with an error.

use super::corruptions::{KINDS, corrupt, files};
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Debug, Default)]
struct Counts {
    right: usize,
    detected: usize,
    silent: Vec<String>,
    panicked: Vec<String>,
}

/// A directory with a past: some of it in the engine, some in the log, or all in the engine.
fn live(dir: &Path, older: &Path, engine: &EngineKind, is_closed: bool) -> History {
    let (mut random, mut history) = (Random(11), vec![Model::new()]);
    let mut store = Store::open(options(dir, engine.clone())).unwrap();
    for sequence in 1..=60_u64 {
        let mut rows: BTreeMap<RowKey, Option<RowValue>> = random.rows().into_iter().collect();
        for _ in 0..20 {
            let value = vec![random.below(256) as u8; 20 + random.below(30)];
            rows.insert(format!("c9\0{:04}", random.below(2000)).into_bytes().into(), Some(value.into()));
        }
        let rows: Vec<Row> = rows.into_iter().collect();
        let mut model = history.last().unwrap().clone();
        apply(&mut model, &rows);
        history.push(model);
        store.commit(sequence, rows).unwrap();
        if sequence % 10 == 0 && sequence < 60 {
            store.drain_now().unwrap();
        }
        if sequence == 35 {
            copy_dir(dir, older);
        }
        if sequence == 55 {
            drop(store);
            store = Store::open(options(dir, engine.clone())).unwrap();
        }
    }
    if is_closed {
        store.close();
    } else {
        // As a kill leaves it.
        let killed = dir.with_extension("killed");
        copy_dir(dir, &killed);
        drop(store);
        std::fs::remove_dir_all(dir).unwrap();
        std::fs::rename(killed, dir).unwrap();
    }
    history
}

/// Right, or an error somewhere; else what was answered wrongly.
fn judge(dir: &Path, engine: &EngineKind, history: &History) -> Result<bool> {
    let store = Store::open(options(dir, engine.clone()))?;
    let wrong = store.sequence()? as usize != history.len() - 1 || differs(&store, history.last().unwrap())?;
    if store.verify()? as usize != history.last().unwrap().len() {
        return Ok(true);
    }
    Ok(wrong)
}

fn campaign(engine: &EngineKind, rounds: usize) -> Counts {
    let mut counts = Counts::default();
    for is_closed in [false, true] {
        let home = home();
        let [dir, older, image] = ["state", "older", "image"].map(|name| home.path().join(name));
        let history = live(&dir, &older, engine, is_closed);
        let mut random = Random(17);
        for target in files(&dir) {
            for kind in 0..KINDS * rounds {
                copy_dir(&dir, &image);
                let target = image.join(target.strip_prefix(&dir).unwrap());
                let done = corrupt(&image, &older, &target, kind % KINDS, &mut |bound| random.below(bound));
                if let Some(done) = done {
                    match catch_unwind(AssertUnwindSafe(|| judge(&image, engine, &history))) {
                        Ok(Ok(false)) => counts.right += 1,
                        Ok(Err(_)) => counts.detected += 1,
                        Ok(Ok(true)) => counts.silent.push(done),
                        Err(_) => counts.panicked.push(done),
                    }
                }
                std::fs::remove_dir_all(&image).unwrap();
            }
        }
    }
    println!(
        "right {}, detected {}, silent {}, panicked {}",
        counts.right,
        counts.detected,
        counts.silent.len(),
        counts.panicked.len()
    );
    counts
}

#[test]
fn damaged_files_are_never_answered_from() {
    let counts = campaign(&dump(), 4);
    // The engine of the tests has no checksums of its own, and does not miss what is not there.
    let ours: Vec<_> = counts.silent.iter().filter(|what| !what.contains("dump")).collect();
    assert!(ours.is_empty() && counts.panicked.is_empty(), "{counts:#?}");
    assert!(counts.detected > 100);
}

#[cfg(feature = "sled")]
#[test]
fn neither_are_those_of_sled() {
    let counts = campaign(&super::super::sled::kind(), 2);
    assert!(counts.silent.is_empty() && counts.panicked.is_empty(), "{counts:#?}");
    assert!(counts.detected > 50);
}
