//! A program for the tests of the command line: every kind of wiring, and ways to start it or not to.

use slipstream::prelude::*;

static QUAKES: Topic<String, u64> = Topic::new("quakes").partitions(2).start(Start::Earliest).until_end();
static ODD: Topic<String, u64> = Topic::new("odd \"<name>\"\nof #1 & `more`").dry();
static DEAD: Topic<Option<String>, serde_json::Value> = Topic::new("dead");
static COUNTS: Cache<String, u64> = Cache::new("counts");
static FIRST: Channel<u64> = Channel::new("first");
static LIVE: Channel<(String, u64)> = Channel::volatile("live");

fn numbers() -> impl Iterator<Item = u64> {
    0..3
}

fn foreign<S: Stream<Item = (String, u64)>>(stream: S) -> impl Stream<Item = u64> {
    stream.map(|(_, n)| n + 1)
}

#[handle(source = numbers, sink = [QUAKES, LIVE])]
fn feed(n: u64) -> (String, u64) {
    (n.to_string(), n)
}

/// A circle: its source is its sink.
#[handle(source = QUAKES, sink = [QUAKES], on_error = skip, lanes = partitions)]
fn again(_record: &Record<String, u64>) -> Option<(String, u64)> {
    None
}

#[handle(
    source = QUAKES,
    pipe = [values, enumerate],
    sink = [COUNTS, print],
    on_error = retry(2, fixed(millis(10))).then(dead_letter(&DEAD)),
    timeout = secs(3)
)]
fn count((n, _value): (u64, u64)) -> (String, u64) {
    ("all".to_owned(), n)
}

#[handle(source = [COUNTS, every(secs(1))], sink = [ODD], name = "say \"<b>\"\nloudly")]
fn say(_n: Mixed) -> (String, u64) {
    (String::new(), 0)
}

#[derive(Clone, Debug)]
struct Mixed;

impl From<(String, u64)> for Mixed {
    fn from(_: (String, u64)) -> Self {
        Mixed
    }
}

impl From<u64> for Mixed {
    fn from(_: u64) -> Self {
        Mixed
    }
}

#[handle(source = LIVE, sink = [FIRST], pipe = [foreign], concurrency = 4, key = |n: &u64| *n)]
fn spread(n: u64) -> u64 {
    n
}

#[handle(source = FIRST, buffer = 8)]
fn last(_n: u64, _limit: State<u64>) {}

#[allow(clippy::print_stdout)] // the test reads it
#[slipstream::main]
async fn main(words: Vec<String>) -> Result<()> {
    let app = App::collected().state(7_u64);
    match words.first().map(String::as_str) {
        None => app.run().await,
        Some("without") => App::collected().run().await,
        Some("none") => App::new().run().await,
        Some("misspelt") => app.only(["cuont"]).run().await,
        Some("again") => {
            app.only(["again"]).start().await?.wait().await?;
            println!("it ran");
            Ok(())
        }
        // Handlers by hand: what was asked is asked of them as well.
        Some("by-hand") => {
            let running = App::new().handler(again).config(Config::of_process()).start().await?;
            println!("it ran");
            running.stop().await
        }
        Some("settings") => {
            println!("{:?}", Config::of_process().set("app.id", "program").get("app.id"));
            Ok(())
        }
        Some(word) => Err(Error::msg(format!("no such word: {word}"))),
    }
}
