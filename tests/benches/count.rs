//! Counting by key from topic to topic, beside a bare loop of rdkafka: `cargo xtask bench count [--short]`.
//!
//! 2 M JSON messages of about 110 bytes, 10 000 keys, 4 partitions; each is counted by its key, and each count is written
//! to another topic. The loop keeps the counts in a `HashMap` and commits nothing; ours keeps them in a cache that
//! outlives the process, counts every message in two ledgers, and commits offsets when outputs are acknowledged. They
//! take turns in one process, and both times begin with the first message.
//!
//! `--set NAME=VALUE` changes a setting of our client; `defaults` measures what other values would do to it: so they
//! were chosen.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)] // it is its purpose, and nobody's service

mod bare;

use bare::{ALTERNATIVES, Bench, changed, flush, send};
use rdkafka::Offset;
use rdkafka::message::Message as _;
use slipstream::prelude::*;
use slipstream_tests::ratios::{median, spread};
use std::collections::HashMap;
use std::time::Instant;

const MESSAGES: u64 = 2_000_000;
const KEYS: u64 = 10_000;
const PAIRS: usize = 5;
/// How many times as fast as the loop it is to be.
const BAR: f64 = 1.2;

/// What the loop must have counted, and ours as well.
type Counts = HashMap<String, u64>;

#[derive(serde::Serialize, serde::Deserialize)]
struct Event {
    user: String,
}

static EVENTS: Topic<String, Event> = Topic::new("events").start(Start::Earliest).until_end();
static COUNTS: Cache<String, u64> = Cache::new("counts");
static UPDATES: Topic<String, u64> = Topic::new("updates");

#[handle(source = EVENTS, sink = [COUNTS, UPDATES])]
fn count(event: Event) -> Result<(String, u64)> {
    let n = COUNTS.get(&event.user)?.unwrap_or(0) + 1;
    Ok((event.user, n))
}

fn main() -> slipstream::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let is_short = args.iter().any(|arg| arg == "--short");
    let (messages, pairs) = if is_short { (MESSAGES / 4, 1) } else { (MESSAGES, PAIRS) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bench = Bench::new();
    let input = runtime.block_on(bench.topic("events"));
    generate(&bench, &input, messages);
    let set = args.windows(2).filter(|words| words[0] == "--set");
    let set: Vec<(&str, &str)> = set.filter_map(|words| words[1].split_once('=')).collect();
    if let Some(at) = args.iter().position(|arg| arg == "ours") {
        // For a profile: `cargo xtask bench count ours 3`.
        for run in 0..args[at + 1].parse()? {
            let run = runtime.block_on(ours(&bench, &input, &format!("ours-{run}"), &set))?;
            println!("ours: {:.0} a second, {:.0} % idle", messages as f64 / run.took, 100.0 * run.idle);
        }
        return Ok(());
    }
    if args.iter().any(|arg| arg == "defaults") {
        for (name, value) in ALTERNATIVES {
            let mut ratios = Vec::new();
            for pair in 0..3 {
                let run = |who: &str, set| {
                    let who = format!("{name}-{value}-{who}-{pair}");
                    runtime.block_on(ours(&bench, &input, &who, set)).map(|run| run.took)
                };
                let default = run("default", &[])?;
                ratios.push(default / run("changed", &[(name, value)])?);
            }
            println!("{name}={value}: {} times as fast as the default", spread(&mut ratios));
        }
        return Ok(());
    }
    let (mut ratios, mut rooms) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let output = runtime.block_on(bench.topic(&format!("bare-{pair}")));
        let before = at_work();
        let bare = bare_loop(&bench, &input, &output, messages);
        rooms.push(1.0 / (1.0 - bare.idle));
        let between = at_work();
        let ours = runtime.block_on(ours(&bench, &input, &format!("ours-{pair}"), &set))?;
        let cpu = [between - before, at_work() - between].map(|seconds| seconds * 1e6 / messages as f64);
        assert_eq!(ours.counts, bare.counts, "both do the same work");
        let rate = |run: &Run| messages as f64 / run.took / 1000.0;
        let ratio = bare.took / ours.took;
        println!(
            "pair {pair}: loop {:.0} k/s, {:.1} us of processor a message, {:.0} % idle; ours {:.0} k/s, {:.1} us, {:.0} % \
             idle; ratio {ratio:.2}",
            rate(&bare),
            cpu[0],
            100.0 * bare.idle,
            rate(&ours),
            cpu[1],
            100.0 * ours.idle,
        );
        ratios.push(ratio);
    }
    let median = median(&mut ratios);
    println!(
        "room: a client that costs no more than the loop could be {} times as fast on this machine, broker and all",
        spread(&mut rooms)
    );
    println!("count: ratio {}; to be {BAR}", spread(&mut ratios));
    // Beside whatever else the machine does one pair says little; a third of what is to be it says.
    if is_short && median < BAR / 3.0 {
        return Err(std::io::Error::other("a count is less than a third as fast as it is to be").into());
    }
    Ok(())
}

