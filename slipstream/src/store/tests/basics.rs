//! What a store promises, one by one.

use super::super::{after, options::OnLoss};
use super::*;
use crate::error::ErrorKind;

#[test]
fn after_a_prefix_comes_nothing_that_starts_with_it() {
    assert_eq!(after(b"ab"), b"ac");
    assert_eq!(after(&[7, 255]), [8]);
    assert!(after(&[255]).is_empty());
}

#[test]
fn a_commit_is_seen_at_once_and_drained_it_is_still_there() {
    let dir = home();
    let store = Store::open(options(dir.path(), dump())).unwrap();
    store.commit(1, vec![row("c", "3"), row("a", "1")]).unwrap();
    store.commit(2, vec![row("b", "2"), (RowValue::from(b"c"), None)]).unwrap();
    let expected =
        [("a", "1"), ("b", "2")].map(|(key, value)| (key.as_bytes().into(), value.as_bytes().into()));
    assert_eq!(store.range(b"a", b"d", 9, false).unwrap(), expected);
    assert!(store.drain_now().unwrap());
    assert_eq!(store.range(b"a", b"d", 9, false).unwrap(), expected);
    assert_eq!(store.range(b"a", b"d", 1, true).unwrap(), expected[1..]);
    assert_eq!((store.verify().unwrap(), store.sequence().unwrap()), (2, 2));
}

#[test]
fn a_snapshot_answers_the_same_and_holds_up_the_drain() {
    let dir = home();
    for store in [Store::in_memory(), Store::open(options(dir.path(), dump())).unwrap()] {
        store.commit(1, vec![row("a", "1")]).unwrap();
        let snapshot = store.snapshot().unwrap();
        store.commit(2, vec![row("a", "2"), row("b", "2")]).unwrap();
        assert!(!store.drain_now().unwrap(), "it was drained under a snapshot");
        assert_eq!(snapshot.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
        assert_eq!(snapshot.range(&[], &[], 9, false).unwrap().len(), 1);
        assert_eq!(store.get(b"a").unwrap().unwrap()[..], "2".as_bytes()[..]);
        assert_eq!((snapshot.sequence(), store.sequence().unwrap()), (1, 2));
        drop(snapshot);
        assert!(store.drain_now().unwrap());
        assert_eq!(store.get(b"a").unwrap().unwrap()[..], "2".as_bytes()[..]);
    }
}

#[test]
fn a_sequence_that_does_not_follow_and_a_row_that_comes_twice_are_refused() {
    let store = Store::in_memory();
    for (sequence, rows) in
        [(2, vec![row("a", "1")]), (1, vec![row("a", "1"), row("a", "2")]), (1, vec![row("", "1")])]
    {
        assert_eq!(store.commit(sequence, rows).unwrap_err().kind(), ErrorKind::Misuse);
    }
    assert_eq!(store.sequence().unwrap(), 0);
    store.commit(1, Vec::new()).unwrap();
    assert_eq!(store.sequence().unwrap(), 1);
}

#[test]
fn a_lazy_store_leaves_no_trace_until_its_first_commit_and_reads_what_is_there() {
    let dir = home();
    let path = dir.path().join("state");
    let store = Store::lazy(options(&path, dump()));
    assert_eq!(store.get(b"a").unwrap(), None);
    assert_eq!(store.snapshot().unwrap().range(&[], &[], 9, false).unwrap(), []);
    assert_eq!((store.sequence().unwrap(), store.verify().unwrap()), (0, 0));
    store.drain_now().unwrap();
    store.close();
    assert!(!path.exists());
    store.commit(1, vec![row("a", "1")]).unwrap();
    drop(store);
    let store = Store::lazy(options(&path, dump()));
    assert_eq!((store.get(b"a").unwrap().unwrap(), store.sequence().unwrap()), (RowValue::from(b"1"), 1));
}

#[test]
fn a_closed_store_lets_go_of_its_directory_and_can_still_be_read() {
    let dir = home();
    let first = Store::open(options(dir.path(), dump())).unwrap();
    first.commit(1, vec![row("a", "1")]).unwrap();
    first.drain_now().unwrap();
    first.close();
    assert_eq!(std::fs::read_dir(dir.path().join("log")).unwrap().count(), 0, "all of it is in the engine");
    assert_eq!(first.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
    first.drain_now().unwrap();
    first.close();
    let second = Store::open(options(dir.path(), dump())).unwrap();
    assert_eq!(second.get(b"a").unwrap().unwrap()[..], "1".as_bytes()[..]);
    second.commit(2, vec![row("a", "2")]).unwrap();
    assert!(first.get(b"a").unwrap_err().to_string().contains("in use"), "it answered with what was");
}

#[test]
fn a_directory_in_use_names_the_process() {
    let dir = home();
    let _first = Store::open(options(dir.path(), dump())).unwrap();
    let error = Store::open(options(dir.path(), dump())).err().unwrap().to_string();
    assert!(error.contains(&format!("in use by process {} (app `tests`)", std::process::id())), "{error}");
}

#[test]
fn lost_state_is_an_error_or_is_moved_aside() {
    let above = home();
    let dir = above.path().join("state");
    let store = Store::open(options(&dir, dump())).unwrap();
    store.commit(1, vec![row("a", "1")]).unwrap();
    store.drain_now().unwrap();
    store.close();
    std::fs::remove_dir_all(dir.join("dump")).unwrap();
    let error = Store::open(options(&dir, dump())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::StateLost);
    assert!(error.to_string().contains("`replay`"), "{error}");
    let replay = StoreOptions { on_loss: OnLoss::Replay, ..options(&dir, dump()) };
    let store = Store::open(replay).unwrap();
    assert_eq!((store.sequence().unwrap(), store.get(b"a").unwrap()), (0, None));
    store.commit(1, vec![row("a", "2")]).unwrap();
    let names: Vec<_> =
        std::fs::read_dir(above.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name.to_str().unwrap().starts_with("state.lost-")), "{names:?}");
}

#[test]
fn a_damaged_row_is_never_answered_and_is_replayed_at_the_next_start() {
    let dir = home();
    for on_loss in [OnLoss::Fail, OnLoss::Replay] {
        let path = dir.path().join(format!("{on_loss:?}"));
        let with = || StoreOptions { on_loss, ..options(&path, dump()) };
        let store = Store::open(with()).unwrap();
        store.commit(1, vec![row("counts\0a", "1"), row("counts\0b", "2")]).unwrap();
        store.drain_now().unwrap();
        store.close();
        let file = path.join("dump").join("rows");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(",49]", ",51]")).unwrap();
        let store = Store::open(with()).unwrap();
        for error in [
            store.get(b"counts\0a").unwrap_err(),
            store.range(b"counts", b"d", 9, true).unwrap_err(),
            store.verify().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains("row of `counts` is damaged"), "{error}");
        }
        assert_eq!(store.get(b"counts\0b").unwrap().unwrap()[..], "2".as_bytes()[..]);
        drop(store);
        let again = Store::open(with()).unwrap();
        assert_eq!(again.sequence().unwrap(), if on_loss == OnLoss::Fail { 1 } else { 0 });
    }
}

