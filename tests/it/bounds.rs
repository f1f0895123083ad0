//! Caches whose entries expire, and caches that have a size.

use super::common::{LONG, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output, stopped_clock};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Waits until something is so.
async fn until(running: &Running, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !running.enter(&mut is_so) {
            tokio::time::sleep(millis(1)).await;
        }
    };
    within(LONG, wait).await;
}

static BEATS: Cache<u64, u64> = Cache::new("beats").ttl(secs(3));

#[handle(source = every(secs(1)), sink = [BEATS])]
fn beat(n: u64) -> (u64, u64) {
    (n, n)
}

#[tokio::test]
async fn what_a_handler_sent_expires_by_the_apps_clock() {
    let running = testing::app().clock(stopped_clock()).handler(beat).start().await.unwrap();
    running.advance(secs(10)).await;
    let keys = || BEATS.keys().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(running.enter(keys), [7, 8, 9], "{:?}", running.report());
    running.advance(secs(5)).await;
    assert_eq!(running.enter(keys), [12, 13, 14]);
    let report = running.report();
    assert_eq!(report.evicted.len(), 1);
    assert_eq!((report.evicted[0].expired, report.evicted[0].over_max_bytes), (12, 0));
    assert!(report.to_string().contains("beats: evicted, expired 12 over max_bytes 0"), "{report}");
    running.stop().await.unwrap();
    running.assert_conserved();
}

static SESSIONS: Cache<String, u32> = Cache::new("sessions").ttl(mins(30));

#[tokio::test]
async fn an_expired_entry_is_never_seen_though_it_was_not_evicted_yet() {
    let running = testing::app().clock(stopped_clock()).start_idle().await.unwrap();
    running.enter(|| {
        SESSIONS.put("ida", &1).unwrap();
        running.clock().advance(mins(20));
        SESSIONS.put("bo", &2).unwrap();
        let before = SESSIONS.snapshot().unwrap();
        // Nobody else runs from here on.
        running.clock().advance(mins(10));
        assert_eq!(SESSIONS.evicted().unwrap().expired, 0);
        assert_eq!(SESSIONS.get("ida").unwrap(), None);
        assert!(!SESSIONS.contains("ida").unwrap());
        assert_eq!(SESSIONS.keys().collect::<Result<Vec<_>>>().unwrap(), ["bo"]);
        assert_eq!(SESSIONS.iter().rev().count() + SESSIONS.range("a".to_owned()..).count(), 2);
        assert_eq!(SESSIONS.prefix("i").count(), 0);
        let mut text = Vec::new();
        assert_eq!(SESSIONS.export(&mut text).unwrap(), 1);
        let snapshot = SESSIONS.snapshot().unwrap();
        assert_eq!((snapshot.get("ida").unwrap(), snapshot.iter().count()), (None, 1));
        assert_eq!(before.get("ida").unwrap(), Some(1), "a snapshot is of its moment");
        assert_eq!(SESSIONS.update("ida", |n| n.unwrap_or(10) + 1).unwrap(), 11);
    });
    running.quiet().await;
    running.enter(|| {
        assert_eq!(SESSIONS.get("ida").unwrap(), Some(11), "it was written anew");
        assert_eq!(SESSIONS.evicted().unwrap().expired, 0, "it was taken over, not evicted");
    });
    running.advance(mins(29)).await;
    running.enter(|| {
        assert_eq!(SESSIONS.keys().collect::<Result<Vec<_>>>().unwrap(), ["ida"]);
        assert_eq!(SESSIONS.evicted().unwrap().expired, 1);
    });
}

/// Each entry has 8 bytes of key and 12 of value.
static RECENT: Cache<u64, String> = Cache::new("recent").max_bytes(2000);

