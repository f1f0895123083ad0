//! A process that is killed while it commits and drains over sled.

use super::super::sled;
use super::*;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

const DIR: &str = "SLIPSTREAM_KILLS_DIR";

/// Each commit moves all rows of a few keys on, and leaves some of those before.
fn rows_of(sequence: u64) -> Vec<Row> {
    let mut random = Random(sequence);
    let mut rows: BTreeMap<_, _> =
        (0..20).map(|key| row(&format!("hot\0{key:02}"), &sequence.to_string())).collect();
    for _ in 0..10 {
        let most = random.below(6000);
        let key = RowKey::from(format!("cold\0{:04}", random.below(3000)).into_bytes());
        rows.insert(key, (random.below(5) > 0).then(|| vec![sequence as u8; 1 + random.below(most)].into()));
    }
    rows.into_iter().collect()
}

/// Not a test: what the others start and kill.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let with = StoreOptions {
        has_drain: true,
        undrained_bytes: 1 << 20,
        ..options(dir.as_ref(), sled::kind(1 << 26))
    };
    let store = Store::open(with).unwrap();
    for sequence in store.sequence().unwrap() + 1.. {
        store.commit(sequence, rows_of(sequence)).unwrap();
        println!("\nacknowledged {sequence}");
    }
}

#[test]
fn a_killed_process_loses_no_commit_that_was_acknowledged() {
    let dir = home();
    let (mut random, mut model, mut modelled) = (Random(23), Model::new(), 0);
    for _ in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::tests::kills::child", "--exact", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::io::Result::ok);
        let mut acknowledged =
            lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let last = acknowledged.nth(20 + random.below(200)).unwrap();
        child.kill().unwrap();
        let last = acknowledged.last().unwrap_or(last);
        child.wait().unwrap();
        let store = Store::open(options(dir.path(), sled::kind(1 << 26))).unwrap();
        let sequence = store.sequence().unwrap();
        assert!(sequence == last || sequence == last + 1, "{sequence} and {last} was acknowledged");
        for next in modelled + 1..=sequence {
            apply(&mut model, &rows_of(next));
        }
        modelled = sequence;
        assert!(!differs(&store, &model).unwrap(), "commit {sequence} is not what it was");
        store.verify().unwrap();
    }
}
