//! Pausing, for each kind of source: from a handler, by count, and taken back from outside.

use super::common::{LONG, counts, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output};
use std::collections::BTreeMap;

const MANY: u64 = 6;

/// Which handler saw which number.
static SEEN: Output<(&str, u64)> = Output::new("seen");

/// Pauses its source twice at 2.
fn seen(name: &'static str, source: &str, n: u64, ctx: &Ctx) -> Result<(&'static str, u64)> {
    if n == 2 {
        ctx.pause(source, "at 2")?;
        ctx.pause(source, "at 2")?;
    }
    Ok((name, n))
}

fn an_iterator() -> impl Iterator<Item = u64> {
    0..MANY
}

fn a_stream() -> impl Stream<Item = u64> {
    slipstream::iter(0..MANY)
}

fn resumed(from: Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    slipstream::iter(from.0.unwrap_or(0)..MANY).map(|n| At(n + 1, n))
}

static FED: Input<u64> = Input::new("fed");
static FED_TOO: Input<u64> = Input::new("fed too");
static TOPIC: Topic<u64, u64> = Topic::new("topic").start(Start::Earliest).until_end();
static PARTED: Topic<u64, u64> = Topic::new("parted").start(Start::Earliest).until_end();
static CHANNEL: Channel<u64> = Channel::new("channel");
static CACHE: Cache<u64, u64> = Cache::new("cache");

#[handle(source = an_iterator, sink = [TOPIC, PARTED])]
fn fill_topics(n: u64) -> (u64, u64) {
    (1, n)
}

#[handle(source = 0..MANY, sink = [CHANNEL])]
fn fill_channel(n: u64) -> u64 {
    n
}

#[handle(source = 0..MANY, sink = [CACHE])]
fn fill_cache(n: u64) -> (u64, u64) {
    (n, n)
}

macro_rules! handlers {
    ($($name:ident $called:literal [$($source:tt)*] $($lanes:ident)? ($message:pat) => $n:expr, $type:ty;)*) => {
        $(#[handle(source = $($source)*, sink = [SEEN] $(, lanes = $lanes)?)]
        fn $name($message: $type, ctx: Ctx) -> Result<(&'static str, u64)> {
            seen(stringify!($name), $called, $n, &ctx)
        })*

        /// Each handler, and what its source is called.
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $called)),*];

        fn with_all(app: App) -> App {
            app$(.handler($name))*
        }
    };
}

handlers! {
    of_a_stream "pauses::a_stream" [a_stream] (n) => n, u64;
    of_an_expression "of_an_expression.source" [0..MANY] (n) => n, u64;
    of_a_source_that_resumes "pauses::resumed" [resumed] (n) => n, u64;
    of_an_input "fed" [FED] (n) => n, u64;
    of_a_topic "topic" [TOPIC] (n) => n, u64;
    of_partitions "parted" [PARTED] partitions (n) => n, u64;
    of_a_channel "channel" [CHANNEL] (n) => n, u64;
    of_a_cache "cache" [CACHE] ((_, n)) => n, (u64, u64);
}

#[tokio::test]
async fn each_kind_of_source_waits_until_it_is_resumed_as_often_as_it_was_paused() {
    let app = testing::app().handler(fill_topics).handler(fill_channel).handler(fill_cache);
    let app = with_all(app).start().await.unwrap();
    app.feed(&FED, 0..MANY).unwrap();
    app.end(&FED).unwrap();
    let mut so_far: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut look = |app: &Running| {
        app.drain(&SEEN).unwrap().into_iter().for_each(|(name, n)| so_far.entry(name).or_default().push(n));
        so_far.clone()
    };
    for times in 0..2 {
        app.quiet().await;
        for (name, source) in ALL {
            assert_eq!(look(&app).get(name), Some(&vec![0, 1, 2]), "{name}, resumed {times} times");
            app.resume(source, "at 2").unwrap();
        }
    }
    within(LONG, app.wait()).await.unwrap();
    for (name, _) in ALL {
        assert_eq!(look(&app)[name], (0..MANY).collect::<Vec<_>>(), "{name}");
    }
    app.assert_conserved();
}

#[handle(source = [FED, FED_TOO])]
fn of_two(_n: u64) {}

#[tokio::test]
async fn of_several_sources_one_is_paused_alone() {
    let app = testing::app().handler(of_two).start().await.unwrap();
    app.pause("fed too", "outside").unwrap();
    app.feed(&FED, 0..3).unwrap();
    app.feed(&FED_TOO, 0..4).unwrap();
    app.quiet().await;
    assert_eq!(app.report().handler("of_two").done, 3);
    app.resume("fed too", "outside").unwrap();
    app.end(&FED).unwrap();
    app.end(&FED_TOO).unwrap();
    within(LONG, app.wait()).await.unwrap();
    assert_eq!(counts(&app, "of_two").done, 7);
}
