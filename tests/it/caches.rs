//! Caches as a whole: as of one moment, as text, and checked.

use super::common::{LONG, within};
use slipstream::prelude::*;
use slipstream::{ErrorKind, testing};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

static PAIRS: Cache<(u32, bool), u64> = Cache::new("pairs");

/// Both halves of a pair, in one step.
#[handle(source = 0..3000_u64, sink = [PAIRS])]
fn left(n: u64) -> Vec<((u32, bool), u64)> {
    [false, true].map(|half| (((n % 50) as u32, half), n)).to_vec()
}

#[handle(source = 0..3000_u64, sink = [PAIRS], concurrency = 2, key = |n: &u64| n % 2)]
async fn right(n: u64) -> Vec<((u32, bool), u64)> {
    tokio::task::yield_now().await;
    [true, false].map(|half| ((50 + (n % 50) as u32, half), n)).to_vec()
}

fn is_whole(snapshot: &slipstream::Snapshot<'_, (u32, bool), u64>) -> Vec<((u32, bool), u64)> {
    let all = snapshot.iter().collect::<Result<Vec<_>>>().unwrap();
    for pair in all.chunks(2) {
        let [((key, false), n), ((other, true), m)] = pair else { panic!("half a step: {pair:?}") };
        assert_eq!((key, n), (other, m), "half a step");
        assert_eq!(snapshot.get(&(*key, true)).unwrap(), Some(*n));
        assert_eq!(snapshot.prefix(key).count(), 2);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_holds_whole_steps_while_lanes_write_and_commit() {
    let commits = Config::new().set("commit.interval.ms", "1");
    let running = testing::app().config(commits).handler(left).handler(right).start().await.unwrap();
    let running = std::sync::Arc::new(running);
    let ended = AtomicBool::new(false);
    let mut seen = 0;
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looks = 0;
            while !ended.load(SeqCst) || looks < 3 {
                running.enter(|| {
                    let snapshot = PAIRS.snapshot().unwrap();
                    let before = is_whole(&snapshot);
                    std::thread::yield_now();
                    assert_eq!(is_whole(&snapshot), before, "it does not change");
                });
                looks += 1;
            }
            looks
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(within(LONG, running.wait())).unwrap();
        });
        ended.store(true, SeqCst);
        seen = looking.join().unwrap();
    });
    assert!(seen >= 3);
    let last = running.enter(|| is_whole(&PAIRS.snapshot().unwrap()));
    assert_eq!(last.len(), 200);
    running.assert_conserved();
}

static SEEN_OUTSIDE: Cache<u32, u32> = Cache::new("seen outside");

#[handle(source = 1..4_u32)]
fn looks_at_its_own(n: u32) -> Result<()> {
    SEEN_OUTSIDE.put(&n, &n)?;
    assert_eq!(SEEN_OUTSIDE.snapshot()?.iter().count() as u32, n - 1);
    Ok(())
}

#[tokio::test]
async fn a_snapshot_in_a_handler_is_without_its_own_step() {
    super::common::ran(looks_at_its_own).await;
}

static TABLE: Cache<String, (u32, Vec<u8>)> = Cache::new("a \"table\"");
static OTHER: Cache<String, (u32, Vec<u8>)> = Cache::new("another");
static NUMBERS: Cache<u32, u32> = Cache::new("only numbers");

