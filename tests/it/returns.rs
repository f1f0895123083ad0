//! Every form of return, and every argument beside the message.

use super::common::{counts, ended, ran};
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output};
use std::collections::BTreeSet;

static NUMBERS: Output<u32> = Output::new("numbers");
static LISTS: Output<Vec<u32>> = Output::new("lists");
static MAYBES: Output<Option<u32>> = Output::new("maybes");

type Fallible = Result<Option<u32>>;

macro_rules! returning {
    ($name:ident, $out:ident, $ty:ty, $body:expr) => {
        #[handle(source = 0..4_u32, sink = [$out], on_error = skip)]
        fn $name(n: u32) -> $ty {
            let make: fn(u32) -> $ty = $body;
            make(n)
        }
    };
}

fn no_three(n: u32) -> Result<u32> {
    if n == 3 { Err(Error::msg("no three")) } else { Ok(n) }
}

returning!(plain, NUMBERS, u32, |n| n);
returning!(maybe, NUMBERS, Option<u32>, |n| (n > 1).then_some(n));
returning!(list, NUMBERS, Vec<u32>, |n| (0..n).collect());
returning!(range, NUMBERS, std::ops::Range<u32>, |n| 0..n);
returning!(boxed, NUMBERS, Box<dyn Iterator<Item = u32> + Send>, |n| Box::new(0..n));
returning!(boxed_stream, NUMBERS, std::pin::Pin<Box<dyn Stream<Item = u32> + Send>>, |n| slipstream::iter(
    0..n
)
.boxed());
returning!(whole_list, LISTS, One<Vec<u32>>, |n| One(vec![n; 2]));
returning!(whole_maybe, MAYBES, One<Option<u32>>, |n| One((n > 1).then_some(n)));
returning!(fallible, NUMBERS, Result<u32>, no_three);
returning!(fallible_maybe, NUMBERS, Fallible, |n| Ok(Some(no_three(n)?).filter(|n| *n > 0)));
returning!(fallible_list, NUMBERS, Result<Vec<u32>, String>, |n| if n == 3 {
    Err("no".into())
} else {
    Ok(vec![n, n])
});
returning!(fallible_stream, NUMBERS, Result<futures_util::stream::Iter<std::ops::Range<u32>>>, |n| {
    Ok(slipstream::iter(0..no_three(n)?))
});

#[handle(source = 0..4_u32, sink = [NUMBERS], on_error = skip)]
async fn later(n: u32) -> Result<impl Iterator<Item = u32>> {
    tokio::task::yield_now().await;
    Ok(0..no_three(n)?)
}

#[tokio::test]
async fn each_form_gives_its_outputs_and_counts() {
    async fn check<F: 'static>(handler: F, name: &str, outputs: &[u32], columns: [u64; 3]) {
        let running = ran(handler).await;
        assert_eq!(running.drain(&NUMBERS).unwrap(), outputs, "{name}");
        let counts = running.report().handler(name);
        assert_eq!([counts.done, counts.filtered, counts.skipped], columns, "{name}");
        assert_eq!(running.report().sink(name, "NUMBERS").delivered, outputs.len() as u64, "{name}");
    }
    check(plain, "plain", &[0, 1, 2, 3], [4, 0, 0]).await;
    check(maybe, "maybe", &[2, 3], [2, 2, 0]).await;
    let triangle = [0, 0, 1, 0, 1, 2];
    check(list, "list", &triangle, [4, 0, 0]).await;
    check(range, "range", &triangle, [4, 0, 0]).await;
    check(boxed, "boxed", &triangle, [4, 0, 0]).await;
    check(boxed_stream, "boxed_stream", &triangle, [4, 0, 0]).await;
    check(fallible, "fallible", &[0, 1, 2], [3, 0, 1]).await;
    check(fallible_maybe, "fallible_maybe", &[1, 2], [2, 1, 1]).await;
    check(fallible_list, "fallible_list", &[0, 0, 1, 1, 2, 2], [3, 0, 1]).await;
    check(fallible_stream, "fallible_stream", &[0, 0, 1], [3, 0, 1]).await;
    check(later, "later", &[0, 0, 1], [3, 0, 1]).await;
    let running = ran(whole_list).await;
    assert_eq!(running.drain(&LISTS).unwrap()[3], [3, 3]);
    let running = ran(whole_maybe).await;
    assert_eq!(running.drain(&MAYBES).unwrap(), [None, None, Some(2), Some(3)]);
    assert_eq!(running.report().handler("whole_maybe").filtered, 0);
}

