//! Who gets which message when: lockstep, buffers, concurrency, several sources, arguments and returns.

use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Input, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
static OPENED: AtomicU32 = AtomicU32::new(0);

fn letters() -> impl Iterator<Item = char> {
    OPENED.fetch_add(1, Ordering::Relaxed);
    "abc".chars()
}

fn note(text: String) {
    LOG.lock().unwrap().push(text);
}

#[handle(source = letters)]
async fn slow(letter: char) {
    tokio::time::sleep(millis(5)).await;
    note(format!("slow {letter}"));
}

#[handle(source = letters)]
fn quick(letter: char) {
    note(format!("quick {letter}"));
}

#[tokio::test]
async fn a_shared_source_is_opened_once_and_feeds_in_lockstep() {
    let running = testing::app().handler(slow).handler(quick).start().await.unwrap();
    running.wait().await.unwrap();
    let log = std::mem::take(&mut *LOG.lock().unwrap());
    assert_eq!(log, ["slow a", "quick a", "slow b", "quick b", "slow c", "quick c"]);
    assert_eq!(OPENED.swap(0, Ordering::Relaxed), 1);
    running.assert_conserved();
}

static CLONES: AtomicU32 = AtomicU32::new(0);

struct Counted(u32);

impl Clone for Counted {
    fn clone(&self) -> Self {
        CLONES.fetch_add(1, Ordering::Relaxed);
        Counted(self.0)
    }
}

fn counted() -> impl Iterator<Item = Counted> {
    (0..10).map(Counted)
}

#[handle(source = counted)]
fn looks(counted: &Counted) {
    assert!(counted.0 < 10);
}

#[handle(source = counted)]
fn takes(counted: Counted) {
    assert!(counted.0 < 10);
}

#[handle(source = counted)]
fn takes_last(counted: Counted) {
    assert!(counted.0 < 10);
}

#[tokio::test]
async fn all_but_the_last_by_value_are_cloned() {
    let running = testing::app().handler(looks).handler(takes).handler(takes_last).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(CLONES.swap(0, Ordering::Relaxed), 10);
    running.assert_conserved();
}

static PACED: Input<u32> = Input::new("paced");
static SLOW_SEEN: Output<u32> = Output::new("slow seen");
static QUICK_SEEN: Output<u32> = Output::new("quick seen");

#[handle(source = PACED, buffer = 3, sink = [SLOW_SEEN])]
async fn behind(n: u32) -> u32 {
    tokio::time::sleep(millis(40)).await;
    n
}

#[handle(source = PACED, sink = [QUICK_SEEN])]
fn ahead(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn a_buffer_lets_siblings_run_ahead_by_so_many() {
    let running = testing::app().handler(behind).handler(ahead).start().await.unwrap();
    running.feed(&PACED, 0..20).unwrap();
    tokio::time::sleep(millis(60)).await;
    let (quick, slow) = (running.drain(&QUICK_SEEN).unwrap().len(), running.drain(&SLOW_SEEN).unwrap().len());
    // Three in the buffer, one in hand, one waiting to get in.
    assert!(quick > slow + 1 && quick <= slow + 5, "{quick} {slow}");
    running.end(&PACED).unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&SLOW_SEEN).unwrap().len() + slow, 20);
    running.assert_conserved();
}

static AT_ONCE: AtomicU32 = AtomicU32::new(0);
static MOST: AtomicU32 = AtomicU32::new(0);
static ORDERED: Output<u32> = Output::new("ordered");

#[handle(source = 0..60_u32, concurrency = 4, key = |n: &u32| n % 6, sink = [ORDERED])]
async fn crowd(n: &u32) -> u32 {
    let now = AT_ONCE.fetch_add(1, Ordering::SeqCst) + 1;
    MOST.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(millis(u64::from(n % 4))).await;
    AT_ONCE.fetch_sub(1, Ordering::SeqCst);
    *n
}