fn text(n: u64) -> String {
    format!("text {n:06}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_over_its_size_lets_go_of_what_was_written_longest_ago() {
    let running = testing::app().start_idle().await.unwrap();
    running.enter(|| (0..5000).try_for_each(|n| RECENT.put(&n, &text(n)))).unwrap();
    running.enter(|| RECENT.put(&4950, &text(4950))).unwrap();
    until(&running, || RECENT.iter().count() <= 100).await;
    running.enter(|| {
        let all = RECENT.iter().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(all.len(), 100, "no more than needed");
        assert_eq!(all, (4900..5000).map(|n| (n, text(n))).collect::<Vec<_>>());
        assert_eq!(RECENT.evicted().unwrap().over_max_bytes, 4900);
        RECENT.put(&1, &text(1)).unwrap();
    });
    until(&running, || !RECENT.contains(&4900).unwrap()).await;
    assert!(running.enter(|| RECENT.contains(&1)).unwrap());
}

static NOTES: Cache<String, String> = Cache::new("notes").max_bytes(50);

#[tokio::test]
async fn an_entry_that_is_larger_than_the_cache_goes_alone() {
    let running = testing::app().start_idle().await.unwrap();
    running.enter(|| NOTES.put("a", &"small".to_owned())).unwrap();
    running.enter(|| NOTES.put("b", &"old".to_owned())).unwrap();
    running.enter(|| NOTES.put("b", &"x".repeat(50))).unwrap();
    running.enter(|| {
        assert_eq!(NOTES.get("b").unwrap(), None, "neither the new value nor the old one");
        assert_eq!(NOTES.evicted().unwrap().over_max_bytes, 1);
    });
    running.quiet().await;
    assert_eq!(running.enter(|| NOTES.get("a")).unwrap(), Some("small".to_owned()));
}

static HOT: Cache<u64, u64> = Cache::new("hot").max_bytes(10_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_written_anew_while_its_old_one_is_evicted_stays() {
    let running = testing::app().start_idle().await.unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            running.enter(|| {
                let mut n = 1_000_000;
                while !ended.load(SeqCst) {
                    HOT.put(&n, &n).unwrap();
                    n += 1;
                }
            });
        });
        running.enter(|| {
            for n in 0..20_000 {
                // As many as are old by then, so that evictor and writer meet.
                HOT.put(&(n % 300), &n).unwrap();
                assert_eq!(HOT.get(&(n % 300)).unwrap(), Some(n));
            }
        });
        ended.store(true, SeqCst);
        flood.join().unwrap();
    });
    assert!(running.enter(|| HOT.evicted()).unwrap().over_max_bytes > 1000);
}

static OFFERS: Cache<String, u32> = Cache::new("offers").ttl(secs(10));
static TAKEN: Output<(String, u32)> = Output::new("taken offers");

#[handle(source = OFFERS, sink = [TAKEN])]
fn take_offer(offer: (String, u32)) -> (String, u32) {
    offer
}

#[tokio::test]
async fn evictions_are_as_silent_as_delete_and_who_looks_on_late_sees_nothing_expired() {
    let app = testing::app().clock(stopped_clock()).handler(take_offer).handler(beat);
    let running = app.start().await.unwrap();
    running.scope(looked_on_late(&running)).await;
    running.stop().await.unwrap();
    let taken = running.drain(&TAKEN).unwrap();
    assert_eq!(
        taken,
        [("tea".to_owned(), 1), ("coffee".to_owned(), 2)],
        "all that was sent, and no eviction"
    );
}

async fn looked_on_late(running: &Running) {
    let mut updates = std::pin::pin!(OFFERS.updates().unwrap());
    OFFERS.publish("tea", &1).unwrap();
    running.advance(secs(10)).await;
    assert_eq!(OFFERS.evicted().unwrap().expired, 1);
    OFFERS.publish("coffee", &2).unwrap();
    assert_eq!(updates.next().await, Some(Ok(("coffee".to_owned(), 2))));
    running.quiet().await;
}

static PLAIN: Cache<u32, u32> = Cache::new("changes");
static BOUND: Cache<u32, u32> = Cache::new("changes").ttl(hours(1));

