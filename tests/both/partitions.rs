//! `lanes = partitions`: side by side, in order for each partition, a pipe for each.

use super::{Place, ended};
use slipstream::prelude::*;
use slipstream::testing::Output;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const PARTITIONS: u32 = 4;
static WORDS: Topic<u32, u64> =
    Topic::new("parted").partitions(PARTITIONS).start(Start::Earliest).until_end();
static STAYS: Topic<u32, u64> = Topic::new("parted-on").partitions(PARTITIONS).start(Start::Earliest);

/// So many records in each partition, whose values count up in it.
async fn fill(place: &Place, topic: &'static Topic<u32, u64>, numbers: std::ops::Range<u64>) {
    let running = place().start_idle().await.unwrap();
    let mut next: BTreeMap<u32, u64> = BTreeMap::new();
    // Keys until each partition has a key of its own.
    let mut keys: BTreeMap<u32, u32> = BTreeMap::new();
    for key in 0.. {
        if keys.len() == PARTITIONS as usize {
            break;
        }
        if let std::collections::btree_map::Entry::Vacant(new) = keys.entry(murmur(key)) {
            new.insert(key);
        }
    }
    for n in numbers {
        for key in keys.values() {
            let sent = running.scope(topic.send((*key, n))).await.unwrap().unwrap();
            assert_eq!(*next.entry(sent.partition).or_insert(n), n, "a key for each partition");
            next.insert(sent.partition, n + 1);
        }
    }
    running.stop().await.unwrap();
}

/// Kafka's murmur2 over a key of four bytes, and its partitioner.
fn murmur(key: u32) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ 4;
    let mut k = u32::from_le_bytes(key.to_be_bytes()).wrapping_mul(M);
    k ^= k >> 24;
    h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    (h & 0x7fff_ffff) % PARTITIONS
}

static AT_ONCE: AtomicU32 = AtomicU32::new(0);
static MOST: AtomicU32 = AtomicU32::new(0);
static SEEN: Output<(u32, i64, u64)> = Output::new("seen of partitions");

#[handle(source = WORDS, pipe = [enumerate], lanes = partitions, sink = [SEEN])]
async fn numbered((number, record): (u64, Record<u32, u64>)) -> (u32, i64, u64) {
    let now = AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(millis(1 + record.offset() as u64 % 3)).await;
    AT_ONCE.fetch_sub(1, Ordering::SeqCst);
    (record.partition(), record.offset(), number)
}

static SIBLING: Output<u64> = Output::new("sibling of partitions");

#[handle(source = WORDS, sink = [SIBLING])]
fn sibling(n: u64) -> u64 {
    n
}

pub(crate) async fn each_partition_has_a_lane_and_a_pipe_of_its_own(place: Place) {
    for (shared, first) in [(false, 0), (true, 20)] {
        fill(&place, &WORDS, first..first + 20).await;
        MOST.store(0, Ordering::SeqCst);
        let app = match shared {
            false => place().handler(numbered),
            true => place().handler(renamed::numbered_again).handler(sibling),
        };
        let running = ended(app).await;
        let mut seen: BTreeMap<u32, Vec<(i64, u64)>> = BTreeMap::new();
        for (partition, offset, number) in running.drain(&SEEN).unwrap() {
            seen.entry(partition).or_default().push((offset, number));
        }
        let counted: Vec<(i64, u64)> = (0..20).map(|n| ((first + n) as i64, n)).collect();
        assert_eq!(seen.len(), PARTITIONS as usize);
        assert!(seen.values().all(|of_one| *of_one == counted), "shared {shared}: {seen:?}");
        let most = MOST.load(Ordering::SeqCst);
        assert!(most > 1 && most <= PARTITIONS, "{most} at once");
        if shared {
            assert_eq!(running.drain(&SIBLING).unwrap().len(), 80);
        }
    }
}

mod renamed {
    use super::*;
    #[handle(source = WORDS, pipe = [enumerate], lanes = partitions, buffer = 3, sink = [SEEN])]
    pub(super) async fn numbered_again(numbered: (u64, Record<u32, u64>)) -> (u32, i64, u64) {
        super::numbered(numbered).await
    }
}

static THREES: Output<Vec<u64>> = Output::new("threes");

#[handle(source = STAYS, pipe = [values, chunks(3)], lanes = partitions, name = "threes", sink = [THREES])]
fn threes(all: Vec<u64>) -> One<Vec<u64>> {
    One(all)
}

