//! Seeks: a topic's handlers go on from elsewhere, with the effects of the step that says so; what is in hand is dropped.

use crate::common::{Aborts, LONG, aborted, within};
use slipstream::prelude::*;
use slipstream::testing::{Broker, Output};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use tokio::sync::Notify;

/// So many records in one partition; each value is its offset.
async fn fill(broker: &Broker, topic: &'static Topic<String, u64>, many: u64) {
    let app = broker.app().start_idle().await.unwrap();
    for n in 0..many {
        app.scope(topic.send(("key".to_owned(), n))).await.unwrap();
    }
    app.stop().await.unwrap();
}

static SEEN: Output<u64> = Output::new("seen");
static ALSO: Output<u64> = Output::new("also");

static NUMBERS: Topic<String, u64> = Topic::new("numbers").start(Start::Earliest);

#[handle(source = NUMBERS, sink = [SEEN])]
fn look(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn from_outside_backward_and_forward() {
    let broker = Broker::new();
    fill(&broker, &NUMBERS, 6).await;
    let app = broker.app().handler(look).start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2, 3, 4, 5]);
    app.scope(NUMBERS.seek([(0, 4)])).await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [4, 5]);
    // To its end: what is written then is read.
    app.scope(NUMBERS.seek([(0, 0)])).await.unwrap();
    app.scope(NUMBERS.seek([(0, 6)])).await.unwrap();
    app.quiet().await;
    app.drain(&SEEN).unwrap();
    app.scope(NUMBERS.send(("key".to_owned(), 6))).await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [6]);
    app.stop().await.unwrap();
    app.assert_conserved();
}

static TURNS: Cache<String, u64> = Cache::new("turns");

#[handle(source = NUMBERS, sink = [SEEN])]
async fn twice(n: u64) -> Result<u64> {
    let turns = TURNS.get("turns")?.unwrap_or(0);
    match (n, turns) {
        (3, 0) => {
            TURNS.put("turns", &1)?;
            NUMBERS.seek([(0, 1)]).await?;
        }
        (2, 1) => {
            TURNS.put("turns", &2)?;
            NUMBERS.seek([(0, 5)]).await?;
        }
        _ => {}
    }
    Ok(n)
}

#[tokio::test]
async fn inside_of_a_handler_it_is_an_effect_of_its_step() {
    let broker = Broker::new();
    fill(&broker, &NUMBERS, 7).await;
    let app = broker.app().handler(twice).start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2, 3, 1, 2, 5, 6]);
    app.stop().await.unwrap();
    app.assert_conserved();
    assert_eq!(app.report().handler("twice").done, 8);
}

#[handle(source = NUMBERS, sink = [SEEN], on_error = skip)]
async fn fails(n: u64) -> Result<u64> {
    if n == 2 {
        NUMBERS.seek([(0, 0)]).await?;
        return Err(Error::msg("on purpose"));
    }
    Ok(n)
}

#[tokio::test]
async fn a_step_that_fails_has_not_sought() {
    let broker = Broker::new();
    fill(&broker, &NUMBERS, 4).await;
    let app = broker.app().handler(fails).start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 3]);
    app.stop().await.unwrap();
    app.assert_conserved();
}

static WAITS: Topic<String, u64> = Topic::new("waits").start(Start::Earliest);
static DONE: Cache<u64, u64> = Cache::new("done");
static GO: Notify = Notify::const_new();
static IN_HAND: Notify = Notify::const_new();
static FIRST: AtomicBool = AtomicBool::new(true);

#[handle(source = WAITS, sink = [ALSO])]
async fn slow(n: u64) -> Result<u64> {
    let times = DONE.get(&n)?.unwrap_or(0);
    if n == 2 && FIRST.swap(false, SeqCst) {
        IN_HAND.notify_one();
        GO.notified().await;
    }
    DONE.put(&n, &(times + 1))?;
    Ok(n)
}

