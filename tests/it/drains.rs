//! A stop: what was taken is handled to its end, and the books balance.

use super::common::{LONG, counts, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
static NUMBERS: Topic<u64, u64> = Topic::new("drained numbers").start(Start::Earliest);

fn fast() -> impl Iterator<Item = u64> {
    0..2_000_000
}

#[handle(source = fast)]
fn beside(_n: u64) {}

#[handle(source = fast)]
fn fails_soon(n: u64) -> Result<()> {
    if n == 50 { Err(Error::msg("fifty")) } else { Ok(()) }
}

async fn works() {
    BEGUN.fetch_add(1, SeqCst);
    tokio::time::sleep(millis(20)).await;
    ENDED.fetch_add(1, SeqCst);
}

#[handle(source = fast, concurrency = 5, key = |n: &u64| *n)]
async fn crowd(_n: u64) {
    works().await;
}

#[handle(source = NUMBERS)]
fn beside_of_topic(_n: u64) {}

#[handle(source = NUMBERS, concurrency = 5)]
async fn crowd_of_topic(_n: u64) {
    works().await;
}

async fn fill(count: u64) -> Result<()> {
    for n in 0..count {
        NUMBERS.send((n, n)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_the_lanes_of_a_concurrent_handler_of_a_shared_source_end() {
    let shared = testing::app().handler(beside).handler(crowd);
    let failing = testing::app().handler(fails_soon).handler(crowd);
    let topic =
        testing::app().on_start(async || fill(300).await).handler(beside_of_topic).handler(crowd_of_topic);
    for (app, name, fails) in
        [(shared, "crowd", false), (failing, "crowd", true), (topic, "crowd_of_topic", false)]
    {
        BEGUN.store(0, SeqCst);
        ENDED.store(0, SeqCst);
        let running = app.start().await.unwrap();
        tokio::time::sleep(millis(110)).await;
        assert_eq!(within(LONG, running.stop()).await.is_err(), fails);
        let counts = counts(&running, name);
        assert_eq!((counts.done, counts.open), (counts.taken, 0), "{name} {fails}: {counts:?}");
        assert_eq!(BEGUN.load(SeqCst), ENDED.load(SeqCst));
        assert_eq!(ENDED.load(SeqCst), counts.done);
    }
}

#[handle(source = NUMBERS)]
async fn slow(_n: u64) {
    tokio::time::sleep(millis(1)).await;
}

#[tokio::test]
async fn what_a_topic_delivered_and_nobody_took_is_no_leak() {
    let running = testing::app().on_start(async || fill(100).await).handler(slow).start().await.unwrap();
    tokio::time::sleep(millis(20)).await;
    running.stop().await.unwrap();
    running.assert_conserved();
    assert!(running.report().sources[0].waiting > 0, "else it shows nothing: {:?}", running.report());
}

static KEPT: Cache<u32, u32> = Cache::new("kept");

#[handle(source = 0..3_u32)]
fn ends(_n: u32) {}

#[tokio::test]
async fn a_hook_that_hangs_is_dropped_at_the_deadline_of_a_stop() {
    let app = testing::app().config(Config::new().set("shutdown.timeout.ms", "200")).handler(ends);
    let running = app.on_stop(async || std::future::pending().await).start().await.unwrap();
    let by_itself = tokio::time::timeout(millis(400), running.wait()).await;
    assert!(by_itself.is_err(), "nobody has asked it to stop: a hook may take its time");
    let error = within(LONG, running.stop()).await.unwrap_err();
    assert!(error.to_string().contains("on_stop"), "{error}");
}

#[tokio::test]
async fn an_abort_does_not_wait_for_a_hook() {
    let running = testing::app().handler(ends).on_stop(async || std::future::pending().await);
    let running = running.start().await.unwrap();
    running.quiet().await;
    running.abort();
    let error = within(LONG, running.wait()).await.unwrap_err();
    assert!(error.to_string().contains("aborted"), "{error}");
}

#[tokio::test]
async fn what_is_written_by_a_hook_of_the_end_and_after_it_is_committed() {
    let broker = Broker::new();
    let running = broker.app().handler(ends).on_stop(async || KEPT.put(&1, &10)).start().await.unwrap();
    within(LONG, running.wait()).await.unwrap();
    let kept = async |key: u32| {
        let other = broker.app().start_idle().await.unwrap();
        other.enter(|| KEPT.get(&key)).unwrap()
    };
    assert_eq!(kept(1).await, Some(10));
    running.enter(|| KEPT.put(&2, &20)).unwrap();
    within(LONG, running.flush()).await.unwrap();
    assert_eq!(kept(2).await, Some(20));
    running.enter(|| KEPT.put(&3, &30)).unwrap();
    drop(running);
    assert_eq!(kept(3).await, Some(30));
}

#[tokio::test]
async fn the_state_can_be_opened_again_as_soon_as_an_app_has_run() {
    let directory = tempfile::tempdir().unwrap();
    let app = || {
        App::new().config(Config::new().set("state.dir", directory.path().to_str().unwrap())).handler(writes)
    };
    for n in 0..5 {
        app().run_until(std::future::pending()).await.unwrap();
        let running = app().start().await.unwrap_or_else(|error| panic!("{n}: {error}"));
        within(LONG, running.wait()).await.unwrap();
        running.enter(|| KEPT.put(&n, &n)).unwrap();
    }
    let running = app().start().await.unwrap();
    assert_eq!(running.enter(|| KEPT.get(&4)).unwrap(), Some(4));
}

#[handle(source = 10..13_u32, sink = [KEPT])]
fn writes(n: u32) -> (u32, u32) {
    (n, n)
}

#[handle(source = fast)]
fn counts_on(_n: u64) {}

#[handle(source = fast, buffer = 100, sink = [|_| ()])]
fn counts_on_behind(n: u64) -> u64 {
    n
}

#[handle(source = fast, concurrency = 3, key = |n: &u64| *n)]
fn counts_on_in_three(_n: u64) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_books_can_be_asked_for_at_any_time() {
    let app = testing::app().handler(counts_on).handler(counts_on_behind).handler(counts_on_in_three);
    let running = app.start().await.unwrap();
    for _ in 0..2000 {
        running.assert_conserved();
    }
    assert!(running.report().handler("counts_on").done < 2_000_000, "it runs still");
    running.abort();
    within(LONG, running.wait()).await.unwrap_err();
    running.assert_conserved();
}

static ONE: Topic<u32, u32> = Topic::new("one").start(Start::Earliest);
static YIELDED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn yielded(n: u32) {
    YIELDED.lock().unwrap().push(n);
}

#[handle(source = ONE, sink = [yielded])]
fn endless(_n: u32) -> impl Stream<Item = u32> {
    slipstream::iter(0..)
}

#[handle(source = ONE, concurrency = 2, sink = [yielded])]
fn endless_in_two(_n: u32) -> impl Stream<Item = u32> {
    slipstream::iter(0..)
}

#[tokio::test]
async fn a_stream_that_never_ends_is_cut_after_a_yield_and_goes_on_there() {
    for name in ["endless", "endless_in_two"] {
        YIELDED.lock().unwrap().clear();
        let broker = Broker::new();
        let filled = broker.app().start_idle().await.unwrap();
        for n in 0..9 {
            // All of one key: what waits behind the one that is cut short.
            filled.scope(ONE.send((1, n))).await.unwrap();
        }
        drop(filled);
        let mut before = 0;
        for _ in 0..3 {
            let app = broker.app();
            let app = if name == "endless" { app.handler(endless) } else { app.handler(endless_in_two) };
            let running = app.start().await.unwrap();
            tokio::time::sleep(millis(30)).await;
            within(LONG, running.stop()).await.unwrap();
            let counts = counts(&running, name);
            assert_eq!((counts.taken, counts.done, counts.open), (0, 0, 0), "{name}: it is taken again");
            let now = YIELDED.lock().unwrap().len();
            assert!(now > before, "{name}: {now}");
            before = now;
        }
        let yielded = YIELDED.lock().unwrap();
        assert!(yielded.iter().zip(0..).all(|(n, at)| *n == at), "{name}: each once: {yielded:?}");
    }
}

#[handle(source = 0..1_u32, sink = [|_| ()])]
fn five(_n: u32) -> impl Stream<Item = u64> {
    every(millis(20)).take(5)
}

#[tokio::test]
async fn a_stream_over_a_source_that_does_not_come_again_is_waited_for() {
    let running = testing::app().handler(five).start().await.unwrap();
    tokio::time::sleep(millis(30)).await;
    within(LONG, running.stop()).await.unwrap();
    assert_eq!(running.report().sink("five", "sink").delivered, 5);
    assert_eq!(counts(&running, "five").done, 1);
}
