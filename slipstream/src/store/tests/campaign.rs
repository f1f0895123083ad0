//! The campaign: whatever happens to the files, a store answers rightly or with an error.

use super::corruptions::{KINDS, corrupt, files};
use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Debug, Default)]
struct Counts {
    /// How many corruptions of each kind could be done.
    kinds: [usize; KINDS],
    right: usize,
    detected: usize,
    silent: Vec<String>,
    panicked: Vec<String>,
}

/// A directory with a past: some of it in the engine, some in the log, or all in the engine.
fn live(dir: &Path, older: &Path, engine: &EngineKind, is_closed: bool, seed: u64) -> History {
    let (mut random, mut history) = (Random(seed), vec![Model::new()]);
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

/// What one look at a damaged state can find.
#[derive(Default)]
struct Seen {
    has_lied: bool,
    error: bool,
}

impl Seen {
    /// What was answered without an error must be right, whatever other answers say.
    fn ask<T: PartialEq>(&mut self, answer: Result<T>, right: &T) {
        match answer {
            Ok(answer) => self.has_lied |= answer != *right,
            Err(_) => self.error = true,
        }
    }
}

/// Asks a damaged state for everything.
fn judge(dir: &Path, engine: &EngineKind, history: &History) -> Seen {
    let mut seen = Seen::default();
    let Ok(store) = Store::open(options(dir, engine.clone())) else { return Seen { error: true, ..seen } };
    let model = history.last().unwrap();
    let all = between(model, &[], &[]);
    let back = all.iter().rev().cloned().collect();
    seen.ask(store.sequence(), &(history.len() as u64 - 1));
    seen.ask(store.range(&[], &[], usize::MAX, false), &all);
    seen.ask(store.range(&[], &[], usize::MAX, true), &back);
    for (key, value) in model {
        seen.ask(store.get(key), &Some(value[..].into()));
    }
    for key in ["a", "c/0", "zz"].map(str::as_bytes).iter().filter(|key| !model.contains_key(**key)) {
        seen.ask(store.get(key), &None);
    }
    seen.ask(store.verify(), &(model.len() as u64));
    seen
}

fn campaign(engine: &EngineKind, rounds: usize, seed: u64) -> Counts {
    let mut counts = Counts::default();
    for is_closed in [false, true] {
        let home = home();
        let [dir, older, image] = ["state", "older", "image"].map(|name| home.path().join(name));
        let history = live(&dir, &older, engine, is_closed, seed);
        let mut random = Random(seed + 6);
        for target in files(&dir) {
            for kind in 0..KINDS * rounds {
                copy_dir(&dir, &image);
                let target = image.join(target.strip_prefix(&dir).unwrap());
                let done = corrupt(&image, &older, &target, kind % KINDS, &mut |bound| random.below(bound));
                if let Some(done) = done {
                    counts.kinds[kind % KINDS] += 1;
                    match catch_unwind(AssertUnwindSafe(|| judge(&image, engine, &history))) {
                        Ok(Seen { has_lied: true, .. }) => counts.silent.push(done),
                        Ok(Seen { error: true, .. }) => counts.detected += 1,
                        Ok(_) => counts.right += 1,
                        Err(_) => counts.panicked.push(done),
                    }
                }
                std::fs::remove_dir_all(&image).unwrap();
            }
        }
    }
    for (what, why) in [("silent", &counts.silent), ("panicked", &counts.panicked)] {
        why.iter().for_each(|why| println!("{what}: {why}, by seed {seed}"));
    }
    println!(
        "campaign: kinds {KINDS} least {} right {} detected {} silent {} panicked {}",
        counts.kinds.iter().min().unwrap(),
        counts.right,
        counts.detected,
        counts.silent.len(),
        counts.panicked.len()
    );
    counts
}

#[test]
fn damaged_files_are_never_answered_from() {
    let counts = campaign(&dump(), 4, 11);
    // The engine of the tests has no checksums of its own, and does not miss what is not there.
    let ours: Vec<_> = counts.silent.iter().filter(|what| !what.contains("dump")).collect();
    assert!(ours.is_empty() && counts.panicked.is_empty(), "{counts:#?}");
    assert!(counts.detected > 100);
}

#[cfg(feature = "sled")]
#[test]
fn neither_are_those_of_sled() {
    let counts = campaign(&super::super::sled::kind(1 << 26), 1, 11);
    assert!(counts.silent.is_empty() && counts.panicked.is_empty(), "{counts:#?}");
    assert!(counts.detected > 50);
}

/// For `cargo xtask chaos corruption`, which says how long it is and where it begins.
#[cfg(feature = "sled")]
#[test]
#[ignore = "it takes minutes"]
fn a_long_campaign() {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, seed) = (number("SLIPSTREAM_CAMPAIGN_ROUNDS", 10), number("SLIPSTREAM_CAMPAIGN_SEED", 1));
    let counts = campaign(&super::super::sled::kind(1 << 26), rounds as usize, seed);
    assert!(counts.silent.is_empty() && counts.panicked.is_empty(), "{counts:#?}");
}
