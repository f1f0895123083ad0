//! Channels: bounded queues between handlers, whose items are part of the state.

use crate::common::{Aborts, aborted};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

static NUMBERS: Channel<u32> = Channel::new("numbers");
static SEEN: Output<u32> = Output::new("seen");

#[handle(source = 0..100_u32, sink = [NUMBERS])]
fn produce(n: u32) -> u32 {
    n
}

#[handle(source = NUMBERS, sink = [SEEN])]
fn consume(n: u32) -> u32 {
    n
}

#[handle(source = NUMBERS, sink = [SEEN], buffer = 3)]
async fn consume_late(n: &u32) -> u32 {
    tokio::time::sleep(Duration::from_micros(200)).await;
    *n + 1000
}

#[tokio::test]
async fn items_come_in_order_to_every_consumer() {
    let app = testing::app().handler(produce).handler(consume).handler(consume_late);
    let running = app.start().await.unwrap();
    running.wait().await.unwrap();
    let (first, second): (Vec<u32>, Vec<u32>) =
        running.enter(|| SEEN.take()).unwrap().into_iter().partition(|n| *n < 1000);
    assert_eq!(first, (0..100).collect::<Vec<_>>());
    assert_eq!(second, (1000..1100).collect::<Vec<_>>());
    running.assert_conserved();
}

static SENT: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

static WIDE: Channel<[u32; 1]> = Channel::new("wide").capacity(4);

#[handle(source = 0..60_u32, sink = [WIDE])]
fn fast_and_wide(n: u32) -> [u32; 1] {
    SENT.fetch_add(1, Relaxed);
    [n]
}

