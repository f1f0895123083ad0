//! A stop: what was taken is handled to its end, and the books balance.

use super::common::{LONG, counts, within};
use slipstream::prelude::*;
use slipstream::testing;
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
