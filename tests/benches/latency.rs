//! How long a message takes from topic to topic at 5 000 a second, beside a bare loop of rdkafka with the same settings:
//! `cargo xtask bench latency [--short]`.
//!
//! A thread writes the time at a fixed rate into one topic; what is between takes each message to another topic; another
//! thread reads that, and compares with the time then. Both ways are measured in turn, in one process. `defaults`
//! measures what other settings would do to ours.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)] // it is its purpose, and nobody's service

mod bare;

use bare::{ALTERNATIVES, Bench, changed, flush, send};
use rdkafka::Offset;
use rdkafka::message::Message as _;
use slipstream::prelude::*;
use slipstream_tests::ratios::{median, spread};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const RATE: f64 = 5_000.0;
/// What comes earlier finds nothing warm.
const WARM: Duration = Duration::from_secs(4);
const PAIRS: usize = 5;
/// How many times as long as through the loop a message may take.
const BAR: f64 = 1.3;

/// Of our clients, and so of the loop's.
const CONSUMER: [(&str, &str); 3] =
    [("fetch.wait.max.ms", "100"), ("fetch.queue.backoff.ms", "10"), ("queued.max.messages.kbytes", "16384")];
const PRODUCER: [(&str, &str); 4] = [
    ("linger.ms", "5"),
    ("compression.type", "lz4"),
    ("enable.idempotence", "true"),
    ("partitioner", "murmur2_random"),
];

static INPUT: Topic<String, u64> = Topic::new("input");
static OUTPUT: Topic<String, u64> = Topic::new("output");

#[handle(source = INPUT, sink = [OUTPUT])]
fn pass(at: u64, key: Key<String>) -> (String, u64) {
    (key.0, at)
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
}

/// In microseconds: the half of all messages took no longer, and 99 of 100.
#[derive(Clone, Copy)]
struct Latency {
    p50: u64,
    p99: u64,
}

fn main() -> slipstream::Result<()> {
    let is_short = std::env::args().any(|arg| arg == "--short");
    let (time, pairs) = if is_short { (secs(8), 1) } else { (secs(14), PAIRS) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let bench = Bench::new();
    // Not counted: whoever is first meets a broker that has just started, and waits for it for more than a second.
    runtime.block_on(bare_loop(&bench, pairs, time));
    if std::env::args().any(|arg| arg == "defaults") {
        for (at, change) in ALTERNATIVES.iter().enumerate() {
            let default = runtime.block_on(ours(&bench, &format!("default-{at}"), secs(8), &[]))?;
            let changed = runtime.block_on(ours(&bench, &format!("changed-{at}"), secs(8), &[*change]))?;
            let ratio = |changed: u64, default: u64| changed as f64 / default as f64;
            println!(
                "{}={}: p50 {:.2}, p99 {:.2} times that of the default",
                change.0,
                change.1,
                ratio(changed.p50, default.p50),
                ratio(changed.p99, default.p99)
            );
        }
        return Ok(());
    }
    let (mut p50s, mut p99s) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let bare = runtime.block_on(bare_loop(&bench, pair, time));
        let ours = runtime.block_on(ours(&bench, &format!("ours-{pair}"), time, &[]))?;
        let (p50, p99) = (ours.p50 as f64 / bare.p50 as f64, ours.p99 as f64 / bare.p99 as f64);
        println!(
            "pair {pair}: p50 loop {:.1} ms, ours {:.1} ms, ratio {p50:.2}; p99 loop {:.1} ms, ours {:.1} ms, ratio {p99:.2}",
            bare.p50 as f64 / 1e3,
            ours.p50 as f64 / 1e3,
            bare.p99 as f64 / 1e3,
            ours.p99 as f64 / 1e3,
        );
        p50s.push(p50);
        p99s.push(p99);
    }
    let worst = median(&mut p50s).max(median(&mut p99s));
    println!(
        "latency: p50 ratio {}, p99 ratio {}; to be at most {BAR}",
        spread(&mut p50s),
        spread(&mut p99s)
    );
    // Beside whatever else the machine does one pair says little; three times as long it says.
    if is_short && worst > 3.0 * BAR {
        return Err(std::io::Error::other("a message takes three times as long as it may").into());
    }
    Ok(())
}

/// Writes into one topic at the rate, and reads the other one.
fn measured(bench: &Bench, input: &str, output: &str, time: Duration) -> Latency {
    let consumer = bench.consumer(output, Offset::End, &[("fetch.wait.max.ms", "10")]);
    let producer = bench.producer(&[("linger.ms", "1")]);
    let (warm, end) = (micros() + WARM.as_micros() as u64, Instant::now() + time);
    let mut took = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (started, mut sent) = (Instant::now(), 0_u64);
            while Instant::now() < end {
                while (sent as f64) < started.elapsed().as_secs_f64() * RATE {
                    send(&producer, input, &format!("key-{}", sent % 1000), &micros().to_string());
                    sent += 1;
                }
                producer.poll(Duration::ZERO);
                thread::sleep(Duration::from_micros(500));
            }
            flush(&producer);
        });
        while Instant::now() < end + secs(1) {
            let Some(Ok(record)) = consumer.poll(millis(50)) else { continue };
            let now = micros();
            let at: u64 = std::str::from_utf8(record.payload().unwrap()).unwrap().parse().unwrap();
            if at > warm {
                took.push(now.saturating_sub(at));
            }
        }
    });
    took.sort_unstable();
    let due = (time - WARM).as_secs_f64() * RATE;
    assert!(took.len() as f64 > 0.95 * due, "{} of {due} messages came", took.len());
    Latency { p50: took[took.len() / 2], p99: took[took.len() * 99 / 100] }
}

async fn topics(bench: &Bench, run: &str) -> (String, String) {
    let input = bench.topic(&format!("{run}-input")).await;
    (input, bench.topic(&format!("{run}-output")).await)
}

async fn bare_loop(bench: &Bench, pair: usize, time: Duration) -> Latency {
    let (input, output) = topics(bench, &format!("bare-{pair}")).await;
    let consumer = bench.consumer(&input, Offset::End, &CONSUMER);
    let producer = bench.producer(&PRODUCER);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                if let Some(Ok(record)) = consumer.poll(millis(5)) {
                    send(&producer, &output, record.key().unwrap(), record.payload().unwrap());
                }
                producer.poll(Duration::ZERO);
            }
            flush(&producer);
        });
        let latency = measured(bench, &input, &output, time);
        is_over.store(true, Relaxed);
        latency
    })
}

async fn ours(bench: &Bench, run: &str, time: Duration, set: &[(&str, &str)]) -> slipstream::Result<Latency> {
    let (input, output) = topics(bench, run).await;
    let state = tempfile::tempdir()?;
    let config = Config::new()
        .set("kafka.bootstrap.servers", bench.servers.clone())
        .set("app.id", bench.name(run))
        .set("state.dir", state.path().to_string_lossy())
        .set("topic.input.name", input.clone())
        .set("topic.output.name", output.clone());
    let running = App::new().config(changed(config, set)).handler(pass).start().await?;
    // Until its group has its partitions.
    tokio::time::sleep(secs(3)).await;
    let latency = thread::scope(|scope| {
        let measuring = scope.spawn(|| measured(bench, &input, &output, time));
        measuring.join().unwrap()
    });
    running.stop().await?;
    running.assert_conserved();
    Ok(latency)
}
