//! Pipes that are not ours: closures, pipes that look ahead, keep, multiply and end early; and what they do with ours.

use super::common::{ended, ran};
use futures_util::{FutureExt as _, StreamExt as _};
use slipstream::prelude::*;
use slipstream::testing::{self, Output};
use std::sync::atomic::{AtomicU32, Ordering};

static SEEN: Output<u32> = Output::new("seen");

macro_rules! piped {
    ($name:ident, $pipe:tt) => {
        #[handle(source = 0..6_u32, pipe = $pipe, sink = [SEEN])]
        fn $name(n: u32) -> u32 {
            n
        }
    };
}

/// Runs it, and gives what it saw and (taken, done, filtered, absorbed, held).
async fn columns<F: 'static>(handler: F, name: &str) -> (Vec<u32>, [u64; 5]) {
    let running = ran(handler).await;
    let counts = running.report().handler(name);
    assert_eq!(counts.open, 0, "{counts:?}");
    (
        running.drain(&SEEN).unwrap(),
        [counts.taken, counts.done, counts.filtered, counts.absorbed, counts.held],
    )
}

fn two_ahead(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream
        .map(|n| async move {
            tokio::time::sleep(millis(u64::from(6 - n))).await;
            n
        })
        .buffered(2)
}

fn unordered(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream
        .map(|n| async move {
            tokio::time::sleep(millis(u64::from(n % 2) * 5)).await;
            n
        })
        .buffer_unordered(6)
}

fn threefold<T: Clone + Send>(stream: impl Stream<Item = T> + Send) -> impl Stream<Item = T> + Send {
    stream.flat_map(|n| slipstream::iter([n.clone(), n.clone(), n]))
}

fn last_only(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.fold(0, async |_, n| n).into_stream()
}

fn never(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    drop(stream);
    futures_util::stream::empty()
}

fn made_up(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    slipstream::iter([90, 91]).chain(stream).chain(slipstream::iter([99]))
}

piped!(looks_two_ahead, [two_ahead]);
piped!(in_any_order, [unordered]);
piped!(thrice, [threefold]);
piped!(thrice_then_ours, [threefold, filter(|n: &u32| *n % 2 == 0), dedup]);
piped!(ours_then_thrice, [filter(|n: &u32| *n % 2 == 0), threefold]);
piped!(only_the_last, [last_only]);
piped!(not_at_all, [never]);
piped!(with_others, [made_up]);
piped!(closures, [|stream| stream.map(|n: u32| n + 1), |stream| stream.skip(2), map(|n: u32| n * 10)]);
piped!(twice_foreign, [threefold, |stream| stream.step_by_three()]);

trait ByThree: Stream<Item = u32> + Sized + Send {
    fn step_by_three(self) -> impl Stream<Item = u32> + Send {
        self.enumerate().filter_map(async |(at, n)| (at % 3 == 0).then_some(n))
    }
}

impl<S: Stream<Item = u32> + Send> ByThree for S {}