static TEXTS: Output<String> = Output::new("texts");

fn texts() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

fn slices() -> Vec<Vec<u32>> {
    vec![vec![1, 2], vec![]]
}

#[handle(source = texts, sink = [TEXTS])]
fn of_text(text: &str, suffix: State<String>) -> String {
    format!("{text}{}", *suffix)
}

#[handle(source = slices, sink = [NUMBERS])]
fn of_slice(all: &[u32]) -> u32 {
    all.len() as u32
}

#[handle(source = 0..2_u32, sink = [TICKS])]
fn of_nothing() -> &'static str {
    "tick"
}

#[tokio::test]
async fn messages_are_lent_as_what_they_deref_to() {
    let running = ended(testing::app().state("!".to_owned()).handler(of_text)).await;
    assert_eq!(running.drain(&TEXTS).unwrap(), ["a!", "b!"]);
    assert_eq!(ran(of_slice).await.drain(&NUMBERS).unwrap(), [2, 0]);
}

static IDS: Output<String> = Output::new("ids");

fn ten() -> impl Iterator<Item = u32> {
    0..10
}

#[handle(source = ten, sink = [IDS])]
fn id_alone(_n: &u32, ctx: Ctx) -> String {
    ctx.id()
}

#[handle(source = ten, buffer = 4, sink = [IDS])]
async fn id_buffered(_n: u32, ctx: Ctx) -> String {
    tokio::task::yield_now().await;
    ctx.id()
}

#[handle(source = ten, concurrency = 3, key = |n: &u32| *n, sink = [IDS])]
async fn id_concurrent(n: &u32, ctx: Ctx) -> String {
    tokio::time::sleep(millis(u64::from(n % 3))).await;
    ctx.id()
}

#[handle(source = [ten, 0..5_u32], sink = [IDS])]
fn id_of_two(_n: u32, ctx: Ctx) -> String {
    ctx.id()
}

#[tokio::test]
async fn each_message_has_an_id_of_its_own() {
    let expected: BTreeSet<String> = (1..=10).map(|n| format!("returns::ten/{n}")).collect();
    for app in [
        testing::app().handler(id_alone),
        testing::app().handler(id_buffered),
        testing::app().handler(id_concurrent),
    ] {
        let ids = ended(app).await.drain(&IDS).unwrap();
        assert_eq!(ids.len(), 10);
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    let ids: BTreeSet<String> = ran(id_of_two).await.drain(&IDS).unwrap().into_iter().collect();
    assert_eq!(ids.len(), 15, "{ids:?}");
}

static TICKS: Output<&'static str> = Output::new("ticks");

#[tokio::test]
async fn a_handler_needs_no_argument() {
    assert_eq!(ran(of_nothing).await.drain(&TICKS).unwrap(), ["tick", "tick"]);
}

static PACED: Input<u32> = Input::new("paced");

#[handle(source = PACED, sink = [NUMBERS])]
fn yields_and_fails(n: u32) -> impl Stream<Item = u32> {
    slipstream::iter(0..3)
        .map(move |part| if part == 2 && n == 1 { panic!("in the body") } else { n * 10 + part })
}

#[tokio::test]
async fn what_was_yielded_before_a_failure_stays() {
    let running = testing::app().handler(yields_and_fails).start().await.unwrap();
    running.feed(&PACED, [0, 1, 2]).unwrap();
    let error = running.wait().await.unwrap_err();
    assert!(error.to_string().contains("message 2 (handler): panicked: in the body"), "{error}");
    assert_eq!(running.drain(&NUMBERS).unwrap(), [0, 1, 2, 10, 11]);
    assert_eq!(counts(&running, "yields_and_fails").done, 1);
}

#[handle(source = [5_u64, 6], sink = [IDS])]
fn named_as_the_macros_own(message: u64, step: Ctx, copy: Ctx, rest: Ctx) -> String {
    [step, copy, rest].iter().fold(message.to_string(), |ids, ctx| format!("{ids} {}", ctx.now().timestamp()))
}

#[tokio::test]
async fn an_argument_may_be_called_as_the_macro_calls_what_it_needs() {
    let app = testing::app().clock(testing::stopped_clock()).handler(named_as_the_macros_own);
    let ended = ended(app).await.drain(&IDS).unwrap();
    assert_eq!(ended, ["5 1704067200 1704067200 1704067200", "6 1704067200 1704067200 1704067200"]);
}
