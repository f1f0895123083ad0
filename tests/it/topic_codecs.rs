//! Codecs of topics: bytes, text, and records without a value.

use super::common::ended;
use slipstream::prelude::*;
use slipstream::testing::{Broker, Output};

static JSON: Topic<u32, Option<u64>> = Topic::new("json").start(Start::Earliest).until_end();
static RAW: Topic<u32, Option<Vec<u8>>, Raw> = Topic::new("raw").start(Start::Earliest).until_end();
static TEXT: Topic<u32, String, Text> = Topic::new("text").start(Start::Earliest).until_end();

#[handle(source = [7_u64, 0], sink = [JSON])]
fn write_json(n: u64) -> (u32, Option<u64>) {
    (1, Some(n).filter(|n| *n > 0))
}

#[handle(source = JSON, sink = [RAW])]
fn as_raw(value: Option<u64>) -> (u32, Option<Vec<u8>>) {
    (1, value.map(|n| vec![n as u8, 0xff]))
}

static SEEN: Output<Option<Vec<u8>>> = Output::new("seen");

#[handle(source = RAW, sink = [SEEN])]
fn see_raw(value: &Option<Vec<u8>>) -> One<Option<Vec<u8>>> {
    One(value.clone())
}

/// `None` is a tombstone, on the way in and on the way out.
#[tokio::test]
async fn none_is_a_record_without_a_value() {
    let broker = Broker::new();
    let running = ended(broker.app().handler(write_json).handler(as_raw).handler(see_raw)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [Some(vec![7, 0xff]), None]);
    static PLAIN: Topic<u32, Vec<u8>, Raw> = Topic::new("json");
    let error = broker.records(&PLAIN).unwrap_err().to_string();
    assert!(error.contains("the record has no value: read it by a `Topic<_, Option<_>, _>`"), "{error}");
}

static DEAD: Topic<u32, Vec<u8>, Raw> = Topic::new("dead");

#[handle(source = TEXT, sink = [LINES], on_error = dead_letter(&DEAD))]
fn lines(line: String) -> String {
    line
}

static LINES: Output<String> = Output::new("lines");

#[tokio::test]
async fn text_that_is_not_utf_8_goes_to_the_dead_letters_as_it_came() {
    let broker = Broker::new();
    let key = &1_u32.to_be_bytes()[..];
    for value in [&b"caf\xc3\xa9"[..], b"caf\xe9", b""] {
        broker.write("text", Some(key), Some(value)).await.unwrap();
    }
    let running = ended(broker.app().handler(lines)).await;
    assert_eq!(running.drain(&LINES).unwrap(), ["café", ""]);
    let dead = &broker.records(&DEAD).unwrap()[0];
    assert_eq!(dead.value, b"caf\xe9");
    let error = String::from_utf8_lossy(dead.headers().get("slipstream-error").unwrap()).into_owned();
    assert!(error.contains("from byte 3 on it is not UTF-8"), "{error}");
}

static DEEP: Topic<u32, serde_json::Value> = Topic::new("deep").start(Start::Earliest).until_end();

#[handle(source = DEEP, on_error = skip)]
fn deep(_value: &serde_json::Value) {}

/// As deep as a stack is not: serde_json stops at 128.
#[tokio::test]
async fn json_that_is_nested_too_deeply_is_an_error() {
    let broker = Broker::new();
    let bomb = "[".repeat(100_000);
    broker.write("deep", Some(&1_u32.to_be_bytes()), Some(bomb.as_bytes())).await.unwrap();
    assert_eq!(ended(broker.app().handler(deep)).await.report().handler("deep").skipped, 1);
}