#[handle(source = WAITS, buffer = 8, sink = [SEEN])]
fn quick(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn what_is_in_hand_is_dropped_and_counted_and_who_is_behind_stays() {
    let broker = Broker::new();
    fill(&broker, &WAITS, 6).await;
    let app = broker.app().handler(quick).handler(slow).start().await.unwrap();
    within(LONG, IN_HAND.notified()).await;
    while app.report().handler("quick").done < 3 {
        tokio::task::yield_now().await;
    }
    // `slow` is at 2 and `quick` at 3: backward, and `slow` is not passed over.
    app.scope(WAITS.seek([(0, 2)])).await.unwrap();
    GO.notify_one();
    app.quiet().await;
    let counts = app.report().handler("slow");
    assert_eq!((counts.superseded, counts.done), (1, 6), "{}", app.report());
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2, 2, 3, 4, 5]);
    let done: BTreeMap<u64, u64> = app.enter(|| DONE.iter().collect::<Result<_>>()).unwrap();
    assert_eq!(done, (0..6).map(|n| (n, 1)).collect(), "what was superseded was seen");
    app.stop().await.unwrap();
    app.assert_conserved();
}

static LEFT: Topic<String, u64> = Topic::new("left").start(Start::Earliest);
static HELD_UP: Notify = Notify::const_new();
static LET_GO: Notify = Notify::const_new();
static ONCE: AtomicBool = AtomicBool::new(true);

#[handle(source = LEFT, buffer = 8, sink = [ALSO])]
async fn behind(n: u64) -> u64 {
    if n == 1 && ONCE.swap(false, SeqCst) {
        HELD_UP.notify_one();
        LET_GO.notified().await;
    }
    n
}

#[handle(source = LEFT, sink = [SEEN])]
fn ahead(n: u64) -> u64 {
    n
}

#[tokio::test]
async fn forward_takes_all_along_and_backward_nobody_who_lags() {
    for (target, seen) in [(3, vec![0, 1, 1, 2, 3, 4, 5]), (6, vec![0, 1])] {
        ONCE.store(true, SeqCst);
        let broker = Broker::new();
        fill(&broker, &LEFT, 6).await;
        let app = broker.app().handler(behind).handler(ahead).start().await.unwrap();
        within(LONG, HELD_UP.notified()).await;
        while app.report().handler("ahead").done < 6 {
            tokio::task::yield_now().await;
        }
        app.scope(LEFT.seek([(0, target)])).await.unwrap();
        LET_GO.notify_one();
        app.quiet().await;
        // Its call over 1 was superseded, but had come to its sink, which cannot take anything back.
        assert_eq!(app.drain(&ALSO).unwrap(), seen, "{target}");
        assert_eq!(app.report().handler("behind").superseded, 1);
        app.stop().await.unwrap();
        app.assert_conserved();
    }
}

#[tokio::test]
async fn what_cannot_be_sought_is_an_error_that_says_so_and_moves_nothing() {
    static ELSEWHERE: Topic<String, u64> = Topic::new("elsewhere");
    let broker = Broker::new();
    fill(&broker, &NUMBERS, 3).await;
    let app = broker.app().handler(look).start().await.unwrap();
    app.quiet().await;
    let says = async |topic: &'static Topic<String, u64>, to: Vec<(u32, i64)>| {
        app.scope(topic.seek(to)).await.unwrap_err().to_string()
    };
    let holds =
        |wanted| format!("topic `numbers`, partition 0: offset {wanted} is wanted, but the log holds 0 to 3");
    assert_eq!(says(&NUMBERS, vec![(0, -1)]).await, holds(-1));
    assert_eq!(says(&NUMBERS, vec![(0, 4)]).await, holds(4));
    let no_partition = "topic `numbers` has 1 partitions: there is no 1";
    assert_eq!(says(&NUMBERS, vec![(0, 0), (1, 0)]).await, no_partition, "all or nothing");
    let no_source = says(&ELSEWHERE, vec![(0, 0)]).await;
    assert!(no_source.contains("no handler of this app reads the topic `elsewhere`"), "{no_source}");
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2]);
    app.stop().await.unwrap();
    app.assert_conserved();
}

#[tokio::test]
async fn a_seek_before_the_start_is_an_error() {
    let broker = Broker::new();
    let app = broker.app().handler(look).on_start(async || NUMBERS.seek([(0, 0)]).await);
    let Err(error) = app.start().await else { panic!("it started") };
    let error = error.to_string();
    assert!(error.contains("or the app has not started"), "{error}");
}