/// How long all threads of this process have been at work, in seconds.
fn at_work() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    (ticks(11) + ticks(12)) as f64 / 100.0
}

/// What a run took from its first message on, in seconds, and which part of it the machine was idle.
struct Run {
    took: f64,
    idle: f64,
    counts: Counts,
}

/// The moment of the first message, and what the whole machine, with the broker on it, had idled and run by then, in ticks.
struct Began {
    at: Instant,
    idle: u64,
    all: u64,
}

impl Began {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let ticks = stat.lines().next().unwrap().split_whitespace().skip(1);
        let ticks: Vec<u64> = ticks.map(|ticks| ticks.parse().unwrap()).collect();
        Began { at: Instant::now(), idle: ticks[3] + ticks[4], all: ticks.iter().take(8).sum() }
    }

    fn ended(&self, counts: Counts) -> Run {
        let now = Began::now();
        let idle = (now.idle - self.idle) as f64 / (now.all - self.all).max(1) as f64;
        Run { took: (now.at - self.at).as_secs_f64(), idle, counts }
    }
}

fn generate(bench: &Bench, topic: &str, messages: u64) {
    let producer = bench.producer(&[
        ("linger.ms", "50"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "500000"),
        ("compression.type", "lz4"),
        ("partitioner", "murmur2_random"),
    ]);
    let mut random = 42_u64;
    for n in 0..messages {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let user = format!("user-{:06}", random % KEYS);
        let (amount, at, page) = ((random >> 20) % 1000, 1_700_000_000_000 + 2 * n, (random >> 33) % 5000);
        let event = format!(
            r#"{{"user":"{user}","amount":{amount},"ts":{at},"page":"/products/{page}","agent":"Mozilla/5.0"}}"#
        );
        send(&producer, topic, &user, &event);
        if n.is_multiple_of(10_000) {
            producer.poll(Duration::ZERO);
        }
    }
    flush(&producer);
}

/// What there is in an event that the loop looks at: it need not own it.
#[derive(serde::Deserialize)]
struct Lent<'a> {
    user: &'a str,
}

fn bare_loop(bench: &Bench, input: &str, output: &str, messages: u64) -> Run {
    let consumer = bench.consumer(
        input,
        Offset::Beginning,
        &[
            ("fetch.message.max.bytes", "4000000"),
            ("queued.max.messages.kbytes", "65536"),
            ("fetch.queue.backoff.ms", "10"),
        ],
    );
    let producer = bench.producer(&[
        ("linger.ms", "5"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "500000"),
        ("compression.type", "lz4"),
    ]);
    let mut counts = Counts::new();
    let mut first = None;
    let mut done = 0_u64;
    while done < messages {
        let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = record.unwrap();
        first.get_or_insert_with(Began::now);
        let event: Lent<'_> = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let count = match counts.get_mut(event.user) {
            Some(count) => count,
            None => counts.entry(event.user.to_owned()).or_default(),
        };
        *count += 1;
        send(&producer, output, event.user, &count.to_string());
        done += 1;
        if done.is_multiple_of(10_000) {
            producer.poll(Duration::ZERO);
        }
    }
    flush(&producer);
    first.unwrap().ended(counts)
}

async fn ours(bench: &Bench, input: &str, run: &str, set: &[(&str, &str)]) -> slipstream::Result<Run> {
    let output = bench.topic(run).await;
    let state = tempfile::tempdir()?;
    let config = Config::new()
        .set("kafka.bootstrap.servers", bench.servers.clone())
        .set("app.id", bench.name(run))
        .set("state.dir", state.path().to_string_lossy())
        .set("topic.events.name", input)
        .set("topic.updates.name", output);
    let running = App::new().config(changed(config, set)).handler(count).start().await?;
    let first = loop {
        if running.report().handler("count").taken > 0 {
            break Began::now();
        }
        tokio::time::sleep(millis(1)).await;
    };
    running.wait().await?;
    let run = first.ended(Counts::new());
    running.assert_conserved();
    let counts = running.enter(|| COUNTS.iter().collect::<Result<Counts>>())?;
    Ok(Run { counts, ..run })
}
