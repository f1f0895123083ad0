//! Batches: many outputs in one call, in order, before their positions are committed.

use super::common::{LONG, Random, ended, failed, ran, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Input, stopped_clock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};

static SIZES: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());

fn keep_sizes(items: Vec<u32>) {
    SIZES.lock().unwrap().push(items);
}

#[handle(source = 0..250_u32, sink = [batch(100, secs(60), keep_sizes)])]
fn many(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn outputs_go_out_in_order_by_the_size_and_what_is_left_at_the_end() {
    let running = ran(many).await;
    let calls = std::mem::take(&mut *SIZES.lock().unwrap());
    assert!(calls.iter().all(|call| call.len() <= 100 && !call.is_empty()));
    assert_eq!(calls.concat(), (0..250).collect::<Vec<_>>());
    let counts = running.report().sink("many", "batch");
    assert_eq!((counts.offered, counts.delivered, counts.open), (250, 250, 0));
}

static ARRIVALS: Input<u32> = Input::new("arrivals");
static LATEST: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());

async fn keep_late(items: Vec<u32>) {
    LATEST.lock().unwrap().push(items);
}

#[handle(source = ARRIVALS, sink = [batch(3, millis(50), keep_late)])]
fn arrive(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn the_first_output_waits_for_others_no_longer_than_it_may() {
    let config = Config::new().set("commit.interval.ms", "1000");
    let app = testing::app().config(config).clock(stopped_clock()).handler(arrive);
    let running = app.start().await.unwrap();
    let calls = || LATEST.lock().unwrap().clone();
    running.feed(&ARRIVALS, [1]).unwrap();
    running.advance(millis(30)).await;
    running.feed(&ARRIVALS, [2]).unwrap();
    running.advance(millis(19)).await;
    assert!(calls().is_empty());
    assert_eq!(running.report().sink("arrive", "batch").open, 2);
    running.advance(millis(1)).await;
    assert_eq!(calls(), [vec![1, 2]], "50 ms after the first");
    running.feed(&ARRIVALS, [3, 4, 5, 6]).unwrap();
    running.quiet().await;
    assert_eq!(calls(), [vec![1, 2], vec![3, 4, 5]], "as soon as there are so many");
    within(LONG, running.flush()).await.unwrap();
    assert_eq!(calls(), [vec![1, 2], vec![3, 4, 5], vec![6]], "a commit does not wait for the time");
    running.end(&ARRIVALS).unwrap();
    within(LONG, running.wait()).await.unwrap();
    running.assert_conserved();
}

static AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static MOST_AT_ONCE: AtomicUsize = AtomicUsize::new(0);
static WAITING: AtomicUsize = AtomicUsize::new(0);
static MOST_WAITING: AtomicUsize = AtomicUsize::new(0);

async fn slow_insert(items: Vec<u32>) -> Result<()> {
    MOST_AT_ONCE.fetch_max(AT_ONCE.fetch_add(1, SeqCst) + 1, SeqCst);
    tokio::time::sleep(millis(1)).await;
    AT_ONCE.fetch_sub(1, SeqCst);
    WAITING.fetch_sub(items.len(), SeqCst);
    Ok(())
}

#[handle(source = 0..500_u32, sink = [batch(10, millis(5), slow_insert)])]
fn fast(n: u32) -> u32 {
    MOST_WAITING.fetch_max(WAITING.fetch_add(1, SeqCst) + 1, SeqCst);
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_do_not_overlap_and_the_lane_waits_while_two_batches_wait() {
    let running = ran(fast).await;
    assert_eq!(MOST_AT_ONCE.load(SeqCst), 1);
    // One in the call, two that wait, and the message in hand.
    assert!((25..=31).contains(&MOST_WAITING.load(SeqCst)), "{MOST_WAITING:?}");
    assert_eq!(running.report().sink("fast", "batch").delivered, 500);
}

static FAILURES: AtomicU32 = AtomicU32::new(0);
static RETRIED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Fails, panics in its call, panics in its future, then goes well.
fn at_the_fourth_time(items: Vec<u32>) -> impl Future<Output = Result<(), std::fmt::Error>> {
    let time = FAILURES.fetch_add(1, SeqCst) % 4;
    assert!(time != 1, "in the call");
    async move {
        assert!(time != 2, "in the future");
        if time == 0 {
            return Err(std::fmt::Error);
        }
        RETRIED.lock().unwrap().extend(items);
        Ok(())
    }
}

#[handle(
    source = 0..20_u32,
    sink = [batch(8, millis(1), at_the_fourth_time), print],
    on_error = retry(3, fixed(millis(1)))
)]
fn patient(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_call_that_fails_or_panics_is_made_again_by_policy() {
    let running = ran(patient).await;
    assert_eq!(*RETRIED.lock().unwrap(), (0..20).collect::<Vec<_>>());
    let report = running.report();
    let counts = report.sink("patient", "batch");
    assert_eq!((counts.offered, counts.delivered, counts.failed), (20, 20, 0));
    assert_eq!(report.handler("patient").retries, FAILURES.load(SeqCst) as u64 / 4 * 3);
}

/// No `Clone`: without `retry` nobody needs it.
struct Row(u32);

fn no_five(rows: Vec<Row>) -> Result<()> {
    if rows.iter().any(|row| row.0 == 5) { Err(Error::msg("no five")) } else { Ok(()) }
}

#[handle(source = 0..100_u32, sink = [batch(2, millis(1), no_five)], on_error = skip)]
async fn stubborn(n: u32) -> Row {
    tokio::task::yield_now().await;
    Row(n)
}

#[tokio::test]
async fn a_call_that_fails_for_good_stops_the_app_whatever_the_policy() {
    let (running, error) = failed(testing::app().handler(stubborn)).await;
    let error = error.to_string();
    assert!(
        error.contains("`stubborn`") && error.contains("`batch`") && error.contains("no five"),
        "{error}"
    );
    let counts = running.report().sink("stubborn", "batch");
    assert!(counts.failed >= 1 && counts.delivered >= 4 && counts.open == 0, "{counts:?}");
}

fn panics(_: Vec<u32>) {
    panic!("out of order");
}

#[handle(source = 0..100_u32, sink = [batch(2, millis(1), panics)])]
fn unlucky(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_call_that_panics_stops_the_app() {
    let (_running, error) = failed(testing::app().handler(unlucky)).await;
    assert!(error.to_string().contains("panicked: out of order"), "{error}");
}

static GOOD: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static CACHED: Cache<u32, u32> = Cache::new("cached");

fn no_three((n, _): (u32, u32)) -> Result<()> {
    if n == 3 { Err(Error::msg("no three")) } else { Ok(()) }
}

fn good(items: Vec<(u32, u32)>) {
    GOOD.lock().unwrap().extend(items.iter().map(|item| item.0));
}

#[handle(source = 0..6_u32, sink = [batch(2, millis(1), good), CACHED, no_three], on_error = skip)]
fn beside_others(n: u32) -> (u32, u32) {
    (n, n)
}

#[tokio::test]
async fn a_step_that_fails_has_sent_nothing_to_a_batch() {
    let running = ran(beside_others).await;
    assert_eq!(*GOOD.lock().unwrap(), [0, 1, 2, 4, 5]);
    let counts = running.report().sink("beside_others", "batch");
    assert_eq!((counts.offered, counts.delivered, counts.withdrawn), (6, 5, 1));
    assert_eq!(running.report().sink("beside_others", "CACHED").delivered, 5);
}

static ONE: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static TWO: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static THREE: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static SHARED: Channel<u32> = Channel::new("shared");

#[handle(source = 0..90_u32, sink = [SHARED])]
fn share(n: u32) -> u32 {
    n
}

#[handle(source = SHARED, sink = [
    batch(7, millis(2), |items| ONE.lock().unwrap().extend(items)),
    batch(50, millis(2), |items: Vec<u32>| async move { TWO.lock().unwrap().extend(items) }),
])]
fn to_two(n: u32) -> u32 {
    n
}