#[tokio::test]
async fn concurrency_is_bounded_and_in_order_for_each_key() {
    let running = testing::app().handler(crowd).start().await.unwrap();
    running.wait().await.unwrap();
    let seen = running.drain(&ORDERED).unwrap();
    assert_eq!(seen.len(), 60);
    for key in 0..6 {
        let of_key: Vec<_> = seen.iter().filter(|n| *n % 6 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
    let most = MOST.load(Ordering::SeqCst);
    assert!(most > 1 && most <= 4, "{most}");
    running.assert_conserved();
}

#[derive(Debug, PartialEq)]
enum Event {
    Number(u32),
    Word(String),
}

impl From<u32> for Event {
    fn from(n: u32) -> Self {
        Event::Number(n)
    }
}

impl From<String> for Event {
    fn from(word: String) -> Self {
        Event::Word(word)
    }
}

impl From<&'static str> for Event {
    fn from(word: &'static str) -> Self {
        Event::Word(word.to_owned())
    }
}

fn words() -> [&'static str; 3] {
    ["x", "x", "y"]
}

static WORDS: Topic<u32, String> = Topic::new("event words").start(Start::Earliest).until_end();
static EVENTS: Output<Event> = Output::new("events");

#[handle(source = [words, 0..3_u32, WORDS], sink = [EVENTS])]
fn event(event: Event) -> Event {
    event
}

#[tokio::test]
async fn several_sources_become_one_message() {
    let app = testing::app().on_start(async || WORDS.send((1, "topic".to_owned())).await.map(drop));
    let running = app.handler(event).start().await.unwrap();
    running.wait().await.unwrap();
    let events = running.drain(&EVENTS).unwrap();
    assert_eq!(events.len(), 7);
    assert!(events.contains(&Event::Word("topic".into())) && events.contains(&Event::Number(2)));
    running.assert_conserved();
    assert_eq!(running.report().messages.len(), 3);
}

static RECORDS: Topic<String, u32> = Topic::new("records").start(Start::Earliest).until_end();
static TEXTS: Output<String> = Output::new("texts");

#[handle(source = RECORDS, sink = [TEXTS])]
fn whole(record: Record<String, u32>) -> String {
    format!("whole {} {} {}", record.key, record.value, record.offset())
}

#[handle(source = RECORDS, sink = [TEXTS])]
fn pair((key, value): (String, u32)) -> String {
    format!("pair {key} {value}")
}

#[handle(source = RECORDS, sink = [TEXTS])]
fn beside(
    headers: Headers,
    value: &u32,
    key: Key<String>,
    at: EventTime,
    ctx: Ctx,
    base: State<u32>,
) -> String {
    let from = String::from_utf8_lossy(headers.get("from").unwrap_or_default()).into_owned();
    format!("beside {} {value} {from} {} {} {}", key.0, at.0.timestamp(), ctx.id(), *base + value)
}

#[handle(source = RECORDS, pipe = [values, accumulate], sink = [TEXTS])]
fn behind_a_pipe(sum: u32, key: Key<String>) -> Vec<String> {
    vec![format!("sum {sum} {}", key.0)]
}

#[tokio::test]
async fn records_are_taken_in_every_form() {
    let broker = Broker::new();
    let start = async || {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        RECORDS.send(Record::new("k".to_owned(), 4).header("from", "here").at(at)).await?;
        RECORDS.send(("l".to_owned(), 5)).await.map(drop)
    };
    let app = broker.app().state(10_u32).on_start(start);
    let running =
        app.handler(whole).handler(pair).handler(beside).handler(behind_a_pipe).start().await.unwrap();
    running.wait().await.unwrap();
    let texts = running.drain(&TEXTS).unwrap();
    let expected =
        ["whole k 4 0", "pair k 4", "beside k 4 here 1700000000 records/0/0 14", "sum 4 k", "whole l 5 1"];
    assert_eq!(texts[..5], expected, "{texts:?}");
    assert_eq!(texts[7], "sum 9 l");
    running.assert_conserved();
}

#[tokio::test]
async fn a_paused_source_takes_nothing_until_all_reasons_are_gone() {
    let running = testing::app().handler(ahead).start().await.unwrap();
    running.pause("paced", "one").unwrap();
    running.pause("paced", "two").unwrap();
    running.feed(&PACED, [1, 2]).unwrap();
    running.resume("paced", "one").unwrap();
    running.quiet().await;
    assert_eq!(running.drain(&QUICK_SEEN).unwrap(), [0_u32; 0]);
    running.resume("paced", "two").unwrap();
    running.end(&PACED).unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&QUICK_SEEN).unwrap(), [1, 2]);
    assert!(running.pause("nowhere", "one").is_err());
}
