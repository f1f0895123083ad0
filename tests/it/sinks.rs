//! Where outputs go: in order, all or none of a call where they can be taken back, each counted.

use super::common::{counts, ended, failed, ran};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static ORDER: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(text: String) {
    ORDER.lock().unwrap().push(text);
}

fn first(n: u32) {
    note(format!("first {n}"));
}

async fn second(n: u32) {
    tokio::task::yield_now().await;
    note(format!("second {n}"));
}

fn third(n: u32) -> Result<(), std::num::ParseIntError> {
    "1".parse::<u32>()?;
    note(format!("third {n}"));
    Ok(())
}

async fn fourth(n: u32) -> Result<()> {
    tokio::task::yield_now().await;
    note(format!("fourth {n}"));
    Ok(())
}

#[handle(source = 0..4_u32, sink = [|_| note(String::new()), |_| note(String::new()), print, print])]
fn to_some_of_one_name(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn sinks_of_one_name_are_counted_apart() {
    let report = ran(to_some_of_one_name).await.report();
    for sink in ["sink", "sink 2", "print", "print 2"] {
        let counts = report.sink("to_some_of_one_name", sink);
        assert_eq!((counts.offered, counts.delivered), (4, 4), "{sink}");
    }
}

#[handle(source = 0..2_u32, sink = [first, second, |n| note(format!("closure {n}")), third, fourth])]
fn to_all(n: u32) -> Vec<u32> {
    vec![n * 10, n * 10 + 1]
}

#[tokio::test]
async fn outputs_go_to_all_sinks_one_after_another() {
    let running = ran(to_all).await;
    let expected: Vec<String> = [0, 1, 10, 11]
        .iter()
        .flat_map(|n| ["first", "second", "closure", "third", "fourth"].map(|sink| format!("{sink} {n}")))
        .collect();
    assert_eq!(*ORDER.lock().unwrap(), expected);
    for row in &running.report().outputs {
        assert_eq!((row.offered, row.delivered, row.open), (4, 4, 0), "{row:?}");
    }
    assert_eq!(running.report().outputs.len(), 5);
}

static COPIES: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
struct Counted;

impl Clone for Counted {
    fn clone(&self) -> Self {
        COPIES.fetch_add(1, Ordering::SeqCst);
        Counted
    }
}

fn drops(_: Counted) {}

fn forgets(_: Counted) {}

#[handle(source = 0..5_u32, sink = [drops, forgets, drops])]
fn to_three(_n: u32) -> Counted {
    Counted
}

#[tokio::test]
async fn the_last_sink_gets_the_output_itself() {
    let running = ran(to_three).await;
    assert_eq!(COPIES.load(Ordering::SeqCst), 10);
    assert_eq!(running.report().sink("to_three", "forgets").delivered, 5);
}

static ROWS: Cache<u32, u32> = Cache::new("rows");
static SENT: Topic<u32, u32> = Topic::new("sent");
static KEPT: Output<(u32, u32)> = Output::new("kept");

fn no_two((n, _): (u32, u32)) -> Result<()> {
    if n == 2 { Err(Error::msg("no two")) } else { Ok(()) }
}

/// The cache and the topic wait for the end of the call; a function before the one that fails has been called.
#[handle(source = 0..4_u32, sink = [ROWS, SENT, KEPT, no_two], on_error = skip)]
fn to_staged(n: u32) -> (u32, u32) {
    (n, n)
}

#[tokio::test]
async fn what_a_failed_call_had_staged_is_withdrawn() {
    let broker = Broker::new();
    let running = ended(broker.app().handler(to_staged)).await;
    let report = running.report();
    for sink in ["ROWS", "SENT"] {
        let counts = report.sink("to_staged", sink);
        assert_eq!((counts.offered, counts.delivered, counts.withdrawn), (4, 3, 1), "{sink}");
    }
    assert_eq!(report.sink("to_staged", "KEPT").delivered, 4);
    assert_eq!((report.sink("to_staged", "no_two").failed, report.handler("to_staged").skipped), (1, 1));
    let rows: Vec<(u32, u32)> = running.enter(|| ROWS.iter().collect::<Result<_>>()).unwrap();
    assert_eq!(rows, [(0, 0), (1, 1), (3, 3)]);
    let sent: Vec<u32> = broker.records(&SENT).unwrap().iter().map(|record| record.value).collect();
    assert_eq!(sent, [0, 1, 3]);
    assert_eq!(running.drain(&KEPT).unwrap().len(), 4);
}

#[handle(source = 0..3_u32, sink = [no_two, KEPT])]
fn to_a_sink_that_stops(n: u32) -> (u32, u32) {
    (n, 0)
}

#[tokio::test]
async fn a_sink_that_fails_is_named() {
    let (running, error) = failed(testing::app().handler(to_a_sink_that_stops)).await;
    assert!(error.to_string().contains("message 3 (sink no_two): no two"), "{error}");
    assert_eq!(running.drain(&KEPT).unwrap().len(), 2);
    assert_eq!(counts(&running, "to_a_sink_that_stops").done, 2);
}

#[handle(source = 0..5_u32)]
async fn sends_and_fails(n: u32) -> Result<()> {
    assert_eq!(SENT.send((n, n)).await?, None, "within a call there is no receipt yet");
    if n == 3 { Err(Error::msg("three")) } else { Ok(()) }
}

#[tokio::test]
async fn a_send_within_a_failed_call_is_not_sent() {
    let broker = Broker::new();
    let (_running, _) = failed(broker.app().handler(sends_and_fails)).await;
    let sent: Vec<u32> = broker.records(&SENT).unwrap().iter().map(|record| record.value).collect();
    assert_eq!(sent, [0, 1, 2]);
}

static MAYBE_KEYED: Topic<u32, u32> = Topic::new("maybe keyed").partitions(2);

#[handle(source = 0..4_u32, sink = [MAYBE_KEYED])]
fn with_a_key_or_not(n: u32) -> (Option<u32>, u32) {
    (n.is_multiple_of(2).then_some(n), n)
}

static READ_BACK: Topic<Option<u32>, u32> = Topic::new("maybe keyed");

#[tokio::test]
async fn a_topic_takes_optional_keys() {
    let broker = Broker::new();
    ended(broker.app().handler(with_a_key_or_not)).await;
    let mut keys: Vec<_> =
        broker.records(&READ_BACK).unwrap().iter().map(|record| (record.value, record.key)).collect();
    keys.sort_unstable();
    assert_eq!(keys, [(0, Some(0)), (1, None), (2, Some(2)), (3, None)]);
}