#[handle(source = SHARED, sink = [batch(1, millis(0), |items| THREE.lock().unwrap().extend(items))])]
fn to_one(n: &u32) -> u32 {
    *n + 1
}

#[tokio::test]
async fn each_batch_of_each_handler_is_its_own() {
    let running = ended(testing::app().handler(share).handler(to_two).handler(to_one)).await;
    assert_eq!(*ONE.lock().unwrap(), (0..90).collect::<Vec<_>>());
    assert_eq!(*TWO.lock().unwrap(), (0..90).collect::<Vec<_>>());
    assert_eq!(*THREE.lock().unwrap(), (1..91).collect::<Vec<_>>());
    for (handler, sink) in [("to_two", "batch"), ("to_two", "batch 2"), ("to_one", "batch")] {
        assert_eq!(running.report().sink(handler, sink).delivered, 90, "{handler} {sink}");
    }
}

static STREAMED: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static AHEAD: AtomicUsize = AtomicUsize::new(0);
static MOST_AHEAD: AtomicUsize = AtomicUsize::new(0);

async fn late_stream(items: Vec<u32>) {
    tokio::time::sleep(millis(1)).await;
    AHEAD.fetch_sub(items.len(), SeqCst);
    STREAMED.lock().unwrap().extend(items);
}

