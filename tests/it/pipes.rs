//! What pipes filter, hold and absorb; ours say it, and of others it is told.

use futures_util::StreamExt as _;
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output, stopped_clock};

static SEEN: Output<u32> = Output::new("seen");
static LISTS: Output<Vec<u32>> = Output::new("lists");
static PAIRS: Output<(u32, u32)> = Output::new("pairs");

/// Runs one handler to its end, and gives (taken, done, filtered, absorbed, held).
async fn columns<F: 'static>(handler: F, name: &str) -> (Running, [u64; 5]) {
    let running = testing::app().handler(handler).start().await.unwrap();
    running.wait().await.unwrap();
    running.assert_conserved();
    let counts = running.report().handler(name);
    assert_eq!(counts.open, 0, "{counts:?}");
    (running, [counts.taken, counts.done, counts.filtered, counts.absorbed, counts.held])
}

macro_rules! piped {
    ($name:ident, $pipe:tt, $out:ident, $ty:ty) => {
        #[handle(source = [0, 1, 1, 2, 3, 5], pipe = $pipe, sink = [$out])]
        fn $name(n: $ty) -> One<$ty> {
            One(n)
        }
    };
}

piped!(evens, [filter(|n: &u32| n % 2 == 0)], SEEN, u32);
piped!(halves, [filter_map(|n: u32| (n > 2).then_some(n * 10))], SEEN, u32);
piped!(deduped, [dedup], SEEN, u32);
piped!(taken, [take(2)], SEEN, u32);
piped!(taken_while, [take_while(|n: &u32| *n < 2)], SEEN, u32);
piped!(taken_until, [take_until(|n: &u32| *n == 2)], SEEN, u32);
piped!(skipped, [slipstream::skip(4)], SEEN, u32);
piped!(summed, [accumulate], SEEN, u32);
piped!(chunked, [chunks(4)], LISTS, Vec<u32>);
piped!(paired, [pairwise], PAIRS, (u32, u32));
piped!(sums_of_pairs, [accumulate, pairwise], PAIRS, (u32, u32));
piped!(pairs_of_sums, [filter(|n: &u32| *n > 0), map(|n: u32| n + 1), pairwise], PAIRS, (u32, u32));

#[tokio::test]
async fn ours_say_what_they_filter_and_hold() {
    let (running, counts) = columns(evens, "evens").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 2], [6, 2, 4, 0, 0]));
    let (running, counts) = columns(halves, "halves").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![30, 50], [6, 2, 4, 0, 0]));
    let (running, counts) = columns(deduped, "deduped").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1, 2, 3, 5], [6, 5, 1, 0, 0]));
    let (running, counts) = columns(taken, "taken").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1], [2, 2, 0, 0, 0]));
    let (running, counts) = columns(taken_while, "taken_while").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1, 1], [4, 3, 1, 0, 0]));
    let (running, counts) = columns(taken_until, "taken_until").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1, 1, 2], [4, 4, 0, 0, 0]));
    let (running, counts) = columns(skipped, "skipped").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![3, 5], [6, 2, 4, 0, 0]));
    let (running, counts) = columns(summed, "summed").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1, 2, 4, 7, 12], [6, 6, 0, 0, 0]));
    let (running, counts) = columns(chunked, "chunked").await;
    assert_eq!(
        (running.drain(&LISTS).unwrap(), counts),
        (vec![vec![0, 1, 1, 2], vec![3, 5]], [6, 6, 0, 0, 0])
    );
    let (running, counts) = columns(paired, "paired").await;
    assert_eq!(running.drain(&PAIRS).unwrap(), [(0, 1), (1, 1), (1, 2), (2, 3), (3, 5)]);
    assert_eq!(counts, [6, 6, 0, 0, 0]);
    let (running, _) = columns(sums_of_pairs, "sums_of_pairs").await;
    assert_eq!(running.drain(&PAIRS).unwrap()[..2], [(0, 1), (1, 2)]);
    let (running, counts) = columns(pairs_of_sums, "pairs_of_sums").await;
    assert_eq!(running.drain(&PAIRS).unwrap(), [(2, 2), (2, 3), (3, 4), (4, 6)]);
    assert_eq!(counts, [6, 5, 1, 0, 0]);
}

fn every_other(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.enumerate().filter_map(async |(at, n)| (at % 2 == 1).then_some(n))
}

fn twice(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.flat_map(|n| futures_util::stream::iter([n, n]))
}

fn only_two(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.take(2)
}

piped!(foreign_filter, [every_other], SEEN, u32);
piped!(foreign_double, [twice], SEEN, u32);
piped!(foreign_short, [only_two], SEEN, u32);
piped!(
    foreign_closure,
    [|stream| stream.map(|n: u32| n + 1).ready_chunks(4).map(|all| all.len() as u32)],
    SEEN,
    u32
);
piped!(mixed, [filter(|n: &u32| *n > 0), every_other, chunks(2)], LISTS, Vec<u32>);

#[tokio::test]
async fn of_others_it_is_told_from_when_they_ask_and_answer() {
    let (running, counts) = columns(foreign_filter, "foreign_filter").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![1, 2, 5], [6, 3, 0, 3, 0]));
    let (running, counts) = columns(foreign_double, "foreign_double").await;
    assert_eq!((running.drain(&SEEN).unwrap().len(), counts), (12, [6, 6, 0, 0, 0]));
    let (running, counts) = columns(foreign_short, "foreign_short").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![0, 1], [2, 2, 0, 0, 0]));
    let (running, counts) = columns(foreign_closure, "foreign_closure").await;
    assert_eq!((running.drain(&SEEN).unwrap(), counts), (vec![4, 2], [6, 2, 0, 4, 0]));
    let (running, counts) = columns(mixed, "mixed").await;
    assert_eq!((running.drain(&LISTS).unwrap(), counts), (vec![vec![1, 3]], [6, 2, 1, 3, 0]));
}

static NUMBERS: Input<u32> = Input::new("numbers");

#[handle(source = NUMBERS, pipe = [throttle(secs(10))], sink = [SEEN])]
fn throttled(n: u32) -> u32 {
    n
}

#[handle(source = NUMBERS, pipe = [chunks(3)], sink = [LISTS])]
fn held(all: Vec<u32>) -> One<Vec<u32>> {
    One(all)
}

#[tokio::test]
async fn time_and_what_is_held_are_seen_while_it_runs() {
    let running =
        testing::app().clock(stopped_clock()).handler(throttled).handler(held).start().await.unwrap();
    running.feed(&NUMBERS, [1, 2]).unwrap();
    running.advance(secs(9)).await;
    running.feed(&NUMBERS, [3]).unwrap();
    running.advance(secs(2)).await;
    running.feed(&NUMBERS, [4]).unwrap();
    running.quiet().await;
    assert_eq!(running.drain(&SEEN).unwrap(), [1, 4]);
    let counts = running.report().handler("held");
    assert_eq!((counts.taken, counts.done, counts.held), (4, 3, 1));
    running.assert_conserved();
    running.end(&NUMBERS).unwrap();
    running.wait().await.unwrap();
    assert_eq!(running.drain(&LISTS).unwrap(), [vec![1, 2, 3], vec![4]]);
    running.assert_conserved();
}
