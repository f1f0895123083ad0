//! Topics in memory: order, restarts, positions of each handler, and kills at any moment.

use super::common::{Aborts, LONG, Random, aborted, ended, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static WORDS: Topic<u32, u64> = Topic::new("words").partitions(3).start(Start::Earliest).until_end();
static SEEN: Output<(u32, i64, u64)> = Output::new("seen");

async fn write(broker: &Broker, numbers: std::ops::Range<u64>) {
    let idle = broker.app().start_idle().await.unwrap();
    let sent = async {
        for n in numbers {
            WORDS.send(((n % 7) as u32, n)).await?;
        }
        Ok::<_, Error>(())
    };
    idle.scope(sent).await.unwrap();
    idle.stop().await.unwrap();
}

#[handle(source = WORDS, sink = [SEEN])]
fn see(record: Record<u32, u64>) -> (u32, i64, u64) {
    (record.partition(), record.offset(), record.value)
}

#[tokio::test]
async fn records_come_in_order_within_a_partition_and_once_over_restarts() {
    let broker = Broker::new();
    let mut next = BTreeMap::new();
    for round in 0..3_u64 {
        write(&broker, round * 50..(round + 1) * 50).await;
        let running = ended(broker.app().handler(see)).await;
        let seen = running.drain(&SEEN).unwrap();
        assert_eq!(seen.len(), 50, "round {round}");
        for (partition, offset, n) in seen {
            let expected = next.entry(partition).or_insert(0);
            assert_eq!(offset, *expected, "partition {partition}, value {n}");
            *expected += 1;
        }
    }
    assert_eq!(next.values().sum::<i64>(), 150);
}

#[handle(source = WORDS)]
fn stops_at_thirty(n: u64) -> Result<()> {
    if n == 30 && !MENDED.load(Ordering::SeqCst) { Err(Error::msg("thirty")) } else { Ok(()) }
}

static MENDED: AtomicBool = AtomicBool::new(false);
static COUNTED: Cache<u32, u64> = Cache::new("counted");

#[handle(source = WORDS, buffer = 100, sink = [COUNTED])]
fn counts_all(_n: u64) -> Result<(u32, u64)> {
    Ok((0, COUNTED.get(&0)?.unwrap_or(0) + 1))
}

/// One handler stops half-way, the other is ahead: after a restart each goes on where it was.
#[tokio::test]
async fn two_handlers_of_a_topic_have_positions_of_their_own() {
    let broker = Broker::new();
    write(&broker, 0..60).await;
    let app = || broker.app().handler(stops_at_thirty).handler(counts_all);
    let running = app().start().await.unwrap();
    let error = within(LONG, running.wait()).await.unwrap_err();
    assert!(error.to_string().contains("thirty"), "{error}");
    running.assert_conserved();
    let first = running.report().handler("stops_at_thirty");
    drop(running);
    MENDED.store(true, Ordering::SeqCst);
    let running = ended(app()).await;
    let again = running.report().handler("stops_at_thirty");
    assert_eq!(first.done + again.done, 60, "{first:?} {again:?}");
    assert_eq!(running.enter(|| COUNTED.get(&0)).unwrap(), Some(60));
}

#[handle(source = WORDS, name = "worker")]
fn plain(_n: &u64) {}

mod many {
    use super::*;
    #[handle(source = WORDS, concurrency = 3, name = "worker")]
    pub(super) fn concurrent(_n: &u64) {}
}

#[tokio::test]
async fn concurrency_that_is_turned_off_or_on_is_refused_while_positions_are_kept() {
    for plain_first in [true, false] {
        let broker = Broker::new();
        write(&broker, 0..20).await;
        let app = |is_plain| {
            if is_plain { broker.app().handler(plain) } else { broker.app().handler(many::concurrent) }
        };
        ended(app(plain_first)).await;
        let error = app(!plain_first).start().await.err().expect("the positions are of other keys");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("`concurrency` of `worker` was changed"), "{error}");
    }
}

fn source() -> impl Iterator<Item = u64> {
    0..200
}

#[handle(source = source, sink = [WORDS])]
async fn feeds(n: u64) -> (u32, u64) {
    if n.is_multiple_of(40) {
        tokio::time::sleep(millis(3)).await;
    }
    ((n % 7) as u32, n)
}

static SUMS: Topic<u32, u64> = Topic::new("sums").partitions(2).start(Start::Earliest).until_end();
static TOTALS: Cache<u32, u64> = Cache::new("totals");
static LAST: Cache<u32, u64> = Cache::new("last");

#[handle(source = WORDS, concurrency = 3, sink = [TOTALS, SUMS])]
async fn sums(n: &u64, key: Key<u32>) -> Result<(u32, u64)> {
    tokio::task::yield_now().await;
    Ok((key.0, TOTALS.get(&key.0)?.unwrap_or(0) + n))
}

#[handle(source = SUMS, sink = [LAST])]
fn keeps_the_last(sum: (u32, u64)) -> (u32, u64) {
    sum
}

fn expected(numbers: std::ops::Range<u64>) -> BTreeMap<u32, u64> {
    (0..7).map(|key| (key, numbers.clone().filter(|n| n % 7 == u64::from(key)).sum())).collect()
}

