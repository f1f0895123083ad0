//! A handler call is a transaction: isolated, serializable, and gone without a trace if it fails.

use super::common::{LONG, Random, counts, ended, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

static HOT: Cache<u32, u64> = Cache::new("hot");

async fn slow_sink(_: (u32, u64)) {
    tokio::time::sleep(millis(40)).await;
}

/// Holds its key while the sink works.
#[handle(source = 0..10_u32, sink = [HOT, slow_sink])]
fn holds(_n: u32) -> Result<(u32, u64)> {
    Ok((0, HOT.get(&0)?.unwrap_or(0) + 1))
}

#[handle(source = every(millis(10)).take(10), sink = [HOT], timeout = millis(15), on_error = retry(200, fixed(millis(1))))]
async fn impatient_one(_n: u64) -> Result<(u32, u64)> {
    Ok((0, HOT.get(&0)?.unwrap_or(0) + 1))
}

#[handle(source = every(millis(10)).take(10), sink = [HOT], timeout = millis(15), on_error = retry(200, fixed(millis(1))))]
async fn impatient_two(_n: u64) -> Result<(u32, u64)> {
    Ok((0, HOT.get(&0)?.unwrap_or(0) + 1))
}

/// A call that times out while it waits for a key, and is made again, is exact and leaves nothing open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_times_out_while_it_waits_for_a_key_leaves_nothing() {
    let running = ended(testing::app().handler(holds).handler(impatient_one).handler(impatient_two)).await;
    assert_eq!(running.enter(|| HOT.get(&0)).unwrap(), Some(30));
    let report = running.report();
    assert!(report.handler("impatient_one").retries > 0, "{report}");
    for (handler, done) in [("impatient_one", 10), ("impatient_two", 10)] {
        assert_eq!(report.handler(handler).done, done);
        assert_eq!((report.sink(handler, "HOT").delivered, report.sink(handler, "HOT").open), (done, 0));
    }
}

static LEFT: Cache<u32, u64> = Cache::new("left");
static RIGHT: Cache<u32, u64> = Cache::new("right");

#[handle(source = 0..5_u32)]
fn within_update(n: u32) -> Result<()> {
    LEFT.update(&0, |old| {
        let other = RIGHT.update(&0, |old| old.unwrap_or(0) + 1).unwrap();
        old.unwrap_or(0) + other
    })?;
    RIGHT.put(&(n + 1), &1)
}

#[tokio::test]
async fn an_update_may_use_other_caches() {
    let running = testing::app().handler(within_update).start().await.unwrap();
    within(LONG, running.wait()).await.unwrap();
    assert_eq!(running.enter(|| LEFT.get(&0)).unwrap(), Some(15));
    running.enter(|| LEFT.update(&1, |_| RIGHT.get(&0).unwrap().unwrap())).unwrap();
    assert_eq!(running.enter(|| LEFT.get(&1)).unwrap(), Some(5));
}

static BODY: Cache<u32, u64> = Cache::new("body");
static FED: Input<String> = Input::new("words");

