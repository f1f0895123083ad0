//! The index of a cache and its entries do not part, whenever the app ends and whoever writes.

use crate::cache::index::{self, Index};
use crate::cache::{Cache, stamp};
use crate::codec::Codec;
use crate::keys::Key;
use crate::prelude::*;
use crate::testing::Broker;
use crate::{At, Resume};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether each entry has its row in the index and each row its entry, at one moment between two steps, and the sum of
/// their sizes is the total. Fails if they have parted; `false`: what a start or a change of the bound brings is under way,
/// or the cache is too large.
pub(super) fn is_whole<K: Key, V, C: Codec<V>>(cache: &'static Cache<K, V, C>) -> bool {
    let current = cache.current().unwrap();
    let state = &current.app.state;
    let index: Option<Arc<Index>> = cache.index(&current.app).unwrap();
    let everything = vec![0].into()..vec![0xFF].into();
    let total = || index.as_ref().and_then(|index| index.total());
    let (still, total) = state.still(&everything, total).unwrap();
    let mark = index::whole(cache.name);
    let mut rows = BTreeMap::new();
    let mut scan = still.scan(index::rows(&mark), false);
    while let Some((row, size)) = scan
        .next(&still, |row, size| Ok((row.to_vec(), i64::from_be_bytes(size.try_into().unwrap()))))
        .unwrap()
    {
        rows.insert(row, size);
    }
    let Some(index) = index else {
        return still.get(&mark).unwrap().is_none() && rows.is_empty();
    };
    if still.get(&mark).unwrap().is_none() {
        return false;
    }
    let sum: i64 = rows.values().sum();
    let mut scan = still.scan(index.entries(), false);
    while let Some((entry, stored)) =
        scan.next(&still, |entry, stored| Ok((entry.to_vec(), stored.to_vec()))).unwrap()
    {
        let stamp::Stored { written, value } = stamp::open(&stored).unwrap();
        let key = index.key(&entry);
        let row = index.row(written.expect("an entry has its time"), key);
        assert_eq!(rows.remove(&row), Some((key.len() + value.len()) as i64), "an entry has its row");
    }
    assert!(rows.is_empty(), "{} rows of the index have no entry", rows.len());
    let Some(total) = total else { return index.limits.max_bytes.is_none() };
    assert_eq!(total, sum, "the total is that of all entries");
    index.over() == 0
}

const MANY: u64 = 600;
const BYTES: u64 = 300;

fn numbers(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    crate::iter((last.map_or(0, |last| last + 1)..MANY).map(|n| At(n, n)))
}

static LATEST: Cache<u64, String> = Cache::new("latest").max_bytes(BYTES);
static SHORT: Cache<u64, u64> = Cache::new("short-lived").ttl(millis(3));