#[tokio::test]
async fn a_bound_can_be_added_and_removed_and_leaves_nothing_behind() {
    let (broker, clock) = (Broker::new(), stopped_clock());
    let app = || broker.app().clock(clock.clone()).start_idle();
    for round in 0..3_u32 {
        let running = app().await.unwrap();
        running.enter(|| (0..100).try_for_each(|n| PLAIN.put(&n, &(n + round)))).unwrap();
        stored(&running, 100).await;
        running.stop().await.unwrap();
        drop(running);

        let running = app().await.unwrap();
        running.enter(|| assert_eq!(BOUND.get(&7).unwrap(), Some(7 + round)));
        // For each entry a row, and one that says so.
        stored(&running, 201).await;
        running.advance(mins(59)).await;
        running.enter(|| {
            assert_eq!(BOUND.iter().count(), 100, "they count as written when the bound was set");
            BOUND.put(&7, &1000).unwrap();
        });
        running.advance(mins(1)).await;
        running.enter(|| {
            assert_eq!(BOUND.iter().collect::<Result<Vec<_>>>().unwrap(), [(7, 1000)]);
            assert_eq!(BOUND.evicted().unwrap().expired, 99);
        });
        running.stop().await.unwrap();
        drop(running);

        let running = app().await.unwrap();
        running.advance(hours(2)).await;
        assert_eq!(running.enter(|| PLAIN.get(&7)).unwrap(), Some(1000), "without a bound nothing expires");
        stored(&running, 1).await;
        running.stop().await.unwrap();
    }
}

/// Waits until the store has so many rows.
async fn stored(running: &Running, rows: u64) {
    for tries in 0.. {
        running.flush().await.unwrap();
        let now = running.verify().await.unwrap();
        if now == rows {
            return;
        }
        assert!(tries < 500, "{now} rows, not {rows}");
        tokio::time::sleep(millis(1)).await;
    }
}

static LOADED: Cache<u64, u64> = Cache::new("loaded").max_bytes(5000);

#[handle(source = 0..3000_u64, sink = [LOADED], concurrency = 3, key = |n: &u64| n % 7)]
async fn load(n: u64) -> Result<(u64, u64)> {
    if n.is_multiple_of(50) {
        tokio::time::sleep(millis(1)).await;
    }
    if n.is_multiple_of(11) {
        LOADED.delete(&(n / 2))?;
    }
    Ok((n, LOADED.get(&(n % 10))?.unwrap_or(0)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lanes_go_on_while_entries_are_evicted_and_all_is_accounted_for() {
    let running = testing::app().handler(load).handler(beat).start().await.unwrap();
    until(&running, || running.report().handler("load").done == 3000).await;
    until(&running, || LOADED.iter().count() <= 5000 / 9).await;
    running.stop().await.unwrap();
    running.assert_conserved();
    assert!(running.enter(|| LOADED.evicted()).unwrap().over_max_bytes > 1000);
}

static FLOOD: Cache<u64, [u64; 8]> = Cache::new("flood").max_bytes(10_000);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

#[handle(source = 0..60_000_u64, sink = [FLOOD])]
async fn flood(n: u64) -> (u64, [u64; 8]) {
    if n.is_multiple_of(1000) {
        LARGEST.fetch_max(FLOOD.keys().count(), SeqCst);
    }
    (n, [u64::MAX; 8])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_faster_than_entries_are_evicted_waits() {
    let running = testing::app().handler(flood).start().await.unwrap();
    running.wait().await.unwrap();
    // An entry has 8 bytes of key, and 73 of value.
    let largest = 81 * LARGEST.load(SeqCst);
    assert!(largest <= 10_000 + (64 << 10) + 81, "{largest}");
    running.assert_conserved();
}

#[test]
fn a_bound_of_nothing_is_a_panic() {
    let zero = || std::panic::catch_unwind(|| Cache::<u32, u32>::new("zero").ttl(Duration::from_nanos(999)));
    assert!(zero().is_err());
    assert!(std::panic::catch_unwind(|| Cache::<u32, u32>::new("zero").max_bytes(0)).is_err());
    let _for_ever = Cache::<u32, u32>::new("for ever").ttl(Duration::MAX).max_bytes(u64::MAX);
}