fn all(cache: &'static Cache<u32, u64>) -> BTreeMap<u32, u64> {
    cache.iter().collect::<Result<_>>().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_within_one_app_ends_when_its_writers_have() {
    let running = ended(Broker::new().app().handler(keeps_the_last).handler(sums).handler(feeds)).await;
    assert_eq!(running.enter(|| all(&TOTALS)), expected(0..200));
    assert_eq!(running.enter(|| all(&LAST)), expected(0..200));
    assert_eq!(running.report().sink("sums", "SUMS").delivered, 200);
}

static PARTS: Cache<u32, u64> = Cache::new("parts");
static RANDOM: Mutex<Option<Random>> = Mutex::new(None);
static SEED: AtomicU64 = AtomicU64::new(0);

fn below(bound: u64) -> u64 {
    RANDOM.lock().unwrap().get_or_insert_with(|| Random::new(SEED.load(Ordering::SeqCst))).below(bound)
}

/// Three yields for each message, with a failure now and then between them.
#[handle(source = WORDS, sink = [PARTS], on_error = retry(50, fixed(millis(0))))]
fn in_parts(n: u64, key: Key<u32>) -> impl Stream<Item = (u32, u64)> {
    slipstream::iter(0..3).then(move |part| async move {
        tokio::time::sleep(Duration::from_micros(below(60))).await;
        let before = PARTS.get(&key.0).unwrap().unwrap_or(0);
        assert!(below(40) > 0, "now and then, at {part}");
        (key.0, before + n)
    })
}

static OTHER: Cache<u32, u64> = Cache::new("other");

/// Over several partitions, in lanes by key, into one row for all keys.
#[handle(source = WORDS, concurrency = 4, on_error = retry(50, fixed(millis(0))))]
async fn into_one(n: &u64) -> Result<()> {
    let before = OTHER.get(&0)?.unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(below(100))).await;
    OTHER.put(&0, &(before + n))?;
    if below(30) == 0 { Err(Error::msg("now and then")) } else { Ok(()) }
}

/// Killed at random, with failures, retries, conflicts and lanes: the state is as if each had been processed once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_the_state_is_exact() {
    const SENT: u64 = 120;
    for seed in 1..9_u64 {
        SEED.store(seed, Ordering::SeqCst);
        *RANDOM.lock().unwrap() = Some(Random::new(seed));
        let broker = Broker::new();
        write(&broker, 0..SENT).await;
        let commits = || Config::new().set("commit.interval.ms", "2");
        let running = aborted(Aborts { seed, most: 10, least: 0, within: millis(9) }, |_| {
            broker.app().config(commits()).handler(in_parts).handler(into_one)
        })
        .await;
        let thrice = expected(0..SENT).into_iter().map(|(key, sum)| (key, sum * 3)).collect();
        assert_eq!(running.enter(|| all(&PARTS)), thrice, "seed {seed}, parts");
        assert_eq!(running.enter(|| OTHER.get(&0)).unwrap(), Some((0..SENT).sum()), "seed {seed}, one");
    }
}

#[handle(source = WORDS, pipe = [values, chunks(4)], sink = [SIZES])]
fn sizes(all: Vec<u64>) -> usize {
    all.len()
}

static SIZES: Output<usize> = Output::new("sizes");
static OPEN_WORDS: Topic<u32, u64> = Topic::new("words").partitions(3).start(Start::Earliest);

#[handle(source = OPEN_WORDS, pipe = [values, chunks(4)], name = "sizes", sink = [SIZES])]
fn open_sizes(all: Vec<u64>) -> usize {
    all.len()
}

/// What a pipe holds when the app stops comes again after the restart.
#[tokio::test]
async fn what_a_pipe_holds_keeps_the_position_back() {
    let broker = Broker::new();
    write(&broker, 0..6).await;
    let running = broker.app().handler(open_sizes).start().await.unwrap();
    running.quiet().await;
    running.stop().await.unwrap();
    running.assert_conserved();
    assert_eq!(running.drain(&SIZES).unwrap(), [4]);
    drop(running);
    write(&broker, 6..8).await;
    assert_eq!(ended(broker.app().handler(sizes)).await.drain(&SIZES).unwrap(), [4]);
}

static LATEST: Topic<u32, u32> = Topic::new("latest");

#[handle(source = LATEST, sink = [LATEST_SEEN])]
fn from_the_latest_on(n: u32) -> u32 {
    n
}

static LATEST_SEEN: Output<u32> = Output::new("latest seen");

#[tokio::test]
async fn what_is_sent_as_soon_as_the_app_has_started_is_read() {
    let running = testing::app().handler(from_the_latest_on).start().await.unwrap();
    running.scope(LATEST.send((1, 7))).await.unwrap();
    running.quiet().await;
    assert_eq!(running.drain(&LATEST_SEEN).unwrap(), [7]);
}

fn memory(_: &str) -> Option<crate::both::Place> {
    let broker = Broker::new();
    Some(Box::new(move || broker.app()))
}

crate::both::over!(memory);