#[handle(source = WIDE)]
async fn slow_and_wide(_: [u32; 1]) {
    let waiting = SENT.load(Relaxed) - TAKEN.fetch_add(1, Relaxed);
    MOST.fetch_max(waiting, Relaxed);
    tokio::time::sleep(millis(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_waits_while_the_channel_is_full() {
    let running = testing::app().handler(fast_and_wide).handler(slow_and_wide).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(TAKEN.load(Relaxed), 60);
    // Never more than it has room for; whether it is full whenever one is taken is the timer's luck.
    assert!((2..=4).contains(&MOST.load(Relaxed)), "{MOST:?}");
    running.assert_conserved();
}

static NARROW: Channel<u32> = Channel::new("narrow").capacity(1);
static THROUGH: AtomicU32 = AtomicU32::new(0);

/// Six lanes send five at once where there is room for one: each has waited for its turn, and no more is asked.
#[handle(source = 0..60_u32, concurrency = 6, key = |n: &u32| *n, sink = [NARROW])]
fn many(n: u32) -> Vec<u32> {
    vec![n; 5]
}

#[handle(source = NARROW)]
fn one_by_one(n: u32) {
    THROUGH.fetch_add(n, Relaxed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_have_waited_for_room_are_never_refused() {
    let running = testing::app().handler(many).handler(one_by_one).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(THROUGH.load(Relaxed), 5 * (0..60).sum::<u32>());
    running.assert_conserved();
}

static CALLS: Channel<(u32, Box<u8>)> = Channel::volatile("calls");
static DONE: Output<u32> = Output::new("done");

#[handle(source = 0..5_u32, sink = [CALLS])]
fn call(n: u32) -> (u32, Box<u8>) {
    (n, Box::new(1))
}

#[handle(source = CALLS, sink = [DONE])]
fn called((n, _): (u32, Box<u8>)) -> u32 {
    n
}

#[tokio::test]
async fn a_volatile_channel_carries_what_has_no_codec() {
    let running = testing::app().handler(call).handler(called).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.enter(|| DONE.take()).unwrap(), [0, 1, 2, 3, 4]);
    running.assert_conserved();
}

static STEPS: Channel<u32> = Channel::new("steps");
static ENDS: Output<u32> = Output::new("ends");

#[handle(source = [5_u32, 3], sink = [STEPS])]
fn begin(n: u32) -> u32 {
    n
}

/// Sends to the channel that it takes from, until there is nothing left.
#[handle(source = STEPS, sink = [STEPS, ENDS])]
async fn countdown(n: u32) -> Option<u32> {
    tokio::task::yield_now().await;
    n.checked_sub(1)
}

#[tokio::test]
async fn a_circle_ends_when_nothing_is_under_way() {
    let running = testing::app().handler(begin).handler(countdown).start().await.unwrap();
    running.wait().await.unwrap();
    let mut ends = running.enter(|| ENDS.take()).unwrap();
    ends.sort_unstable();
    assert_eq!(ends, [0, 0, 1, 1, 2, 2, 3, 4]);
    running.assert_conserved();
}

static RABBITS: Channel<u32> = Channel::new("rabbits").capacity(8);

#[handle(source = [1_u32], sink = [RABBITS])]
fn pair(n: u32) -> u32 {
    n
}

#[handle(source = RABBITS, sink = [RABBITS])]
fn breed(n: u32) -> Vec<u32> {
    vec![n, n]
}

#[tokio::test]
async fn a_circle_that_only_grows_says_so() {
    let running = testing::app().handler(pair).handler(breed).start().await.unwrap();
    let error = running.wait().await.unwrap_err().to_string();
    assert!(error.contains("`rabbits` is full twice over"), "{error}");
}

#[tokio::test]
async fn a_channel_that_nobody_takes_from_is_found_before_the_first_message() {
    let error = testing::app().handler(produce).start().await.err().unwrap().to_string();
    assert!(error.contains("channel `numbers`") && error.contains("no handler"), "{error}");
}

static ORDERS: Channel<u32> = Channel::new("orders");
static TRIES: AtomicU32 = AtomicU32::new(0);
static FILLED: Output<u32> = Output::new("filled");

/// The first try of each fails after it has sent.
#[handle(source = every(millis(1)).take(20).map(|n| n as u32), on_error = retry(1, fixed(millis(0))))]
async fn order(n: u32) -> Result<()> {
    ORDERS.send(n).await?;
    if TRIES.fetch_add(1, Relaxed).is_multiple_of(2) {
        return Err(Error::msg("every first time"));
    }
    Ok(())
}

#[handle(source = ORDERS, sink = [FILLED])]
fn fill(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_call_that_fails_has_sent_nothing() {
    let feed = testing::app().handler(order).handler(fill);
    let running = feed.start().await.unwrap();
    running.scope(async { ORDERS.send(99).await }).await.unwrap();
    let all = async {
        while running.report().handler("fill").done < 21 {
            tokio::time::sleep(millis(2)).await;
        }
    };
    tokio::time::timeout(secs(10), all).await.unwrap();
    running.stop().await.unwrap();
    let mut filled = running.enter(|| FILLED.take()).unwrap();
    filled.sort_unstable();
    assert_eq!(filled, (0..20).chain([99]).collect::<Vec<_>>());
    running.assert_conserved();
}

static INPUT: Topic<u32, u64> = Topic::new("input").partitions(2).start(Start::Earliest).until_end();
static MIDDLE: Channel<(u32, u64)> = Channel::new("middle").capacity(30);
static HERE: Cache<u32, u64> = Cache::new("here");
static THERE: Cache<u32, u64> = Cache::new("there");

#[handle(source = INPUT, sink = [MIDDLE])]
fn hand_on(n: u64, key: Key<u32>) -> (u32, u64) {
    (key.0, n)
}

#[handle(source = MIDDLE, sink = [HERE])]
async fn add(item: &(u32, u64)) -> Result<(u32, u64)> {
    let (key, n) = *item;
    let sum = HERE.get(&key)?.unwrap_or(0) + n;
    if n.is_multiple_of(40) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok((key, sum))
}

#[handle(source = MIDDLE, concurrency = 3, key = |item: &(u32, u64)| item.0)]
async fn add_at_once((key, n): (u32, u64)) -> Result<()> {
    let sum = THERE.get(&key)?.unwrap_or(0) + n;
    tokio::time::sleep(Duration::from_micros(n % 3 * 100)).await;
    THERE.put(&key, &sum)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_at_any_moment_no_item_is_lost_or_doubled() {
    const MANY: u64 = 400;
    for round in 0..5_u64 {
        let broker = Broker::new();
        let commits = || Config::new().set("commit.interval.ms", "2");
        let running =
            aborted(Aborts { seed: round + 11, most: 12, least: 3, within: millis(12) }, |aborts| {
                let app = broker.app().config(commits()).handler(hand_on).handler(add).handler(add_at_once);
                let fill = || async {
                    for n in 0..MANY {
                        INPUT.send(((n % 5) as u32, n)).await?;
                    }
                    Ok(())
                };
                if aborts == 0 { app.on_start(fill) } else { app }
            })
            .await;
        let expected: BTreeMap<u32, u64> =
            (0..5).map(|key| (key, (0..MANY).filter(|n| n % 5 == u64::from(key)).sum())).collect();
        let here = running.enter(|| HERE.iter().collect::<Result<BTreeMap<_, _>>>()).unwrap();
        let there = running.enter(|| THERE.iter().collect::<Result<BTreeMap<_, _>>>()).unwrap();
        assert_eq!((here, there), (expected.clone(), expected), "round {round}");
    }
}
