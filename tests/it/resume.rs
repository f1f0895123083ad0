//! Sources with positions of their own: after a restart they go on behind what was done, whatever each handler had done.

use crate::common::{Aborts, aborted};
use slipstream::prelude::*;
use slipstream::testing::Broker;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;

const MANY: u64 = 500;

/// Its position is no number, and does not sort as its items do.
fn numbers(Resume(last): Resume<String>) -> impl Stream<Item = At<String, u64>> {
    OPENED.lock().unwrap().push(last.clone());
    let first = last.map_or(0, |last| last.trim_start_matches("no. ").parse::<u64>().unwrap() + 1);
    slipstream::iter((first..MANY).map(|n| At(format!("no. {n}"), n)))
}

static OPENED: Mutex<Vec<Option<String>>> = Mutex::new(Vec::new());

static SUMS: Cache<u64, u64> = Cache::new("sums");
static EACH: Cache<u64, u64> = Cache::new("each");
static PARTS: Cache<u64, u64> = Cache::new("parts");

#[handle(source = numbers, sink = [SUMS])]
async fn sum(n: &u64) -> Result<(u64, u64)> {
    let sum = SUMS.get(&(n % 3))?.unwrap_or(0) + n;
    if n.is_multiple_of(25) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok((n % 3, sum))
}

#[handle(source = numbers, concurrency = 3, key = |n: &u64| *n)]
async fn each(n: u64) -> Result<()> {
    let sum = EACH.get(&(n % 3))?.unwrap_or(0) + n;
    tokio::time::sleep(Duration::from_micros(n % 3 * 100)).await;
    EACH.put(&(n % 3), &sum)
}

#[handle(source = numbers, sink = [PARTS])]
fn parts(n: &u64) -> impl Stream<Item = (u64, u64)> {
    let n = *n;
    slipstream::iter(0..2).then(move |_| async move {
        tokio::task::yield_now().await;
        (n % 3, PARTS.get(&(n % 3)).unwrap().unwrap_or(0) + n)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumable_source_is_exact_over_aborts() {
    for seed in 0..4_u64 {
        let broker = Broker::new();
        OPENED.lock().unwrap().clear();
        let commits = || Config::new().set("commit.interval.ms", "3");
        let running = aborted(Aborts { seed, most: 10, least: 3, within: millis(17) }, |_| {
            broker.app().config(commits()).handler(sum).handler(each).handler(parts)
        })
        .await;
        let once: BTreeMap<u64, u64> =
            (0..3).map(|key| (key, (0..MANY).filter(|n| n % 3 == key).sum())).collect();
        let twice: BTreeMap<u64, u64> = once.iter().map(|(key, sum)| (*key, sum * 2)).collect();
        running
            .enter(|| {
                assert_eq!(SUMS.iter().collect::<Result<BTreeMap<_, _>>>()?, once, "seed {seed}, sums");
                assert_eq!(EACH.iter().collect::<Result<BTreeMap<_, _>>>()?, once, "seed {seed}, each");
                assert_eq!(PARTS.iter().collect::<Result<BTreeMap<_, _>>>()?, twice, "seed {seed}, parts");
                Ok::<_, Error>(())
            })
            .unwrap();
        let opened = OPENED.lock().unwrap();
        assert!(opened[0].is_none() && opened.last().unwrap().is_some(), "seed {seed}: {opened:?}");
    }
}

static LINES: Cache<String, u64> = Cache::new("lines");

#[handle(source = slipstream::lines(path()), sink = [LINES])]
fn count(line: &str) -> Result<(String, u64)> {
    Ok((line.to_owned(), LINES.get(line)?.unwrap_or(0) + 1))
}

static PATH: Mutex<Option<std::path::PathBuf>> = Mutex::new(None);

fn path() -> std::path::PathBuf {
    PATH.lock().unwrap().clone().unwrap()
}

#[tokio::test]
async fn a_file_that_has_grown_goes_on_behind_what_was_read() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    *PATH.lock().unwrap() = Some(file.path().to_owned());
    let broker = Broker::new();
    for (round, more) in ["a\nb\r\n\n", "b\nc", ""].into_iter().enumerate() {
        file.write_all(more.as_bytes()).unwrap();
        file.flush().unwrap();
        let running = broker.app().handler(count).start().await.unwrap();
        running.wait().await.unwrap();
        let lines = running.enter(|| LINES.iter().collect::<Result<Vec<_>>>()).unwrap();
        let lines: Vec<_> = lines.iter().map(|(line, n)| (line.as_str(), *n)).collect();
        match round {
            0 => assert_eq!(lines, [("", 1), ("a", 1), ("b", 1)]),
            _ => assert_eq!(lines, [("", 1), ("a", 1), ("b", 2), ("c", 1)], "round {round}"),
        }
        running.assert_conserved();
    }
}

#[handle(source = slipstream::lines("/no/such/file"), sink = [LINES])]
fn nothing(line: &str) -> (String, u64) {
    (line.to_owned(), 0)
}

#[tokio::test]
async fn a_file_that_is_not_there_says_so() {
    let running = slipstream::testing::app().handler(nothing).start().await.unwrap();
    let error = running.wait().await.unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}

type Items<P> = std::pin::Pin<Box<dyn Stream<Item = At<P, u64>> + Send>>;

fn by_number() -> impl Fn(Resume<u64>) -> Items<u64> {
    |_| slipstream::iter((0..3).map(|n| At(n, n))).boxed()
}

fn by_name() -> impl Fn(Resume<String>) -> Items<String> {
    |_| slipstream::iter((0..3).map(|n: u64| At(n.to_string(), n))).boxed()
}

#[handle(source = by_number(), name = "same")]
fn numbered(_: u64) {}

#[handle(source = by_name(), name = "same")]
fn named(_: u64) {}

#[tokio::test]
async fn positions_of_another_type_are_refused() {
    let broker = Broker::new();
    broker.app().handler(numbered).start().await.unwrap().wait().await.unwrap();
    let error = broker.app().handler(named).start().await.err().unwrap().to_string();
    assert!(error.contains("`same.source`") && error.contains("type"), "{error}");
}
