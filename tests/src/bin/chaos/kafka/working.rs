//! The worker: counts by key into a cache, by get and then sink, and sends every update on.

use super::Place;
use crate::{app, say};
use slipstream::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::signal::unix::{SignalKind, signal};

static INPUT: Topic<String, u64> = Topic::new("input").partitions(4).start(Start::Earliest);

/// How many messages of the key there were, and which was the last.
static OUTPUT: Topic<String, (u64, u64)> = Topic::new("output").partitions(4);
static COUNTS: Cache<String, (u64, u64)> = Cache::new("counts");

#[handle(source = INPUT, sink = [COUNTS, OUTPUT])]
fn count(n: u64, key: Key<String>) -> Result<(String, (u64, u64))> {
    let before = COUNTS.get(&key.0)?.map_or(0, |(count, _)| count);
    Ok((key.0, (before + 1, n)))
}

/// Works until SIGTERM. It says how many messages are in the cache at the start, and when the first comes; in the file
/// `notes` stands at any time how many it has done, and how many updates have been delivered. At a clean end the cache is
/// in the file `counts`.
pub(super) async fn run(place: &Place, dir: &str, settings: &[&str]) -> Result<()> {
    let mut told = signal(SignalKind::terminate())?;
    std::fs::create_dir_all(dir)?;
    let notes = File::create(Path::new(dir).join("notes"))?;
    let mut config = Config::new()
        .set("kafka.bootstrap.servers", &place.servers)
        .set("app.id", &place.name)
        .set("topic.input.name", place.input())
        .set("topic.output.name", place.output());
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(super::usage)?;
        config = config.set(name, value);
    }
    let opened = || async {
        let mut all = 0;
        for row in COUNTS.iter() {
            all += row?.1.0;
        }
        say(&format!("opened {all}"));
        Ok(())
    };
    let running = app(dir).config(config).handler(count).on_start(opened).start();
    let running = tokio::select! {
        running = running => Arc::new(running?),
        _ = told.recv() => return Ok(()),
    };
    let over = Arc::new(AtomicBool::new(false));
    let noting = std::thread::spawn({
        let (running, over) = (running.clone(), over.clone());
        // A thread of its own: a timer of the runtime would be late by more than a commit takes.
        move || note(&running, &notes, &over)
    });
    let ended = tokio::select! {
        ended = running.wait() => ended,
        _ = told.recv() => running.stop().await,
    };
    over.store(true, Relaxed);
    noting.join().unwrap_or_else(|_| Err(Error::msg("what is done could not be noted")))?;
    ended?;
    running.assert_conserved();
    let rows: Vec<(String, (u64, u64))> = running.enter(|| COUNTS.iter().collect::<Result<_>>())?;
    let rows = rows.iter().map(|(key, (count, n))| format!("{key} {count} {n}\n"));
    std::fs::write(Path::new(dir).join("counts"), rows.collect::<String>())?;
    Ok(())
}

fn note(running: &Running, notes: &File, over: &AtomicBool) -> Result<()> {
    let mut has_begun = false;
    loop {
        let is_last = over.load(Relaxed);
        let report = running.report();
        let (done, delivered) = (report.handler("count").done, report.sink("count", "OUTPUT").delivered);
        notes.write_all_at(format!("{done:20} {delivered:20}\n").as_bytes(), 0)?;
        if done > 0 && !std::mem::replace(&mut has_begun, true) {
            say("first");
        }
        if is_last {
            return Ok(());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
