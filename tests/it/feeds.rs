//! A cache as a source: what is sent to it or published, in order and without a gap; and those who look on.

use crate::common::{Aborts, aborted};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use slipstream::{At, Lagged, Resume};
use std::collections::BTreeMap;

static TOTALS: Cache<u32, u64> = Cache::new("totals");
static SEEN: Output<(u32, u64)> = Output::new("seen totals");

#[handle(source = 0..60_u32, sink = [TOTALS])]
fn add(n: u32) -> Result<(u32, u64)> {
    TOTALS.put(&1000, &u64::from(n))?; // silently
    Ok((n % 3, TOTALS.get(&(n % 3))?.unwrap_or(0) + u64::from(n)))
}

#[handle(source = TOTALS, sink = [SEEN])]
fn see(total: (u32, u64)) -> (u32, u64) {
    total
}

#[tokio::test]
async fn what_is_sent_to_a_cache_comes_in_order_and_what_is_put_does_not() {
    let running = testing::app().handler(add).handler(see).start().await.unwrap();
    running.wait().await.unwrap();
    let seen = running.enter(|| SEEN.take()).unwrap();
    let mut totals = BTreeMap::new();
    let expected: Vec<(u32, u64)> = (0..60_u32)
        .map(|n| {
            let total = totals.entry(n % 3).or_insert(0);
            *total += u64::from(n);
            (n % 3, *total)
        })
        .collect();
    assert_eq!(seen, expected);
    running.assert_conserved();
}

static LEVELS: Cache<String, u32> = Cache::new("levels");
static ALARMS: Output<String> = Output::new("alarms");

#[handle(source = LEVELS, sink = [ALARMS])]
fn alarm((place, level): (String, u32)) -> Option<String> {
    (level > 3).then(|| format!("{place} {level}"))
}

#[tokio::test]
async fn what_is_published_from_outside_is_taken_and_looked_on() {
    let running = testing::app().handler(alarm).handler(forever).start().await.unwrap();
    running
        .scope(async {
            let mut updates = std::pin::pin!(LEVELS.updates()?);
            LEVELS.publish("mill", &5)?;
            LEVELS.put("weir", &9)?;
            LEVELS.publish("weir", &2)?;
            assert_eq!(updates.next().await, Some(Ok(("mill".to_owned(), 5))));
            assert_eq!(updates.next().await, Some(Ok(("weir".to_owned(), 2))));
            for n in 0..2000 {
                LEVELS.publish("lock", &(n % 4))?;
                tokio::task::yield_now().await;
            }
            let missed = updates.next().await;
            assert!(matches!(missed, Some(Err(Lagged(missed))) if missed > 900), "{missed:?}");
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    while running.report().handler("alarm").taken < 2002 {
        tokio::time::sleep(millis(1)).await;
    }
    running.stop().await.unwrap();
    assert_eq!(running.enter(|| ALARMS.take()).unwrap(), ["mill 5"]);
}

#[handle(source = every(secs(1000)))]
fn forever(_: u64) {}

const MANY: u64 = 300;

fn numbers(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    slipstream::iter((last.map_or(0, |last| last + 1)..MANY).map(|n| At(n, n)))
}

static LAST: Cache<u64, u64> = Cache::new("last");
static COUNTED: Cache<u64, u64> = Cache::new("counted");

#[handle(source = numbers, sink = [LAST])]
async fn last(n: u64) -> (u64, u64) {
    if n.is_multiple_of(30) {
        tokio::time::sleep(millis(1)).await;
    }
    (n % 5, n)
}

#[handle(source = LAST, sink = [COUNTED])]
async fn counted((key, n): (u64, u64)) -> Result<(u64, u64)> {
    let sum = COUNTED.get(&key)?.unwrap_or(0) + n;
    if n.is_multiple_of(20) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok((key, sum))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_at_any_moment_every_entry_is_taken_once() {
    for seed in 0..4_u64 {
        let broker = Broker::new();
        let commits = || Config::new().set("commit.interval.ms", "2");
        let running = aborted(Aborts { seed, most: 8, least: 2, within: millis(9) }, |_| {
            broker.app().config(commits()).handler(last).handler(counted)
        })
        .await;
        let expected: BTreeMap<u64, u64> =
            (0..5).map(|key| (key, (0..MANY).filter(|n| n % 5 == key).sum())).collect();
        let counted = running.enter(|| COUNTED.iter().collect::<Result<BTreeMap<_, _>>>()).unwrap();
        assert_eq!(counted, expected, "seed {seed}");
    }
}
