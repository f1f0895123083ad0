//! A handler call is a transaction: exact over lanes, failures, restarts and aborts.

use crate::common::{Aborts, aborted};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, Ordering::SeqCst};
use tokio::sync::Notify;

static COUNTS: Cache<u32, u64> = Cache::new("counts");

const MESSAGES: u32 = 600;
const KEYS: u32 = 3;

fn left() -> impl Iterator<Item = u32> {
    0..MESSAGES
}

fn right() -> impl Iterator<Item = u32> {
    0..MESSAGES
}

fn many() -> impl Iterator<Item = u32> {
    0..MESSAGES
}

fn plus_one(key: u32) -> Result<(u32, u64)> {
    Ok((key, COUNTS.get(&key)?.unwrap_or(0) + 1))
}

#[handle(source = left, sink = [COUNTS])]
async fn count_left(n: u32) -> Result<(u32, u64)> {
    let next = plus_one(n % KEYS)?;
    tokio::task::yield_now().await;
    Ok(next)
}

#[handle(source = right, sink = [COUNTS, looked_at])]
async fn count_right(n: u32) -> Result<(u32, u64)> {
    let next = plus_one(n % KEYS)?;
    tokio::time::sleep(Duration::from_micros(u64::from(n % 7) * 20)).await;
    Ok(next)
}

async fn looked_at(_: (u32, u64)) {
    tokio::task::yield_now().await;
}

static TRIES: AtomicU32 = AtomicU32::new(0);

/// Eight at once that fail every fifth time, after they have written.
#[handle(source = many, concurrency = 8, key = |n: &u32| *n, on_error = retry(9, fixed(millis(0))))]
async fn count_many(n: &u32) -> Result<()> {
    let (key, next) = plus_one(n % KEYS)?;
    COUNTS.put(&key, &next)?;
    tokio::time::sleep(Duration::from_micros(u64::from(n % 5) * 30)).await;
    if TRIES.fetch_add(1, Ordering::Relaxed).is_multiple_of(5) {
        return Err(Error::msg("every fifth time"));
    }
    Ok(())
}

fn all_counts() -> Result<BTreeMap<u32, u64>> {
    COUNTS.iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn get_then_sink_is_exact_over_lanes_and_failures() {
    let app = testing::app().handler(count_left).handler(count_right).handler(count_many);
    let running = app.start().await.unwrap();
    let outside = 200;
    for n in 0..outside {
        running.enter(|| COUNTS.update(&(n % KEYS), |old| old.unwrap_or(0) + 1)).unwrap();
        tokio::task::yield_now().await;
    }
    running.wait().await.unwrap();
    let expected: BTreeMap<u32, u64> = (0..KEYS)
        .map(|key| {
            let of = |count: u32| (0..count).filter(|n| n % KEYS == key).count() as u64;
            (key, 3 * of(MESSAGES) + of(outside))
        })
        .collect();
    assert_eq!(running.enter(all_counts).unwrap(), expected);
    running.assert_conserved();
    let report = running.report();
    let conflicts: u64 = report.messages.iter().map(|row| row.conflicts).sum();
    assert!(conflicts > 0, "the lanes must have met: {report}");
    assert!(report.handler("count_many").retries > 0);
}

static WORDS: Topic<u32, u64> = Topic::new("words").partitions(3).start(Start::Earliest).until_end();
static SUMS: Cache<u32, u64> = Cache::new("sums");
static TOTAL: Cache<(), u64> = Cache::new("total");

async fn write(messages: u64) -> Result<()> {
    for n in 0..messages {
        WORDS.send(((n % 5) as u32, n)).await?;
    }
    Ok(())
}

#[handle(source = WORDS, sink = [SUMS])]
async fn sum(n: u64, key: Key<u32>) -> Result<(u32, u64)> {
    let next = SUMS.get(&key.0)?.unwrap_or(0) + n;
    if n.is_multiple_of(50) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok((key.0, next))
}

/// Slower than its sibling, so that their positions differ when the app is aborted.
#[handle(source = WORDS, buffer = 40)]
async fn total(n: u64) -> Result<()> {
    if n.is_multiple_of(20) {
        tokio::time::sleep(millis(1)).await;
    }
    TOTAL.update(&(), |old| old.unwrap_or(0) + n).map(drop)
}

static EACH: Cache<u32, u64> = Cache::new("each");

#[handle(source = WORDS, concurrency = 4)]
async fn each(n: &u64, key: Key<u32>) -> Result<()> {
    let old = EACH.get(&key.0)?.unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(*n % 3 * 100)).await;
    EACH.put(&key.0, &(old + n))
}

static PARTS: Cache<u32, u64> = Cache::new("parts");