#[handle(source = [1_u32, 2], sink = [batch(5, millis(1), late_stream)])]
fn streams(n: u32) -> impl Stream<Item = u32> {
    futures_util::stream::iter(0..50_u32).map(move |m| {
        MOST_AHEAD.fetch_max(AHEAD.fetch_add(1, SeqCst) + 1, SeqCst);
        n * 100 + m
    })
}

#[tokio::test]
async fn a_stream_waits_for_room_after_its_yields() {
    ran(streams).await;
    let expected: Vec<u32> = (100..150).chain(200..250).collect();
    assert_eq!(*STREAMED.lock().unwrap(), expected);
    assert!(MOST_AHEAD.load(SeqCst) <= 17, "{MOST_AHEAD:?}");
}

static BY_KEY: Mutex<Vec<u32>> = Mutex::new(Vec::new());

async fn by_key(items: Vec<u32>) {
    tokio::time::sleep(Duration::from_micros(u64::from(items[0] % 3) * 100)).await;
    BY_KEY.lock().unwrap().extend(items);
}

#[handle(source = 0..300_u32, sink = [batch(9, millis(2), by_key)], concurrency = 4, key = |n: &u32| n % 10)]
async fn at_once(n: u32) -> u32 {
    tokio::task::yield_now().await;
    n
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_several_lanes_keeps_its_order() {
    let running = ran(at_once).await;
    let all = std::mem::take(&mut *BY_KEY.lock().unwrap());
    assert_eq!(all.len(), 300);
    for key in 0..10 {
        let of_key: Vec<u32> = all.iter().copied().filter(|n| n % 10 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
    assert_eq!(running.report().sink("at_once", "batch").delivered, 300);
}

static BACKLOG: Topic<u32, u32> = Topic::new("backlog").start(Start::Earliest);
static BLOCKED: AtomicBool = AtomicBool::new(true);
static INSERTED: Mutex<Vec<u32>> = Mutex::new(Vec::new());

async fn when_it_may(items: Vec<u32>) {
    while BLOCKED.load(SeqCst) {
        tokio::time::sleep(millis(1)).await;
    }
    INSERTED.lock().unwrap().extend(items);
}

#[handle(source = BACKLOG, sink = [batch(100, millis(1), when_it_may)])]
fn work_off(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_commit_waits_for_what_was_sent_before_it() {
    let broker = Broker::new();
    let app = broker.app().handler(work_off).on_start(|| async {
        for n in 0..10 {
            BACKLOG.send((n, n)).await?;
        }
        Ok(())
    });
    let running = app.start().await.unwrap();
    let done = async {
        while running.report().handler("work_off").done < 10 {
            tokio::time::sleep(millis(1)).await;
        }
    };
    within(LONG, done).await;
    assert!(tokio::time::timeout(millis(30), running.flush()).await.is_err(), "it waits");
    running.assert_conserved();
    assert_eq!(running.report().sink("work_off", "batch").open, 10);
    running.abort();
    let _ = running.wait().await;
    assert!(INSERTED.lock().unwrap().is_empty());
    drop(running);

    BLOCKED.store(false, SeqCst);
    let running = broker.app().handler(work_off).start().await.unwrap();
    let inserted = || INSERTED.lock().unwrap().len();
    let all = async {
        while inserted() < 10 {
            tokio::time::sleep(millis(1)).await;
        }
    };
    within(LONG, all).await;
    running.stop().await.unwrap();
    running.assert_conserved();
    drop(running);
    let running = broker.app().handler(work_off).start().await.unwrap();
    running.quiet().await;
    running.stop().await.unwrap();
    assert_eq!(
        *INSERTED.lock().unwrap(),
        (0..10).collect::<Vec<_>>(),
        "what was committed does not come again"
    );
}

static NUMBERS: Topic<u32, u32> = Topic::new("numbers").partitions(2).start(Start::Earliest).until_end();
static SUMS: Cache<u32, u32> = Cache::new("sums");
static TABLE: Mutex<Vec<u32>> = Mutex::new(Vec::new());

async fn insert(items: Vec<(u32, u32)>) {
    tokio::task::yield_now().await;
    TABLE.lock().unwrap().extend(items.iter().map(|item| item.1));
}

#[handle(source = NUMBERS, sink = [SUMS, batch(16, millis(1), insert)])]
async fn number(n: u32, key: Key<u32>) -> (u32, u32) {
    if n.is_multiple_of(20) {
        tokio::time::sleep(millis(1)).await;
    }
    (key.0, n)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_at_any_moment_nothing_is_lost_and_what_was_not_committed_comes_again() {
    const MANY: u32 = 300;
    let mut random = Random::new(7);
    for round in 0..4 {
        TABLE.lock().unwrap().clear();
        let broker = Broker::new();
        let mut aborts = 0;
        let running = loop {
            let app = broker.app().config(Config::new().set("commit.interval.ms", "3")).handler(number);
            let app = if aborts > 0 {
                app
            } else {
                app.on_start(|| async {
                    for n in 0..MANY {
                        NUMBERS.send((n % 7, n)).await?;
                    }
                    Ok(())
                })
            };
            let running = app.start().await.unwrap();
            let patience = Duration::from_micros(2_000 + random.below(6_000));
            if aborts < 6 && tokio::time::timeout(patience, running.wait()).await.is_err() {
                aborts += 1;
                running.abort();
                let _ = running.wait().await;
                // The rows of a generation and its outputs: the latter are never behind.
                let known: BTreeSet<u32> = TABLE.lock().unwrap().iter().copied().collect();
                let committed = broker.app().start_idle().await.unwrap();
                let rows = committed.enter(|| SUMS.iter().collect::<Result<BTreeMap<_, _>>>()).unwrap();
                assert!(rows.values().all(|n| known.contains(n)), "round {round}: {rows:?} {known:?}");
                committed.stop().await.unwrap();
                continue;
            }
            within(secs(15), running.wait()).await.unwrap();
            break running;
        };
        assert!(aborts > 1, "round {round}: only {aborts} aborts");
        let known: BTreeSet<u32> = TABLE.lock().unwrap().iter().copied().collect();
        assert_eq!(known, (0..MANY).collect(), "round {round}");
        running.assert_conserved();
    }
}

static SLOW_END: AtomicU32 = AtomicU32::new(0);

async fn at_the_end(items: Vec<u32>) {
    tokio::time::sleep(millis(20)).await;
    SLOW_END.fetch_add(items.len() as u32, SeqCst);
}

#[handle(source = every(millis(1)).map(|n| n as u32), sink = [batch(1000, secs(60), at_the_end)])]
fn until_told(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_drain_hands_over_what_is_there() {
    let config = Config::new().set("commit.interval.ms", "60000");
    let running = testing::app().config(config).handler(until_told).start().await.unwrap();
    tokio::time::sleep(millis(10)).await;
    running.stop().await.unwrap();
    running.assert_conserved();
    assert_eq!(u64::from(SLOW_END.load(SeqCst)), running.report().handler("until_told").done);
    assert!(SLOW_END.load(SeqCst) > 0);
}

static FLUSHED: Mutex<Option<String>> = Mutex::new(None);
static ITSELF: Mutex<Option<std::sync::Arc<Running>>> = Mutex::new(None);

async fn flushes(_: Vec<u32>) {
    let running = ITSELF.lock().unwrap().take().unwrap();
    *FLUSHED.lock().unwrap() = running.flush().await.err().map(|error| error.to_string());
}

static GO: Input<u32> = Input::new("go");

#[handle(source = GO, sink = [batch(1, millis(0), flushes)])]
fn go(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_flush_inside_of_the_call_would_wait_for_itself() {
    let running = std::sync::Arc::new(testing::app().handler(go).start().await.unwrap());
    *ITSELF.lock().unwrap() = Some(running.clone());
    running.feed(&GO, [1]).unwrap();
    running.quiet().await;
    within(LONG, running.stop()).await.unwrap();
    let error = FLUSHED.lock().unwrap().clone().unwrap();
    assert!(error.contains("would wait for itself"), "{error}");
}
