//! Caches beside bare sled, with the same number of the same operations: `cargo xtask bench cache`.
//!
//! Bare sled gets and inserts encoded values in a loop and flushes once at the end; ours is a handler that gets and sinks,
//! with commits every 100 ms, and has ended when all of it is committed. They run in turn, in one process, each in a
//! directory of its own. The last line is how many times as fast ours is, for each kind of work.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it is its purpose, and nobody's service

mod pauses;

use pauses::{Pauses, nanos};
use slipstream::prelude::*;
use slipstream_tests::ratios;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const MESSAGES: u64 = 1_000_000;
const PAIRS: usize = 5;

/// How many keys there are, for the sources below.
static KEYS: AtomicU64 = AtomicU64::new(0);

static COUNTS: Cache<String, u64> = Cache::new("counts");

/// Keys in an order without a pattern; the same for both.
fn key(n: u64) -> String {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    format!("key-{}", (mixed >> 20) % KEYS.load(Relaxed))
}

fn keys() -> impl Iterator<Item = String> {
    (0..MESSAGES).map(key)
}

fn even() -> impl Iterator<Item = String> {
    (0..MESSAGES / 2).map(|n| key(n) + "-even")
}

fn odd() -> impl Iterator<Item = String> {
    (0..MESSAGES / 2).map(|n| key(n) + "-odd")
}

fn next(key: &str) -> Result<u64> {
    Ok(COUNTS.get(key)?.unwrap_or(0) + 1)
}

#[handle(source = keys, sink = [COUNTS])]
fn count(key: String) -> Result<(String, u64)> {
    let n = next(&key)?;
    Ok((key, n))
}

#[handle(source = even, sink = [COUNTS])]
fn count_even(key: String) -> Result<(String, u64)> {
    let n = next(&key)?;
    Ok((key, n))
}

#[handle(source = odd, sink = [COUNTS])]
fn count_odd(key: String) -> Result<(String, u64)> {
    let n = next(&key)?;
    Ok((key, n))
}

fn each_once() -> impl Iterator<Item = String> {
    (0..MESSAGES).map(|n| format!("key-{n}"))
}

#[handle(source = each_once, sink = [COUNTS])]
fn fill(key: String) -> (String, u64) {
    (key, 1)
}

/// Of the lane below.
static CALLS: Pauses = Pauses::new();

#[handle(source = keys, sink = [COUNTS])]
fn count_steadily(key: String) -> Result<(String, u64)> {
    CALLS.comes();
    let n = next(&key)?;
    Ok((key, n))
}

#[handle(source = keys)]
fn look(key: String) -> Result<()> {
    black_box(COUNTS.get(&key)?);
    Ok(())
}

fn app(dir: &tempfile::TempDir) -> App {
    App::new().config(Config::new().set("state.dir", dir.path().to_string_lossy()).set("app.id", "bench"))
}

/// Seconds for 1 M messages.
async fn timed(app: App) -> f64 {
    let running = app.start().await.unwrap();
    let started = Instant::now();
    running.wait().await.unwrap();
    let took = started.elapsed().as_secs_f64();
    running.assert_conserved();
    took
}

fn sled_at(dir: &tempfile::TempDir) -> sled::Db {
    sled::Config::new().path(dir.path()).cache_capacity(256 * 1024 * 1024).open().unwrap()
}

fn bare_count(db: &sled::Db) -> f64 {
    let started = Instant::now();
    for key in keys() {
        let old = db.get(&key).unwrap();
        let n: u64 = old.map_or(0, |bytes| rmp_serde::from_slice(&bytes).unwrap());
        db.insert(key, rmp_serde::to_vec_named(&(n + 1)).unwrap()).unwrap();
    }
    db.flush().unwrap();
    started.elapsed().as_secs_f64()
}

fn bare_look(db: &sled::Db) -> f64 {
    let started = Instant::now();
    for key in keys() {
        let n: Option<u64> = db.get(&key).unwrap().map(|bytes| rmp_serde::from_slice(&bytes).unwrap());
        black_box(n);
    }
    started.elapsed().as_secs_f64()
}

fn bare_scan(db: &sled::Db) -> f64 {
    let started = Instant::now();
    let mut sum = 0;
    for row in db.iter() {
        let (key, value) = row.unwrap();
        black_box(String::from_utf8(key.to_vec()).unwrap());
        sum += rmp_serde::from_slice::<u64>(&value).unwrap();
    }
    assert_eq!(black_box(sum), MESSAGES);
    started.elapsed().as_secs_f64()
}

async fn scan(dir: &tempfile::TempDir) -> f64 {
    let idle = app(dir).start_idle().await.unwrap();
    let started = Instant::now();
    let sum = idle.enter(|| COUNTS.iter().map(|row| row.map(|(_, n)| n)).sum::<Result<u64>>());
    assert_eq!(sum.unwrap(), MESSAGES);
    let took = started.elapsed().as_secs_f64();
    idle.stop().await.unwrap();
    took
}