/// What a partition's pipe holds at a stop comes again; a seek of one partition leaves the others where they are.
pub(crate) async fn a_partitions_pipe_holds_only_its_own_position_back(place: Place) {
    fill(&place, &STAYS, 0..4).await;
    let running = place().handler(threes).start().await.unwrap();
    let mut chunks = until(&running, 4).await;
    assert_eq!(chunks, vec![vec![0, 1, 2]; 4]);
    running.stop().await.unwrap();
    running.assert_conserved();
    assert_eq!(running.report().handler("threes").held, 4);
    drop(running);
    fill(&place, &STAYS, 4..6).await;
    let running = place().handler(threes).start().await.unwrap();
    chunks = until(&running, 4).await;
    assert_eq!(chunks, vec![vec![3, 4, 5]; 4]);
    running.scope(STAYS.seek([(2, 1)])).await.unwrap();
    chunks = until(&running, 1).await;
    assert_eq!(chunks, [[1, 2, 3]], "two wait in the pipe of partition 2");
    running.stop().await.unwrap();
    running.assert_conserved();
}

/// Waits for so many chunks, and a moment for one too many.
async fn until(running: &Running, many: usize) -> Vec<Vec<u64>> {
    let mut chunks = Vec::new();
    while chunks.len() < many {
        tokio::time::sleep(millis(2)).await;
        chunks.extend(running.drain(&THREES).unwrap());
    }
    running.quiet().await;
    chunks.extend(running.drain(&THREES).unwrap());
    chunks
}

static COUNTS: Cache<u32, u64> = Cache::new("counts of partitions");
static SUM: Cache<(), u64> = Cache::new("sum of partitions");

/// Each counts in a row of its own, and all in one.
#[handle(source = WORDS, lanes = partitions, sink = [COUNTS])]
async fn counts(record: &Record<u32, u64>) -> Result<(u32, u64)> {
    let sum = SUM.get(&())?.unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(300)).await;
    SUM.put(&(), &(sum + record.value))?;
    Ok((record.partition(), COUNTS.get(&record.partition())?.unwrap_or(0) + 1))
}

pub(crate) async fn lanes_of_partitions_are_exact_over_aborts(place: Place) {
    const EACH: u64 = 60;
    fill(&place, &WORDS, 0..EACH).await;
    let mut aborted = 0;
    let running = loop {
        let running = place().handler(counts).start().await.unwrap();
        if aborted < 6 && tokio::time::timeout(millis(30 + aborted * 17), running.wait()).await.is_err() {
            running.abort();
            let _ = running.wait().await;
            aborted += 1;
            continue;
        }
        running.wait().await.unwrap();
        running.assert_conserved();
        break running;
    };
    let of = |partition| running.enter(|| COUNTS.get(&partition)).unwrap();
    assert_eq!((0..PARTITIONS).map(of).collect::<Vec<_>>(), vec![Some(EACH); 4], "after {aborted} aborts");
    let sum = u64::from(PARTITIONS) * (0..EACH).sum::<u64>();
    assert_eq!(running.enter(|| SUM.get(&())).unwrap(), Some(sum), "after {aborted} aborts");
}

static MENDED: AtomicBool = AtomicBool::new(false);

#[handle(source = WORDS, lanes = partitions, name = "stopping")]
async fn stops_in_one(record: Record<u32, u64>) -> Result<()> {
    tokio::time::sleep(millis(1)).await;
    let fails = record.partition() == 1 && record.offset() == 7 && !MENDED.load(Ordering::SeqCst);
    if fails { Err(Error::msg("seven of one")) } else { Ok(()) }
}

mod plain {
    use super::*;
    /// The same handler without lanes: it goes on from the same positions.
    #[handle(source = WORDS, name = "stopping")]
    pub(super) fn goes_on(_: &u64) {}
}

pub(crate) async fn a_lane_that_fails_drains_the_others_and_each_position_is_kept(place: Place) {
    fill(&place, &WORDS, 0..30).await;
    let running = place().handler(stops_in_one).start().await.unwrap();
    let error = running.wait().await.unwrap_err().to_string();
    assert!(error.contains("partition 1 offset 7") && error.contains("seven of one"), "{error}");
    running.assert_conserved();
    let first = running.report().handler("stopping");
    assert!(first.done >= 7 && first.open == 1, "{first:?}");
    drop(running);
    let again = ended(place().handler(plain::goes_on)).await.report().handler("stopping");
    assert_eq!(first.done + again.done, 120, "{first:?} {again:?}");
}