#[tokio::test]
async fn a_seek_survives_a_kill_and_one_that_was_not_committed_does_not() {
    for committed in [true, false] {
        let broker = Broker::new();
        fill(&broker, &NUMBERS, 5).await;
        let rarely = || Config::new().set("commit.interval.ms", "3600000");
        let app = broker.app().config(rarely()).handler(look).start().await.unwrap();
        app.quiet().await;
        app.flush().await.unwrap();
        app.pause("numbers", "the seek is to be all that is committed").unwrap();
        app.scope(NUMBERS.seek([(0, 3)])).await.unwrap();
        if committed {
            app.flush().await.unwrap();
        }
        app.abort();
        let _ = app.wait().await;
        let app = broker.app().handler(look).start().await.unwrap();
        app.quiet().await;
        let expected: &[u64] = if committed { &[3, 4] } else { &[] };
        assert_eq!(app.drain(&SEEN).unwrap(), expected);
        app.stop().await.unwrap();
        app.assert_conserved();
    }
}

static DRAINS: Topic<String, u64> = Topic::new("drains").start(Start::Earliest);
static LAST: Notify = Notify::const_new();
static END: Notify = Notify::const_new();
static DRAINING: AtomicBool = AtomicBool::new(true);

#[handle(source = DRAINS, sink = [SEEN])]
async fn last_words(n: u64) -> Result<u64> {
    if n == 4 && DRAINING.swap(false, SeqCst) {
        LAST.notify_one();
        END.notified().await;
        DRAINS.seek([(0, 2)]).await?;
    }
    Ok(n)
}

#[tokio::test]
async fn a_seek_while_the_app_drains_counts_for_the_next_start() {
    let broker = Broker::new();
    fill(&broker, &DRAINS, 6).await;
    let app = broker.app().handler(last_words).start().await.unwrap();
    within(LONG, LAST.notified()).await;
    let stop = async {
        tokio::task::yield_now().await;
        END.notify_one();
    };
    let (stopped, ()) = tokio::join!(within(LONG, app.stop()), stop);
    stopped.unwrap();
    app.assert_conserved();
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2, 3, 4]);
    let app = broker.app().handler(last_words).start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [2, 3, 4, 5]);
    app.stop().await.unwrap();
}

static YIELDS: Topic<String, u64> = Topic::new("yields").start(Start::Earliest);
static PARTS: Cache<(u64, u64), u64> = Cache::new("parts");
static ROUND: AtomicU64 = AtomicU64::new(0);

#[handle(source = YIELDS, sink = [PARTS])]
fn parts(n: u64) -> impl Stream<Item = ((u64, u64), u64)> {
    slipstream::iter(0..3_u64).then(move |part| async move {
        if n == 1 && part == 1 && ROUND.fetch_add(1, SeqCst) == 0 {
            YIELDS.seek([(0, 1)]).await.unwrap();
        }
        ((n, part), PARTS.get(&(n, part)).unwrap().unwrap_or(0) + 1)
    })
}

#[tokio::test]
async fn a_stream_that_seeks_loses_what_it_would_yield_after() {
    let broker = Broker::new();
    fill(&broker, &YIELDS, 3).await;
    let app = broker.app().handler(parts).start().await.unwrap();
    app.quiet().await;
    let parts: BTreeMap<(u64, u64), u64> = app.enter(|| PARTS.iter().collect::<Result<_>>()).unwrap();
    // The yield that sought has ended with its seek, and its message has come again from its first yield on.
    let times = |n, part| if n == 1 && part < 2 { 2 } else { 1 };
    let all = (0..3).flat_map(|n| (0..3).map(move |part| (n, part)));
    assert_eq!(parts, all.map(|(n, part)| ((n, part), times(n, part))).collect());
    let counts = app.report().handler("parts");
    assert_eq!((counts.done, counts.superseded), (3, 1), "{counts:?}");
    app.stop().await.unwrap();
    app.assert_conserved();
}

static TO_THE_END: Topic<String, u64> = Topic::new("to-the-end").start(Start::Earliest).until_end();
static ENDS: AtomicU64 = AtomicU64::new(0);

#[handle(source = TO_THE_END, sink = [SEEN])]
async fn again_at_the_end(n: u64) -> Result<u64> {
    if n == 3 && ENDS.fetch_add(1, SeqCst) == 0 {
        TO_THE_END.seek([(0, 1)]).await?;
    }
    Ok(n)
}

#[tokio::test]
async fn a_job_that_seeks_back_from_its_last_record_ends_at_its_end() {
    let broker = Broker::new();
    fill(&broker, &TO_THE_END, 4).await;
    let app = broker.app().handler(again_at_the_end).start().await.unwrap();
    within(LONG, app.wait()).await.unwrap();
    assert_eq!(app.drain(&SEEN).unwrap(), [0, 1, 2, 3, 1, 2, 3]);
    app.assert_conserved();
}