/// Three yields a message, each a step of its own; the app may be aborted between any two.
#[handle(source = WORDS, sink = [PARTS])]
fn parts(n: u64, key: Key<u32>) -> impl Stream<Item = (u32, u64)> {
    slipstream::iter(0..3).then(move |_| async move {
        tokio::task::yield_now().await;
        let before = PARTS.get(&key.0).unwrap().unwrap_or(0);
        (key.0, before + n)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_at_any_moment_nothing_is_lost_or_doubled() {
    const SENT: u64 = 400;
    for seed in 0_u64..6 {
        let broker = Broker::new();
        let commits = || Config::new().set("commit.interval.ms", "3");
        let running = aborted(Aborts { seed, most: 12, least: 3, within: millis(17) }, |aborts| {
            let app = broker.app().config(commits());
            let app = app.handler(sum).handler(total).handler(each).handler(parts);
            if aborts == 0 { app.on_start(|| write(SENT)) } else { app }
        })
        .await;
        let expected: BTreeMap<u32, u64> =
            (0..5).map(|key| (key, (0..SENT).filter(|n| (n % 5) as u32 == key).sum())).collect();
        running
            .enter(|| {
                assert_eq!(SUMS.iter().collect::<Result<BTreeMap<_, _>>>()?, expected, "seed {seed}, sums");
                assert_eq!(TOTAL.get(&())?, Some((0..SENT).sum()), "seed {seed}, total");
                assert_eq!(EACH.iter().collect::<Result<BTreeMap<_, _>>>()?, expected, "seed {seed}, each");
                let thrice: BTreeMap<u32, u64> = expected.iter().map(|(key, sum)| (*key, sum * 3)).collect();
                assert_eq!(PARTS.iter().collect::<Result<BTreeMap<_, _>>>()?, thrice, "seed {seed}, parts");
                Ok::<_, Error>(())
            })
            .unwrap();
    }
}

static STEPS: Cache<u32, u64> = Cache::new("steps");
static OBSERVED: Output<Option<u64>> = Output::new("observed");

#[handle(source = 0..1_u32, sink = [STEPS])]
fn yields_and_sleeps(_n: u32) -> impl Stream<Item = (u32, u64)> {
    slipstream::iter(1..3_u64).then(|n| async move {
        if n == 2 {
            tokio::time::sleep(millis(150)).await;
        }
        (0, n)
    })
}

#[handle(source = every(millis(50)).take(4), sink = [OBSERVED])]
fn observes() -> Result<One<Option<u64>>> {
    Ok(One(STEPS.get(&0)?))
}

#[tokio::test]
async fn what_was_yielded_is_seen_while_the_body_sleeps() {
    let running = testing::app().handler(yields_and_sleeps).handler(observes).start().await.unwrap();
    running.wait().await.unwrap();
    let seen = running.drain(&OBSERVED).unwrap();
    assert_eq!((seen[0], seen[3]), (Some(1), Some(2)), "{seen:?}");
    running.assert_conserved();
}

static HALF: Cache<u32, u64> = Cache::new("half");

#[handle(source = 0..1_u32, sink = [HALF, refuses], on_error = skip)]
fn writes_and_fails(n: u32) -> Result<(u32, u64)> {
    HALF.put(&7, &7)?;
    Ok((n, 1))
}

fn refuses(_: (u32, u64)) -> Result<()> {
    Err(Error::msg("not this"))
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    let running = testing::app().handler(writes_and_fails).start().await.unwrap();
    running.wait().await.unwrap();
    running.enter(|| {
        assert_eq!(HALF.get(&7).unwrap(), None);
        assert_eq!(HALF.get(&0).unwrap(), None);
    });
    let report = running.report();
    assert_eq!(report.sink("writes_and_fails", "HALF").withdrawn, 1);
    assert_eq!(report.sink("writes_and_fails", "refuses").failed, 1);
    running.assert_conserved();
}

#[tokio::test]
async fn a_changed_concurrency_is_refused_while_positions_are_kept() {
    mod four {
        use super::*;
        #[handle(source = WORDS, concurrency = 4, name = "worker")]
        pub(super) async fn worker(_n: &u64) {}
    }
    mod five {
        use super::*;
        #[handle(source = WORDS, concurrency = 5, name = "worker")]
        pub(super) async fn worker(_n: &u64) {}
    }
    let broker = Broker::new();
    broker.app().handler(four::worker).on_start(|| write(9)).run().await.unwrap();
    broker.app().handler(four::worker).run().await.unwrap();
    let error = broker.app().handler(five::worker).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("`concurrency` of `worker` was changed"), "{error}");
}

static GATED: Topic<String, u64> = Topic::new("gated").start(Start::Earliest);
static CALLED: Notify = Notify::const_new();
static ANSWERED: Notify = Notify::const_new();
static LATER: Notify = Notify::const_new();
static WAITS: AtomicBool = AtomicBool::new(true);
static BY_LATE: Output<u64> = Output::new("by-late");

#[handle(source = GATED, sink = [batch(100, secs(3600), answer)])]
fn early(n: u64) -> u64 {
    n
}

async fn answer(_: Vec<u64>) -> Result<()> {
    CALLED.notify_one();
    if WAITS.load(SeqCst) {
        ANSWERED.notified().await;
    }
    Ok(())
}

#[handle(source = GATED, sink = [BY_LATE])]
async fn late(n: u64) -> u64 {
    if WAITS.load(SeqCst) {
        LATER.notified().await;
    }
    n
}

/// A handler ends its first steps while a commit waits that they are not in: then it has no position after a kill, and
/// begins where the group is.
#[tokio::test]
async fn the_group_is_not_told_what_is_not_committed() {
    let broker = Broker::new();
    let rarely = || Config::new().set("commit.interval.ms", "3600000");
    let app = broker.app().config(rarely()).handler(early).handler(late).start().await.unwrap();
    app.scope(GATED.send(("key".to_owned(), 0))).await.unwrap();
    while app.report().handler("early").done < 1 {
        tokio::task::yield_now().await;
    }
    let after_the_cut = async {
        CALLED.notified().await;
        LATER.notify_one();
        while app.report().handler("late").done < 1 {
            tokio::task::yield_now().await;
        }
        ANSWERED.notify_one();
    };
    let (flushed, ()) = tokio::join!(app.flush(), after_the_cut);
    flushed.unwrap();
    app.abort();
    let _ = app.wait().await;
    WAITS.store(false, SeqCst);
    let app = broker.app().handler(early).handler(late).start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&BY_LATE).unwrap(), [0]);
    app.stop().await.unwrap();
}