/// A thousand entries as text.
fn exported() -> String {
    for n in 0..1000_u32 {
        TABLE.put(&format!("key {n:04}"), &(n, vec![0, 255, n as u8])).unwrap();
    }
    let mut text = Vec::new();
    assert_eq!(TABLE.export(&mut text).unwrap(), 1000);
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn an_export_is_imported_as_it_was() {
    let running = testing::app().start_idle().await.unwrap();
    let text = running.enter(exported);
    assert_eq!(text.lines().count(), 1002);
    running.enter(|| OTHER.put("key 0007", &(0, Vec::new()))).unwrap();
    assert_eq!(running.scope(OTHER.import(text.as_bytes())).await.unwrap(), 1000);
    running.enter(|| {
        let all = |cache: &'static Cache<_, _>| cache.iter().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(all(&OTHER), all(&TABLE));
    });
    let error = running.scope(NUMBERS.import(text.as_bytes())).await.unwrap_err().to_string();
    assert!(error.contains("line 2 ") && error.contains("only numbers"), "{error}");
}

/// Imports it into an empty cache; the error, and how many entries were written.
async fn refused(running: &Running, text: &[u8]) -> (String, usize) {
    running.enter(|| OTHER.delete_range::<String>(..)).unwrap();
    let error = running.scope(OTHER.import(text)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    (error.to_string(), running.enter(|| OTHER.iter().count()))
}

#[tokio::test]
async fn a_damaged_export_is_refused_by_the_line() {
    let running = testing::app().start_idle().await.unwrap();
    let text = running.enter(exported);
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| format!("{}\n", lines.join("\n")).into_bytes();

    // A bit anywhere in line 700, which is entry 699.
    let start = text.match_indices('\n').nth(698).unwrap().0 + 1;
    for at in [0, 16, 17, 30, lines[699].len() - 1, lines[699].len()] {
        let mut bytes = text.clone().into_bytes();
        bytes[start + at] ^= 1;
        let (error, written) = refused(&running, &bytes).await;
        assert!(error.contains("line 700 "), "{at}: {error}");
        assert_eq!(written, 512, "whole steps before it, and nothing behind it");
    }
    let mut bytes = text.clone().into_bytes();
    bytes[start + 40] = 0xFF;
    assert!(refused(&running, &bytes).await.0.contains("line 700 "), "no text at all");

    let mut missing = lines.clone();
    missing.remove(10);
    assert!(refused(&running, &joined(&missing)).await.0.contains("line 11 "));
    let mut moved = lines.clone();
    moved.swap(20, 21);
    assert!(refused(&running, &joined(&moved)).await.0.contains("line 21 "));
    let mut twice = lines.clone();
    twice.insert(5, lines[5]);
    assert!(refused(&running, &joined(&twice)).await.0.contains("line 7 "));

    let cut = refused(&running, &joined(&lines[..1001])).await.0;
    assert!(cut.contains("cut off before line 1002"), "{cut}");
    let cut = refused(&running, &text.as_bytes()[..text.len() - 1]).await.0;
    assert!(cut.contains("line 1002 "), "{cut}");
    let longer = [text.as_bytes(), b"more\n"].concat();
    assert!(refused(&running, &longer).await.0.contains("line 1003 comes after the end"));
    for other in ["", "\n", "a,b\n", "0000000000000000 slipstream-cache 1 \"x\"\n"] {
        let error = refused(&running, other.as_bytes()).await.0;
        assert!(error.contains("line 1 "), "{other:?}: {error}");
    }
}

static IMPORTED: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);

#[handle(source = [1_u32])]
async fn imports(_n: u32) {
    *IMPORTED.lock().unwrap() = NUMBERS.import(&b""[..]).await.err().map(|error| error.to_string());
}

#[tokio::test]
async fn an_import_is_made_outside_of_handlers() {
    super::common::ran(imports).await;
    let error = IMPORTED.lock().unwrap().clone().unwrap();
    assert!(error.contains("inside of a handler"), "{error}");
}

#[tokio::test]
async fn an_app_can_verify_what_it_has_stored() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        || Config::new().set("app.id", "verified").set("state.dir", dir.path().display().to_string());
    let running = App::new().config(config()).start_idle().await.unwrap();
    assert_eq!(running.verify().await.unwrap(), 0);
    running.enter(|| (0..300_u32).try_for_each(|n| NUMBERS.put(&n, &n))).unwrap();
    running.flush().await.unwrap();
    assert_eq!(running.verify().await.unwrap(), 300);
    running.stop().await.unwrap();
    drop(running);
    let running = App::new().config(config()).start_idle().await.unwrap();
    assert_eq!(running.verify().await.unwrap(), 300);
    running.stop().await.unwrap();
}

fn on_disk(dir: &tempfile::TempDir) -> App {
    App::new().config(Config::new().set("state.dir", dir.path().to_string_lossy()).set("app.id", "broken"))
}

static BIG: Cache<u64, String> = Cache::new("big");

/// What came after a commit that failed cannot be committed without it: it must not be said that it was.
#[tokio::test]
async fn after_a_commit_that_failed_nothing_is_said_to_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let running = on_disk(&dir).start_idle().await.unwrap();
    running.enter(|| BIG.put(&0, &"x".to_owned())).unwrap();
    running.flush().await.unwrap();
    std::fs::rename(dir.path().join("broken"), dir.path().join("gone")).unwrap();
    // More than the open file of the log takes.
    running.enter(|| (1..=20).for_each(|n| BIG.put(&n, &"x".repeat(1 << 20)).unwrap()));
    running.flush().await.unwrap_err();
    running.enter(|| BIG.put(&21, &"x".to_owned())).unwrap();
    let again = running.flush().await.unwrap_err();
    assert!(again.to_string().contains("restart the app"), "{again}");
    within(LONG, running.wait()).await.expect_err("it ends with what went wrong");
}

/// An abort may cut a commit off: what is written after it is kept, or the flush fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_after_an_abort_keeps_its_word() {
    static LAST: Cache<u64, u64> = Cache::new("last");
    let dir = tempfile::tempdir().unwrap();
    let mut flushes = 0;
    for round in 0..12_u64 {
        let running = on_disk(&dir).start_idle().await.unwrap();
        running.enter(|| (0..10_000).for_each(|n| LAST.put(&n, &round).unwrap()));
        tokio::time::sleep(millis(round * 8)).await;
        running.abort();
        let _ = running.wait().await;
        running.enter(|| LAST.put(&99_999, &round)).unwrap();
        let flushed = running.flush().await.is_ok();
        drop(running);
        let running = on_disk(&dir).start_idle().await.unwrap();
        let kept = running.enter(|| LAST.get(&99_999)).unwrap() == Some(round);
        assert!(kept || !flushed, "round {round}: it was flushed, and is gone");
        flushes += u32::from(flushed);
        running.stop().await.unwrap();
    }
    assert!(flushes > 0, "no flush went well");
}