/// The longest pause of a lane and of a `get` from outside while 500 000 keys are written, in milliseconds.
async fn pauses() -> (f64, f64) {
    KEYS.store(500_000, Relaxed);
    let dir = tempfile::tempdir().unwrap();
    let running = app(&dir).handler(count_steadily).start().await.unwrap();
    let mut longest = 0;
    let ended = running.wait();
    tokio::pin!(ended);
    loop {
        tokio::select! {
            biased;
            done = &mut ended => break done.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
        for _ in 0..20 {
            let started = nanos();
            running.enter(|| COUNTS.get(&key(started))).unwrap();
            longest = longest.max(nanos() - started);
        }
    }
    (CALLS.longest(), longest as f64 / 1e6)
}

/// Seconds until a state of 1 M keys is open and has answered, after a run that wrote them.
async fn restart() -> f64 {
    let dir = tempfile::tempdir().unwrap();
    timed(app(&dir).handler(fill)).await;
    let started = Instant::now();
    let idle = app(&dir).start_idle().await.unwrap();
    assert_eq!(idle.enter(|| COUNTS.get("key-999999")).unwrap(), Some(1));
    let took = started.elapsed().as_secs_f64();
    idle.stop().await.unwrap();
    took
}

/// What is compared, how many times as fast ours is to be, and how many times it was.
struct Ratios(&'static str, f64, Vec<f64>);

impl Ratios {
    fn add(&mut self, bare: f64, ours: f64) {
        let ns = |seconds: f64| seconds * 1e9 / MESSAGES as f64;
        println!("{}: bare {:.0} ns, ours {:.0} ns, ratio {:.2}", self.0, ns(bare), ns(ours), bare / ours);
        self.2.push(bare / ours);
    }

    fn median(&mut self) -> f64 {
        ratios::median(&mut self.2)
    }

    fn line(&mut self) -> String {
        let median = self.median();
        let (min, max) = (self.2[0], self.2[self.2.len() - 1]);
        format!("{} {median:.2} ({min:.2} to {max:.2}; to be {})", self.0, self.1)
    }
}

fn main() -> slipstream::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|arg| arg == "ours") {
        // For a profile: `cargo xtask bench cache ours 500000`.
        KEYS.store(args[at + 1].parse()?, Relaxed);
        let dir = tempfile::tempdir()?;
        let took = runtime.block_on(timed(app(&dir).handler(count)));
        println!("ours: {:.0} ns", took * 1e9 / MESSAGES as f64);
        return Ok(());
    }
    let is_short = args.iter().any(|arg| arg == "--short");
    let pairs = if is_short { 1 } else { PAIRS };
    let mut small = Ratios("count 10 k keys", 5.0, vec![]);
    let mut large = Ratios("count 500 k keys", 2.0, vec![]);
    let (mut gets, mut scans) = (Ratios("get", 1.0, vec![]), Ratios("scan", 0.5, vec![]));
    let mut two = Ratios("two lanes beside one", 1.2, vec![]);
    for _ in 0..pairs {
        for (many, ratios) in [(10_000, &mut small), (500_000, &mut large)] {
            KEYS.store(many, Relaxed);
            let (bare_dir, dir) = (tempfile::tempdir()?, tempfile::tempdir()?);
            let db = sled_at(&bare_dir);
            let bare = bare_count(&db);
            let ours = runtime.block_on(timed(app(&dir).handler(count)));
            ratios.add(bare, ours);
            if many == 500_000 {
                // Both are opened anew each time: what is read is not in memory.
                drop(db);
                let db = sled_at(&bare_dir);
                gets.add(bare_look(&db), runtime.block_on(timed(app(&dir).handler(look))));
                drop(db);
                let db = sled_at(&bare_dir);
                scans.add(bare_scan(&db), runtime.block_on(scan(&dir)));
            }
        }
        KEYS.store(10_000, Relaxed);
        let (one_dir, two_dir) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let one = runtime.block_on(timed(app(&one_dir).handler(count)));
        let both = runtime.block_on(timed(app(&two_dir).handler(count_even).handler(count_odd)));
        two.add(one, both);
    }
    let (lane, get) = runtime.block_on(pauses());
    println!("longest pause under steady writes to 500 k keys: lane {lane:.1} ms, get {get:.1} ms");
    println!("restart with 1 M keys: {:.2} s", runtime.block_on(restart()));
    let mut all = [small, large, gets, scans, two];
    let lines: Vec<String> = all.iter_mut().map(Ratios::line).collect();
    println!("cache: {}, of {pairs} pairs", lines.join("; "));
    // One pair beside whatever else the machine does says little; half of what is to be it says.
    match all.iter_mut().find_map(|ratios| (ratios.median() < ratios.1 / 2.0).then_some(ratios.0)) {
        Some(slow) => {
            let text = format!("`{slow}` is less than half as fast as it is to be");
            Err(std::io::Error::other(text).into())
        }
        None => Ok(()),
    }
}