#[test]
fn state_that_has_gone_back_says_from_where_to_where() {
    let dir = home();
    let old = home();
    for sequence in 1..=3 {
        let store = Store::open(options(dir.path(), dump())).unwrap();
        store.commit(sequence, vec![row("a", "1")]).unwrap();
        store.drain_now().unwrap();
        store.close();
        if sequence == 2 {
            copy_dir(&dir.path().join("dump"), old.path());
        }
    }
    copy_dir(old.path(), &dir.path().join("dump"));
    let error = Store::open(options(dir.path(), dump())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::StateRolledBack);
    assert!(error.to_string().contains("gone back to commit 2, and 3"), "{error}");
}

#[test]
fn a_fence_and_a_log_that_have_gone_back_behind_the_engine_are_told() {
    let (dir, old) = (home(), home());
    let store = Store::open(options(dir.path(), dump())).unwrap();
    for sequence in 1..=5 {
        store.commit(sequence, vec![row("a", "1")]).unwrap();
        match sequence {
            2 => copy_dir(dir.path(), old.path()),
            4 => assert!(store.drain_now().is_ok()),
            _ => {}
        }
    }
    drop(store);
    std::fs::copy(old.path().join("FENCE"), dir.path().join("FENCE")).unwrap();
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    copy_dir(&old.path().join("log"), &dir.path().join("log"));
    let error = Store::open(options(dir.path(), dump())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::StateRolledBack, "{error}");
}

#[test]
fn an_engine_that_has_gone_back_is_brought_forward_if_the_log_still_can() {
    let dir = home();
    let [engine, log] = ["dump", "log"].map(|name| dir.path().join(name));
    let (old, kept) = (home(), home());
    let store = Store::open(options(dir.path(), dump())).unwrap();
    store.commit(1, vec![row("a", "1"), row("b", "1")]).unwrap();
    store.drain_now().unwrap();
    copy_dir(&engine, old.path());
    store.commit(2, vec![row("a", "2")]).unwrap();
    copy_dir(&log, kept.path());
    store.drain_now().unwrap();
    store.close();
    copy_dir(old.path(), &engine);
    copy_dir(kept.path(), &log);
    let store = Store::open(options(dir.path(), dump())).unwrap();
    let model = [("a", "2"), ("b", "1")].map(|(key, value)| (key.as_bytes().into(), value.as_bytes().into()));
    assert!(!differs(&store, &model.into()).unwrap());
    assert_eq!((store.sequence().unwrap(), store.verify().unwrap()), (2, 2));
}

