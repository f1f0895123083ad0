//! A state ten times as large as its memory, written steadily: `cargo xtask bench steady [SECONDS]`, by default for five
//! minutes.
//!
//! Prints how much memory the process took beside what it had before, how many bytes of commits waited in the log for
//! the engine at most, and the longest pauses of the lane and of a `get` from outside.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it is its purpose, and nobody's service

mod pauses;

use pauses::{Pauses, nanos};
use slipstream::prelude::*;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What the state may take, and what its values take in all.
const MEMORY_MIB: u64 = 64;
const STATE_BYTES: u64 = (10 * MEMORY_MIB) << 20;

const VALUE_BYTES: usize = 300;
const KEYS: u64 = STATE_BYTES / VALUE_BYTES as u64;

/// Text is as long in MessagePack as it is.
#[derive(serde::Serialize, serde::Deserialize)]
struct Blob(String);

static VALUES: Cache<u64, Blob> = Cache::new("values");

/// When it is over, in nanoseconds since the start.
static END: AtomicU64 = AtomicU64::new(u64::MAX);
static WRITTEN: AtomicU64 = AtomicU64::new(0);
static CALLS: Pauses = Pauses::new();

/// Each key once, in an order without a pattern, again and again.
fn keys() -> impl Iterator<Item = u64> {
    (0_u64..)
        .map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % KEYS)
        .take_while(|_| nanos() < END.load(Relaxed))
}

#[handle(source = keys, sink = [VALUES])]
fn write(key: u64) -> Result<(u64, Blob)> {
    CALLS.comes();
    let written = WRITTEN.fetch_add(1, Relaxed);
    let mut value = VALUES.get(&key)?.unwrap_or_else(|| Blob("x".repeat(VALUE_BYTES)));
    value.0.replace_range(..1, if written.is_multiple_of(2) { "a" } else { "b" });
    Ok((key, value))
}

/// What the process takes in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// The size of the files of the log.
fn backlog(state: &Path) -> u64 {
    let files = std::fs::read_dir(state.join("bench").join("log")).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

fn main() -> slipstream::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(300);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(steady(seconds))
}

async fn steady(seconds: u64) -> slipstream::Result<()> {
    let dir = tempfile::tempdir()?;
    let settings = Config::new()
        .set("state.dir", dir.path().to_string_lossy())
        .set("state.memory.mib", MEMORY_MIB.to_string())
        .set("app.id", "bench");
    let before = resident();
    let running = App::new().config(settings).handler(write).start().await?;
    END.store(nanos() + seconds * 1_000_000_000, Relaxed);
    let (mut memory, mut waiting, mut longest, mut looks) = (0, 0, 0, 0_u64);
    let mut shown = Instant::now();
    let ended = running.wait();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            biased;
            done = &mut ended => break done.map(drop)?,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        let started = nanos();
        looks += 1;
        running.enter(|| VALUES.get(&(looks.wrapping_mul(7_919) % KEYS)))?;
        longest = longest.max(nanos() - started);
        memory = memory.max(resident().saturating_sub(before));
        waiting = waiting.max(backlog(dir.path()));
        if shown.elapsed() > Duration::from_secs(10) {
            shown = Instant::now();
            let written = WRITTEN.load(Relaxed);
            println!(
                "{written} written, {} MiB of memory, {} MiB in the log",
                (resident() - before) >> 20,
                backlog(dir.path()) >> 20
            );
        }
    }
    println!(
        "steady: {} writes in {seconds} s to {KEYS} keys; memory {} MiB of {MEMORY_MIB} at most ({:.2}); log {} MiB at most; \
         longest pause of the lane {:.1} ms, of a get {:.1} ms",
        WRITTEN.load(Relaxed),
        memory >> 20,
        memory as f64 / (MEMORY_MIB << 20) as f64,
        waiting >> 20,
        CALLS.longest(),
        longest as f64 / 1e6,
    );
    Ok(())
}