static MANY: Topic<String, u64> = Topic::new("many").partitions(2).start(Start::Earliest).until_end();
static TIMES: Cache<u64, u64> = Cache::new("times");
static PAIRS: Cache<u64, u64> = Cache::new("pairs");
static LANES: Cache<u64, u64> = Cache::new("lanes");
static SOUGHT: Cache<u32, u64> = Cache::new("sought");

/// Goes back once in each partition, from the first record behind the middle that it meets to the beginning.
#[handle(source = MANY, sink = [TIMES])]
async fn back_once(n: u64, partition: Key<String>) -> Result<(u64, u64)> {
    let partition = u32::from(partition.0 == OTHER);
    if n % 1_000 >= 100 && SOUGHT.get(&partition)?.is_none() {
        SOUGHT.put(&partition, &n)?;
        MANY.seek([(MINE[partition as usize].load(SeqCst) as u32, 10)]).await?;
    }
    if n.is_multiple_of(40) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok((n, TIMES.get(&n)?.unwrap_or(0) + 1))
}

/// A key of the other partition than `a`.
const OTHER: &str = "d";

/// The partitions of the keys.
static MINE: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

#[handle(source = MANY, pipe = [chunks(3)])]
async fn in_threes(all: Vec<Record<String, u64>>) -> Result<()> {
    for n in all.into_iter().map(|record| record.value) {
        PAIRS.put(&n, &(PAIRS.get(&n)?.unwrap_or(0) + 1))?;
    }
    Ok(())
}

#[handle(source = MANY, concurrency = 3, key = |n: &u64| *n)]
async fn side_by_side(n: u64) -> Result<()> {
    tokio::time::sleep(Duration::from_micros(n % 3 * 100)).await;
    LANES.put(&n, &(LANES.get(&n)?.unwrap_or(0) + 1))
}

/// The seek is there exactly if what was written with it is: else records come three times, or once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seeks_are_exact_over_aborts() {
    const EACH: u64 = 200;
    for round in 0..5 {
        let broker = Broker::new();
        let app = broker.app().start_idle().await.unwrap();
        for n in 0..2 * EACH {
            // The even ones in one partition, the odd ones in the other.
            let key = if n % 2 == 0 { "a" } else { OTHER };
            let receipt =
                app.scope(MANY.send((key.to_owned(), n / 2 + n % 2 * 1_000))).await.unwrap().unwrap();
            MINE[(n % 2) as usize].store(receipt.partition.into(), SeqCst);
        }
        app.stop().await.unwrap();
        assert_ne!(MINE[0].load(SeqCst), MINE[1].load(SeqCst));
        let commits = || Config::new().set("commit.interval.ms", "2");
        let running = aborted(Aborts { seed: round + 7, most: 12, least: 3, within: millis(12) }, |_| {
            let app = broker.app().config(commits());
            app.handler(back_once).handler(in_threes).handler(side_by_side)
        })
        .await;
        let read = |cache: &'static Cache<u64, u64>| -> BTreeMap<u64, u64> {
            running.enter(|| cache.iter().collect::<Result<_>>()).unwrap()
        };
        let sought: BTreeMap<u32, u64> = running.enter(|| SOUGHT.iter().collect::<Result<_>>()).unwrap();
        let all: Vec<u64> = (0..EACH).chain(1_000..1_000 + EACH).collect();
        let missing =
            |cache| all.iter().copied().filter(|n| !read(cache).contains_key(n)).collect::<Vec<u64>>();
        let missing = [&TIMES, &PAIRS, &LANES].map(missing);
        assert_eq!(
            missing,
            [const { Vec::<u64>::new() }; 3],
            "round {round}, {sought:?}, {}",
            running.report()
        );
        for (partition, of) in [(0_u32, 0), (1, 1_000)] {
            let from = sought[&partition];
            // Offsets of its own, which are its values. It handled each from 10 to where it sought twice, and no other.
            for n in 0..EACH {
                let twice = n >= 10 && of + n <= from;
                assert_eq!(
                    read(&TIMES)[&(of + n)],
                    1 + u64::from(twice),
                    "round {round}, {} of {from}",
                    of + n
                );
                // The others were wherever they were, but have left out nothing.
                assert!(
                    read(&LANES)[&(of + n)] >= 1 && read(&PAIRS)[&(of + n)] >= 1,
                    "round {round}, {}",
                    of + n
                );
                assert!(read(&LANES)[&(of + n)] <= 2, "round {round}, {}", of + n);
            }
        }
    }
}