static AHEAD: Topic<u64, u64> = Topic::new("ahead").start(Start::Earliest);
static TIMES: Cache<u64, u64> = Cache::new("times");
static LAGS: AtomicBool = AtomicBool::new(true);

#[handle(source = AHEAD, concurrency = 2, key = |n: &u64| *n)]
fn ahead(n: u64) -> Result<()> {
    TIMES.put(&n, &(TIMES.get(&n)?.unwrap_or(0) + 1))
}

#[handle(source = AHEAD, buffer = 40)]
async fn far_behind(n: u64) {
    while n > 1 && LAGS.load(SeqCst) {
        tokio::time::sleep(millis(1)).await;
    }
}

/// Holds all up that share its source.
#[handle(source = AHEAD)]
async fn holds_up(n: u64) {
    while n > 3 && LAGS.load(SeqCst) {
        tokio::time::sleep(millis(1)).await;
    }
}

/// The lanes of a handler that is ahead of its sibling have nothing to do when the topic is read again from where that
/// is: their positions stay where they are.
#[tokio::test]
async fn lanes_that_are_ahead_are_not_moved_back_by_what_they_have_done() {
    let broker = Broker::new();
    let app = broker.app().start_idle().await.unwrap();
    for n in 0..20 {
        app.scope(AHEAD.send((n, n))).await.unwrap();
    }
    app.stop().await.unwrap();
    for (lags, is_held_up) in [(true, false), (true, true), (false, true)] {
        LAGS.store(lags, SeqCst);
        let app = broker.app().handler(ahead).handler(far_behind);
        let app = if is_held_up { app.handler(holds_up) } else { app };
        let app = app.start().await.unwrap();
        // Longer than the lanes may be quiet before they are moved along.
        tokio::time::sleep(millis(100)).await;
        app.flush().await.unwrap();
        app.abort();
        let _ = app.wait().await;
    }
    let app = broker.app().start_idle().await.unwrap();
    let times: BTreeMap<u64, u64> = app.enter(|| TIMES.iter().collect::<Result<_>>()).unwrap();
    assert_eq!(times, (0..20).map(|n| (n, 1)).collect());
    app.stop().await.unwrap();
}

static SHARED: Cache<u32, u64> = Cache::new("shared");
static TOLD: Topic<String, u64> = Topic::new("told");
static READ: Notify = Notify::const_new();
static CHANGED: Notify = Notify::const_new();
static RUNS: AtomicU32 = AtomicU32::new(0);

#[handle(source = 0..1_u32, sink = [TOLD, |_| ()])]
async fn tells(_: &u32) -> Result<(String, u64)> {
    let now = SHARED.get(&0)?.unwrap_or(0);
    if RUNS.fetch_add(1, SeqCst) == 0 {
        READ.notify_one();
        CHANGED.notified().await;
    }
    Ok(("key".to_owned(), now))
}

/// The conflict is seen when the step is about to call its function, with a record staged already.
#[tokio::test]
async fn a_record_that_was_staged_before_a_conflict_is_not_sent() {
    let broker = Broker::new();
    let app = broker.app().handler(tells).start().await.unwrap();
    READ.notified().await;
    app.enter(|| SHARED.put(&0, &7)).unwrap();
    CHANGED.notify_one();
    app.wait().await.unwrap();
    let told: Vec<u64> = broker.records(&TOLD).unwrap().into_iter().map(|record| record.value).collect();
    assert_eq!(told, [7]);
    let counts = app.report().sink("tells", "TOLD");
    assert_eq!((counts.offered, counts.delivered, counts.withdrawn), (2, 1, 1));
    app.assert_conserved();
}