#[handle(source = numbers, sink = [LATEST])]
async fn writes(n: u64) -> Result<(u64, String)> {
    if n.is_multiple_of(20) {
        tokio::time::sleep(millis(1)).await;
    }
    SHORT.put(&(n % 50), &n)?;
    if n.is_multiple_of(7) {
        LATEST.delete(&(n % 30))?;
    }
    Ok((n % 40, "x".repeat(n as usize % 30)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_at_any_moment_entries_and_index_are_one() {
    for seed in 0..4_u64 {
        let broker = Broker::new();
        let mut aborts = 0;
        let running = loop {
            let commits = Config::new().set("commit.interval.ms", "2");
            let running = broker.app().config(commits).handler(writes).start().await.unwrap();
            let patience = Duration::from_micros(2_000 + (seed * 7_919 + aborts * 104_729) % 9_000);
            let look = |running: &Running| {
                running.enter(|| (is_whole(&LATEST), is_whole(&SHORT)));
            };
            look(&running);
            if aborts < 8 && tokio::time::timeout(patience, running.wait()).await.is_err() {
                aborts += 1;
                look(&running);
                running.abort();
                let _ = running.wait().await;
                continue;
            }
            running.wait().await.unwrap();
            look(&running);
            break running;
        };
        assert!(aborts > 1, "seed {seed}: only {aborts} aborts");
        drop(running);
        let running = broker.app().start_idle().await.unwrap();
        let settled = || is_whole(&LATEST) && is_whole(&SHORT) && SHORT.iter().count() == 0;
        for tries in 0.. {
            if running.enter(settled) {
                break;
            }
            assert!(tries < 5_000, "it does not settle");
            tokio::time::sleep(millis(1)).await;
        }
        running.enter(|| {
            let all = LATEST.iter().collect::<Result<Vec<_>>>().unwrap();
            assert!(all.iter().map(|(_, text)| text.len() as u64 + 9).sum::<u64>() <= BYTES);
            let last = ((MANY - 1) % 40, "x".repeat((MANY - 1) as usize % 30));
            assert!(all.contains(&last), "the newest stays");
        });
        running.stop().await.unwrap();
    }
}

static LEFT: Cache<u64, u64> = Cache::new("left").ttl(hours(1));

/// Changes rows behind the cache's back, as a program without the bound does.
fn behind(change: impl Fn(&Index, &mut dyn FnMut(&[u8], Option<&[u8]>))) {
    let current = LEFT.current().unwrap();
    let state = &current.app.state;
    let index = LEFT.index(&current.app).unwrap().unwrap();
    let write = |txn: &mut crate::steps::Txn| {
        change(&index, &mut |row, value| state.write(txn, row, value.map(Into::into)));
        Ok(())
    };
    state.outside(write).unwrap();
}

#[tokio::test]
async fn rows_that_lost_their_entries_harm_nobody_and_go() {
    let (broker, clock) = (Broker::new(), crate::testing::stopped_clock());
    let key = |n: u64| n.to_be_bytes();
    let written = stamp::now(&clock);
    let running = broker.app().clock(clock.clone()).start_idle().await.unwrap();
    running.enter(|| (0..5).try_for_each(|n| LEFT.put(&n, &n))).unwrap();
    running.quiet().await;
    running.enter(|| {
        assert!(is_whole(&LEFT));
        behind(|index, write| {
            write(&index.entry(&key(0)), Some(&[10])); // bare, as without a bound
            write(&index.entry(&key(1)), None);
        });
    });
    running.advance(hours(1)).await;
    running.enter(|| {
        assert_eq!(LEFT.iter().collect::<Result<Vec<_>>>().unwrap(), [(0, 10)], "it is another entry");
        assert_eq!(LEFT.evicted().unwrap().expired, 3);
        // The same without the sign that the index is whole, and an entry that lost its row.
        (5..8).try_for_each(|n| LEFT.put(&n, &n)).unwrap();
        let later = stamp::now(&clock);
        behind(|index, write| {
            write(&index.whole, None);
            write(&index.row(written, &key(0)), Some(&9_i64.to_be_bytes()));
            write(&index.entry(&key(5)), Some(&[50]));
            write(&index.row(later, &key(6)), None);
        });
    });
    running.stop().await.unwrap();
    drop(running);
    clock.advance(mins(1));
    let running = broker.app().clock(clock).start_idle().await.unwrap();
    running.enter(|| LEFT.contains(&0)).unwrap();
    running.quiet().await;
    running.enter(|| {
        assert!(is_whole(&LEFT));
        assert_eq!(LEFT.iter().collect::<Result<Vec<_>>>().unwrap(), [(0, 10), (5, 50), (6, 6), (7, 7)]);
    });
    running.advance(mins(59)).await;
    assert_eq!(
        running.enter(|| LEFT.keys().collect::<Result<Vec<_>>>()).unwrap(),
        [0, 5],
        "a minute younger"
    );
    running.advance(mins(1)).await;
    assert_eq!(running.enter(|| LEFT.iter().count()), 0);
}
