#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, clippy::all)]

//! Every kind of source, pipe, argument, return and sink that the design names.

use slipstream::prelude::*;
use std::fmt::Display;

static WORDS: Topic<String, u32> = Topic::new("words");
static COUNTS: Cache<String, u32> = Cache::new("counts");
static DEAD: Topic<Option<String>, u32> = Topic::new("dead");

mod stores {
    pub(crate) async fn keep(_: u32) -> std::io::Result<()> {
        Ok(())
    }
}

fn text(_: &str) {}
fn shown<T: Display>(_: T) {}
async fn shown_later<T: Display + Send>(_: T) {}
fn tagged(_tag: &'static str) -> impl Fn(u32) {
    |_| ()
}
fn fallible(_: u32) -> Result<(), String> {
    Ok(())
}
fn scaled(by: u32) -> impl FnOnce(slipstream::Flow<slipstream::__private::Feed<u32>>) -> std::pin::Pin<Box<dyn Stream<Item = u32> + Send>> {
    move |flow| Box::pin(flow.map(move |n| n * by))
}
fn doubled(numbers: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    numbers.map(|n| n * 2)
}

#[handle(source = every(secs(1)).map(|_| 1_u32), pipe = [doubled, accumulate, pairwise])]
fn chain(_pair: (u32, u32)) {}

#[handle(source = 0..3_u32, pipe = [scaled(3), |flow| flow.map(|n| n + 1), chunks(2)])]
fn lists(_all: &[u32]) {}

#[handle(source = 0..3_u32, sink = [stores::keep, shown, shown_later, tagged("x"), fallible, print, |n| { let _: u32 = n; }, |_n: u32| ()])]
fn sinks(n: u32) -> u32 {
    n
}

#[handle(source = ["a"], sink = [text])]
fn borrowed(word: &'static str) -> &'static str {
    word
}

#[handle(source = WORDS, sink = [COUNTS, WORDS], on_error = retry(3, fixed(secs(1))).then(dead_letter(&DEAD)))]
async fn records(n: &u32, key: Key<String>, headers: Headers, at: EventTime, ctx: Ctx, base: State<u32>) -> Result<Option<(String, u32)>> {
    let _ = (headers, at, ctx);
    Ok(Some((key.0, n + *base)))
}

#[handle(source = &WORDS, pipe = [values, filter(|n: &u32| *n > 1)], sink = WORDS)]
fn with_its_key(n: u32, key: Key<String>) -> (Option<String>, u32) {
    (Some(key.0), n)
}

#[handle(source = WORDS, concurrency = 4, buffer = 10, timeout = secs(5), name = "several")]
async fn concurrent(record: Record<String, u32>) -> Vec<u32> {
    vec![record.value]
}

#[handle(source = [WORDS, 0..3_u32], sink = [print])]
fn merged(n: u32) -> impl Iterator<Item = u32> {
    0..n
}

#[handle(source = 0..3_u32, sink = [print])]
fn streamed(n: u32) -> std::io::Result<impl Stream<Item = u32>> {
    Ok(slipstream::iter(0..n))
}

#[handle(source = ["a b"], sink = [print])]
fn borrows(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ')
}

#[handle(source = 0..3_u32, sink = [print])]
fn whole() -> Result<One<Vec<u32>>, String> {
    Ok(One(vec![1]))
}

fn main() {
    assert_eq!(borrows("a b").count(), 2);
}
