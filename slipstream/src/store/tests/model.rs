//! Random lives of a store beside a map for each commit.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a life has seen.
#[derive(Default)]
struct Life {
    commits: usize,
    reopened: usize,
    snapshots: usize,
    images: usize,
}

fn live(seed: u64, engine: &EngineKind, steps: usize, life: &mut Life) {
    let home = home();
    let dir = home.path().join("state");
    let mut random = Random(seed);
    let mut history: History = vec![Model::new()];
    let durability = if random.below(2) == 0 { Durability::Process } else { Durability::Power };
    let open = || Store::open(StoreOptions { durability, ..options(&dir, engine.clone()) }).unwrap();
    let mut store = open();
    let mut snapshots: Vec<super::super::Snapshot> = Vec::new();
    for step in 0..steps {
        match random.below(20) {
            0..11 => {
                let rows = random.rows();
                let mut model = history.last().unwrap().clone();
                apply(&mut model, &rows);
                store.commit(history.len() as u64, rows).unwrap();
                history.push(model);
                life.commits += 1;
            }
            11..14 => drop(store.drain_now().unwrap()),
            14 | 15 => snapshots.push(store.snapshot().unwrap()),
            16 => drop(snapshots.pop()),
            17 => {
                snapshots.clear();
                if random.below(2) == 0 {
                    store.close();
                }
                drop(store);
                store = open();
                life.reopened += 1;
            }
            18 => {
                let image = home.path().join(format!("image{step}"));
                copy_dir(&dir, &image);
                let copy = Store::open(options(&image, engine.clone())).unwrap();
                assert_eq!(copy.sequence().unwrap() as usize, history.len() - 1, "seed {seed}: an image");
                assert!(!differs(&copy, history.last().unwrap()).unwrap(), "seed {seed}: an image");
                copy.verify().unwrap();
                life.images += 1;
            }
            _ => {
                let (from, to) =
                    (format!("c{}", random.below(3)), format!("c{}\0{}", random.below(4), random.below(9)));
                let (limit, reverse) = (random.below(8), random.below(2) == 0);
                let mut expected = between(history.last().unwrap(), from.as_bytes(), to.as_bytes());
                if reverse {
                    expected.reverse();
                }
                expected.truncate(limit);
                let found = store.range(from.as_bytes(), to.as_bytes(), limit, reverse).unwrap();
                assert_eq!(found, expected, "seed {seed}: {from} to {to}");
            }
        }
        assert!(!differs(&store, history.last().unwrap()).unwrap(), "seed {seed}: the store at step {step}");
        for snapshot in &snapshots {
            let all = between(&history[snapshot.sequence() as usize], &[], &[]);
            assert_eq!(snapshot.range(&[], &[], usize::MAX, false).unwrap(), all, "seed {seed}: a snapshot");
            life.snapshots += 1;
        }
    }
}

#[test]
fn a_store_is_a_map_for_each_commit() {
    let mut life = Life::default();
    for seed in 0..80 {
        live(seed, &dump(), 60, &mut life);
    }
    assert!(life.commits > 2000 && life.reopened > 150 && life.snapshots > 1000 && life.images > 150);
}

#[cfg(feature = "sled")]
#[test]
fn so_it_is_over_sled() {
    for seed in 1000..1006 {
        live(seed, &super::super::sled::kind(1 << 26), 60, &mut Life::default());
    }
}

/// A log that ends within its last record: what the fence covers is missed, what it does not is dropped.
#[test]
fn a_log_cut_at_any_byte_of_its_last_record_is_missed_or_repaired() {
    let home = home();
    let dir = home.path().join("state");
    let before = home.path().join("FENCE");
    let store = Store::open(options(&dir, dump())).unwrap();
    let mut history: History = vec![Model::new()];
    let mut random = Random(7);
    let path = dir.join("log").join(format!("{:020}", 1));
    let mut length = 0;
    for sequence in 1..=4 {
        let rows = random.rows();
        length = path.metadata().map_or(0, |file| file.len());
        std::fs::copy(dir.join("FENCE"), &before).unwrap();
        let mut model = history.last().unwrap().clone();
        apply(&mut model, &rows);
        store.commit(sequence, rows).unwrap();
        history.push(model);
    }
    drop(store);
    let end = path.metadata().unwrap().len();
    for cut in length..=end {
        for is_fenced in [true, false] {
            let image = home.path().join("image");
            copy_dir(&dir, &image);
            if !is_fenced {
                std::fs::copy(&before, image.join("FENCE")).unwrap();
            }
            let log = image.join("log").join(path.file_name().unwrap());
            std::fs::File::options().write(true).open(log).unwrap().set_len(cut).unwrap();
            for again in 0..2 {
                match Store::open(options(&image, dump())) {
                    Err(error) => {
                        assert!(is_fenced && cut < end, "cut at {cut}: {error}");
                        assert!(crate::error::ErrorKind::is_of_store(error.kind()));
                    }
                    Ok(copy) => {
                        assert!(!is_fenced || cut == end, "a cut at {cut} was not missed");
                        let sequence = copy.sequence().unwrap();
                        assert_eq!(sequence, if cut == end { 4 } else { 3 } + again);
                        if again == 0 {
                            assert!(!differs(&copy, &history[sequence as usize]).unwrap());
                            copy.commit(sequence + 1, vec![row("a", "1")]).unwrap();
                        }
                    }
                }
            }
            std::fs::remove_dir_all(image).unwrap();
        }
    }
}

#[test]
fn readers_see_whole_commits_while_they_are_drained() {
    let dir = home();
    let small = StoreOptions { has_drain: true, undrained_bytes: 30_000, ..options(dir.path(), dump()) };
    let store = Store::open(small).unwrap();
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reverse in [false, true] {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                while done.load(Ordering::Relaxed) == 0 {
                    let rows = store.range(&[], &[], usize::MAX, reverse).unwrap();
                    let first = rows.first().map(|(_, value)| value.clone());
                    assert!(rows.iter().all(|(_, value)| Some(value) == first.as_ref()), "a mix of commits");
                    assert!(rows.is_empty() || rows.len() == 50);
                }
            });
        }
        for sequence in 1..400 {
            store
                .commit(
                    sequence,
                    (0..50).map(|key| row(&format!("k{key}"), &format!("{sequence}"))).collect::<Vec<_>>(),
                )
                .unwrap();
        }
        done.store(1, Ordering::Relaxed);
    });
}