#[tokio::test]
async fn each_is_accounted_for_by_when_it_asks_and_answers() {
    let (seen, [taken, done, _, absorbed, _]) = columns(looks_two_ahead, "looks_two_ahead").await;
    assert_eq!((seen, taken, done + absorbed), (vec![0, 1, 2, 3, 4, 5], 6, 6));
    let (mut seen, [taken, done, _, absorbed, _]) = columns(in_any_order, "in_any_order").await;
    seen.sort_unstable();
    assert_eq!((seen, taken, done + absorbed), (vec![0, 1, 2, 3, 4, 5], 6, 6));
    let (seen, counts) = columns(thrice, "thrice").await;
    assert_eq!((seen.len(), counts), (18, [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(thrice_then_ours, "thrice_then_ours").await;
    // Of three outputs the first stands for the message; the others for nothing.
    assert_eq!((seen, counts), (vec![0, 2, 4], [6, 3, 3, 0, 0]));
    let (seen, counts) = columns(ours_then_thrice, "ours_then_thrice").await;
    assert_eq!((seen.len(), counts), (9, [6, 3, 3, 0, 0]));
    let (seen, counts) = columns(only_the_last, "only_the_last").await;
    assert_eq!((seen, counts), (vec![5], [6, 1, 0, 5, 0]));
    let (seen, counts) = columns(not_at_all, "not_at_all").await;
    assert_eq!((seen, counts), (vec![], [0, 0, 0, 0, 0]));
    let (seen, counts) = columns(with_others, "with_others").await;
    assert_eq!((seen, counts), (vec![90, 91, 0, 1, 2, 3, 4, 5, 99], [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(closures, "closures").await;
    assert_eq!((seen, counts), (vec![30, 40, 50, 60], [6, 4, 0, 2, 0]));
    let (seen, [taken, done, _, absorbed, _]) = columns(twice_foreign, "twice_foreign").await;
    assert_eq!((seen, taken, done + absorbed), (vec![0, 1, 2, 3, 4, 5], 6, 6));
}

piped!(
    scanned,
    [scan(1, |state: &mut u32, n| {
        *state += n;
        *state
    })]
);
piped!(numbered, [enumerate, map(|(at, n): (u64, u32)| at as u32 * 10 + n)]);
piped!(limited_twice, [take(4), take_while(|n: &u32| *n < 9), take_until(|n: &u32| *n == 2)]);
piped!(pairs_in_chunks, [pairwise, chunks(2), map(|all: Vec<(u32, u32)>| all.len() as u32)]);
piped!(chunks_in_pairs, [chunks(2), pairwise, map(|(_, b): (Vec<u32>, Vec<u32>)| b[0])]);
piped!(alone_in_its_pair, [take(1), pairwise, map(|(_, b): (u32, u32)| b)]);

#[tokio::test]
async fn ours_compose_in_any_order() {
    let (seen, counts) = columns(scanned, "scanned").await;
    assert_eq!((seen, counts), (vec![1, 2, 4, 7, 11, 16], [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(numbered, "numbered").await;
    assert_eq!((seen, counts), (vec![0, 11, 22, 33, 44, 55], [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(limited_twice, "limited_twice").await;
    assert_eq!((seen, counts), (vec![0, 1, 2], [3, 3, 0, 0, 0]));
    let (seen, counts) = columns(pairs_in_chunks, "pairs_in_chunks").await;
    assert_eq!((seen, counts), (vec![2, 2, 1], [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(chunks_in_pairs, "chunks_in_pairs").await;
    assert_eq!((seen, counts), (vec![2, 4], [6, 6, 0, 0, 0]));
    let (seen, counts) = columns(alone_in_its_pair, "alone_in_its_pair").await;
    assert_eq!((seen, counts), (vec![], [1, 0, 1, 0, 0]));
}

static MADE: AtomicU32 = AtomicU32::new(0);

fn counted_instances(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    MADE.fetch_add(1, Ordering::SeqCst);
    stream.enumerate().map(|(at, n)| n * 100 + at as u32)
}

#[handle(source = [0..3_u32, 5..7_u32], pipe = [counted_instances], sink = [SEEN])]
fn of_two_sources(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn each_source_has_a_pipe_of_its_own() {
    let running = ended(testing::app().handler(of_two_sources)).await;
    let mut seen = running.drain(&SEEN).unwrap();
    seen.sort_unstable();
    assert_eq!((seen, MADE.load(Ordering::SeqCst)), (vec![0, 101, 202, 500, 601], 2));
    assert_eq!(running.report().messages.len(), 2);
}

static OPENED: AtomicU32 = AtomicU32::new(0);

fn opened() -> std::ops::Range<u32> {
    OPENED.fetch_add(1, Ordering::SeqCst);
    0..3
}

#[handle(source = opened())]
fn private_one(_n: u32) {}

#[handle(source = opened())]
fn private_two(_n: u32) {}

#[handle(source = opened)]
fn shared_one(_n: u32) {}

#[handle(source = opened)]
fn shared_two(_n: u32) {}

#[tokio::test]
async fn a_path_shares_and_a_call_does_not() {
    let app =
        testing::app().handler(private_one).handler(private_two).handler(shared_one).handler(shared_two);
    let running = ended(app).await;
    assert_eq!(OPENED.load(Ordering::SeqCst), 3);
    for handler in ["private_one", "private_two", "shared_one", "shared_two"] {
        assert_eq!(running.report().handler(handler).done, 3, "{handler}");
    }
}