/// Its only lane and only in its body: only what comes from outside can be in its way.
#[handle(source = FED)]
async fn alone(word: String) -> Result<()> {
    let old = BODY.get(&0)?.unwrap_or(0);
    tokio::time::sleep(millis(5)).await;
    assert_eq!(word, "a word");
    BODY.put(&0, &(old + 1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_from_outside_run_a_call_again_that_took_its_message_by_value() {
    let running = testing::app().handler(alone).start().await.unwrap();
    running.enter(|| BODY.put(&0, &0)).unwrap();
    running.feed(&FED, (0..10).map(|_| "a word".to_owned())).unwrap();
    running.end(&FED).unwrap();
    let mut outside = 0;
    while tokio::time::timeout(millis(3), running.wait()).await.is_err() {
        running.enter(|| BODY.update(&0, |old| old.unwrap_or(0) + 1)).unwrap();
        outside += 1;
    }
    running.wait().await.unwrap();
    assert_eq!(running.enter(|| BODY.get(&0)).unwrap(), Some(10 + outside));
    assert!(counts(&running, "alone").conflicts > 0);
}

static PAIR: Cache<String, i64> = Cache::new("pair");

/// Takes from one of two accounts if both together allow it: alone, never below nothing.
async fn withdraw(mine: &str, other: &str, wait: u64) -> Result<()> {
    let (own, others) = (PAIR.get(mine)?.unwrap_or(0), PAIR.get(other)?.unwrap_or(0));
    tokio::time::sleep(Duration::from_micros(wait * 100)).await;
    if own + others >= 10 {
        PAIR.put(mine, &(own - 10))?;
    }
    Ok(())
}

#[handle(source = 0..40_u64)]
async fn withdraw_left(n: u64) -> Result<()> {
    withdraw("left", "right", n % 5).await
}

#[handle(source = 0..40_u64)]
async fn withdraw_right(n: u64) -> Result<()> {
    withdraw("right", "left", n % 3).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_skew_does_not_happen() {
    let start = async || {
        PAIR.put("left", &105)?;
        PAIR.put("right", &100)
    };
    let running = ended(testing::app().handler(withdraw_left).handler(withdraw_right).on_start(start)).await;
    let (left, right) =
        running.enter(|| (PAIR.get("left").unwrap().unwrap(), PAIR.get("right").unwrap().unwrap()));
    assert_eq!(left + right, 5, "{left} {right}");
    let report = running.report();
    assert!(
        report.handler("withdraw_left").conflicts + report.handler("withdraw_right").conflicts > 0,
        "{report}"
    );
}

static SLEEPY: Cache<u32, u64> = Cache::new("sleepy");
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Reads a hot key and sleeps: its second run holds the key, so that there is no third.
#[handle(source = 0..3_u32, sink = [SLEEPY])]
async fn sleeps_on_a_hot_key(_n: u32) -> Result<(u32, u64)> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    let old = SLEEPY.get(&0)?.unwrap_or(0);
    tokio::time::sleep(millis(30)).await;
    Ok((0, old + 1000))
}

#[handle(source = every(millis(2)).take(60), sink = [SLEEPY])]
fn heats(_n: u64) -> Result<(u32, u64)> {
    Ok((0, SLEEPY.get(&0)?.unwrap_or(0) + 1))
}

#[tokio::test]
async fn a_sleeper_on_a_hot_key_runs_twice_at_most() {
    let running = ended(testing::app().handler(sleeps_on_a_hot_key).handler(heats)).await;
    assert_eq!(running.enter(|| SLEEPY.get(&0)).unwrap(), Some(3060));
    let (runs, conflicts) =
        (RUNS.load(Ordering::SeqCst), running.report().handler("sleeps_on_a_hot_key").conflicts);
    assert!(conflicts > 0 && runs <= 6, "{runs} runs, {conflicts} conflicts");
    assert_eq!(u64::from(runs), 3 + conflicts);
}

static BANK: Cache<u32, i64> = Cache::new("bank");
static SEED: AtomicU64 = AtomicU64::new(0);
static RANDOM: Mutex<Option<Random>> = Mutex::new(None);
const ACCOUNTS: u64 = 4;

fn below(bound: u64) -> u64 {
    RANDOM.lock().unwrap().get_or_insert_with(|| Random::new(SEED.load(Ordering::SeqCst))).below(bound)
}

/// Moves money between two accounts at random, waits at random, and fails or panics at random.
async fn transfer() -> Result<()> {
    let (from, to) = (below(ACCOUNTS) as u32, below(ACCOUNTS) as u32);
    let amount = below(50) as i64;
    let left = BANK.get(&from)?.unwrap_or(0);
    BANK.put(&from, &(left - amount))?;
    tokio::time::sleep(Duration::from_micros(below(400))).await;
    let right = BANK.get(&to)?.unwrap_or(0);
    BANK.put(&to, &(right + amount))?;
    match below(12) {
        0 => Err(Error::msg("bad luck")),
        1 => panic!("worse luck"),
        _ => Ok(()),
    }
}

#[handle(source = 0..150_u32, concurrency = 8, key = |n: &u32| *n, on_error = retry(2, fixed(millis(0))).then(skip))]
async fn transfer_many(_n: &u32) -> Result<()> {
    transfer().await
}

#[handle(source = 0..80_u32, on_error = skip)]
async fn transfer_some(_n: u32) -> Result<()> {
    transfer().await
}

/// Sees all accounts at one moment: reads are checked, so that a sum that was never true is not told.
#[handle(source = 0..40_u32, sink = [SUMS])]
async fn audit(_n: u32) -> Result<i64> {
    let mut sum = 0;
    for account in 0..ACCOUNTS as u32 {
        sum += BANK.get(&account)?.unwrap_or(0);
        tokio::task::yield_now().await;
    }
    Ok(sum)
}

static SUMS: Output<i64> = Output::new("sums");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_neither_made_nor_lost() {
    for seed in 1..6_u64 {
        SEED.store(seed, Ordering::SeqCst);
        *RANDOM.lock().unwrap() = None;
        let app = testing::app().config(Config::new().set("commit.interval.ms", "2"));
        let app = app.handler(transfer_many).handler(transfer_some).handler(audit);
        let app =
            app.on_start(async || (0..ACCOUNTS as u32).try_for_each(|account| BANK.put(&account, &100)));
        let running = app.start().await.unwrap();
        while tokio::time::timeout(millis(1), running.wait()).await.is_err() {
            // From outside too: into one account out of another within one step is not to be had, so it gives and takes.
            running.enter(|| BANK.update(&0, |old| old.unwrap_or(0))).unwrap();
        }
        running.wait().await.unwrap();
        running.assert_conserved();
        let rows: BTreeMap<u32, i64> = running.enter(|| BANK.iter().collect::<Result<_>>()).unwrap();
        assert_eq!(rows.values().sum::<i64>(), 400, "seed {seed}: {rows:?}");
        let sums = running.drain(&SUMS).unwrap();
        assert_eq!(sums, vec![400; 40], "seed {seed}");
        let report = running.report();
        let many = report.handler("transfer_many");
        assert_eq!(
            (many.done + many.skipped, report.handler("audit").done),
            (150, 40),
            "seed {seed}: {report}"
        );
    }
}

static UNSEEN: Cache<u32, u32> = Cache::new("unseen");
static LOOKED: Output<Option<u32>> = Output::new("looked");

#[handle(source = [1_u32], sink = [UNSEEN])]
async fn writes_slowly(n: u32) -> Result<(u32, u32)> {
    UNSEEN.put(&0, &1)?;
    assert_eq!(UNSEEN.get(&0)?, Some(1), "it sees its own");
    tokio::time::sleep(millis(60)).await;
    Ok((0, n + 1))
}

#[handle(source = every(millis(30)).take(4), sink = [LOOKED])]
fn looks_on() -> Result<One<Option<u32>>> {
    Ok(One(UNSEEN.get(&0)?))
}

#[tokio::test]
async fn writes_are_invisible_until_the_call_ends() {
    let running = ended(testing::app().handler(writes_slowly).handler(looks_on)).await;
    let seen = running.drain(&LOOKED).unwrap();
    assert_eq!((seen[0], seen[3]), (None, Some(2)), "{seen:?}");
    assert!(!seen.contains(&Some(1)), "a half-done call was seen: {seen:?}");
}

#[handle(source = 0..200_u64, concurrency = 4, key = |n: &u64| *n)]
fn busy(n: &u64) {
    assert!(*n < 200);
}

/// Read while it runs, the ledgers show no nonsense.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_report_shows_no_nonsense() {
    let running = testing::app().handler(busy).start().await.unwrap();
    while tokio::time::timeout(Duration::from_micros(10), running.wait()).await.is_err() {
        let counts = running.report().handler("busy");
        assert!(counts.open <= 200 && counts.taken <= 200 && counts.done <= 200, "{counts:?}");
    }
    running.assert_conserved();
}

#[handle(source = [1_u32], sink = [UNSEEN, slow_sink_of_one])]
fn holds_for_long(n: u32) -> (u32, u32) {
    (9, n)
}

async fn slow_sink_of_one(_: (u32, u32)) {
    tokio::time::sleep(millis(100)).await;
}

#[tokio::test]
async fn a_write_from_outside_does_not_wait_for_its_own_thread() {
    let running = testing::app().handler(holds_for_long).start().await.unwrap();
    tokio::time::sleep(millis(20)).await;
    let started = std::time::Instant::now();
    let error = running.enter(|| UNSEEN.update(&9, |old| old.unwrap_or(0) + 1)).unwrap_err();
    assert!(error.to_string().contains("held by a step"), "{error}");
    assert!(started.elapsed() < millis(50), "{:?}", started.elapsed());
    within(LONG, running.wait()).await.unwrap();
    assert_eq!(running.enter(|| UNSEEN.update(&9, |old| old.unwrap_or(0) + 1)).unwrap(), 2);
    running.assert_conserved();
}