#[test]
fn a_log_of_another_history_is_not_taken_for_this_one() {
    let write = |value: &str| {
        let dir = home();
        for first in [1, 4] {
            let store = Store::open(options(dir.path(), dump())).unwrap();
            for sequence in first..first + 3 {
                store.commit(sequence, vec![row("a", value)]).unwrap();
            }
        }
        dir
    };
    let other = write("y");
    // All of it, a file before others, the newest file, and one record within a file.
    for parts in [vec![(1_u64, 0..3), (4, 0..3)], vec![(1, 0..3)], vec![(4, 0..3)], vec![(4, 1..2)]] {
        let dir = write("x");
        for (first, part) in parts {
            let [mine, theirs] =
                [&dir, &other].map(|dir| dir.path().join("log").join(format!("{first:020}")));
            let (mut bytes, theirs) = (std::fs::read(&mine).unwrap(), std::fs::read(theirs).unwrap());
            let record = bytes.len() / 3;
            let part = part.start * record..part.end * record;
            bytes[part.clone()].copy_from_slice(&theirs[part]);
            std::fs::write(mine, bytes).unwrap();
        }
        let error = Store::open(options(dir.path(), dump())).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_fence_whose_last_mark_was_torn_still_has_the_one_before() {
    for torn in [0, 4096] {
        let dir = home();
        let store = Store::open(options(dir.path(), dump())).unwrap();
        store.commit(1, vec![row("a", "1")]).unwrap();
        store.commit(2, vec![row("a", "2")]).unwrap();
        drop(store);
        let path = dir.path().join("FENCE");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[torn + 20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(options(dir.path(), dump())).unwrap();
        assert_eq!(store.get(b"a").unwrap().unwrap()[..], b"2"[..]);
    }
}

#[test]
fn the_rest_of_a_log_does_not_hide_newer_rows_of_the_engine() {
    let dir = home();
    let kept = home();
    let store = Store::open(options(dir.path(), dump())).unwrap();
    store.commit(1, vec![row("a", "1")]).unwrap();
    let log = format!("log/{:020}", 1);
    let length = dir.path().join(&log).metadata().unwrap().len();
    store.commit(2, vec![row("a", "2")]).unwrap();
    copy_dir(dir.path(), kept.path());
    store.drain_now().unwrap();
    store.close();
    // As after a crash before the manifest was written; and then the log lost its end.
    for name in [&log, "MANIFEST"] {
        std::fs::copy(kept.path().join(name), dir.path().join(name)).unwrap();
    }
    std::fs::File::options().write(true).open(dir.path().join(&log)).unwrap().set_len(length).unwrap();
    assert_eq!(Store::open(options(dir.path(), dump())).err().unwrap().kind(), ErrorKind::StateRolledBack);
}

#[test]
fn another_engine_and_a_newer_format_are_refused() {
    let dir = home();
    let store = Store::open(options(dir.path(), dump())).unwrap();
    store.commit(1, vec![row("a", "1")]).unwrap();
    drop(store);
    let other = EngineKind { name: "other", ..dump() };
    let error = Store::open(options(dir.path(), other)).err().unwrap().to_string();
    assert!(error.contains("engine `dump`"), "{error}");
    let text = "format 2\nengine dump\nanything else\n";
    let sum = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
    std::fs::write(dir.path().join("MANIFEST"), format!("{text}sum {sum:016x}\n")).unwrap();
    for on_loss in [OnLoss::Fail, OnLoss::Replay] {
        let options = StoreOptions { on_loss, ..options(dir.path(), dump()) };
        let error = Store::open(options).err().unwrap().to_string();
        assert!(error.contains("format 2") && error.contains("newer program"), "{error}");
    }
}

#[test]
fn the_thread_drains_what_is_committed_and_commits_wait_for_it() {
    let dir = home();
    let small = StoreOptions { has_drain: true, undrained_bytes: 20_000, ..options(dir.path(), dump()) };
    let store = Store::open(small).unwrap();
    for sequence in 1..=300 {
        let rows = (0..10).map(|key| row(&format!("k{key}"), &format!("{sequence}"))).collect::<Vec<_>>();
        store.commit(sequence, rows).unwrap();
    }
    assert_eq!(store.get(b"k3").unwrap().unwrap()[..], "300".as_bytes()[..]);
    let started = std::time::Instant::now();
    while std::fs::read_dir(dir.path().join("log")).unwrap().count() > 0 {
        assert!(started.elapsed().as_secs() < 20, "the log was not drained");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!((store.get(b"k3").unwrap().unwrap(), store.verify().unwrap()), (RowValue::from(b"300"), 10));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_directory() {
    use std::os::unix::fs::PermissionsExt as _;
    let above = home();
    let dir = above.path().join("state");
    let _store = Store::open(options(&dir, dump())).unwrap();
    assert_eq!(std::fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
}
