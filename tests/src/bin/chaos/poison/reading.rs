//! The app: counts by key what can be counted, and buries the rest.

use super::{Does, KEYS, Place, Reading};
use crate::{app, say};
use slipstream::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static READINGS: Topic<u64, Reading> = Topic::new("readings").start(Start::Earliest).until_end();
static DEAD: Topic<Option<Vec<u8>>, Vec<u8>, Raw> = Topic::new("dead");
/// How many records of the key there were, and the sum of their numbers.
pub(super) static COUNTS: Cache<u64, (u64, u64)> = Cache::new("counts");

#[handle(source = READINGS, sink = [COUNTS, refuse], timeout = millis(100), on_error = dead_letter(&DEAD))]
async fn count(reading: &Reading, key: Key<u64>) -> Result<(u64, (u64, u64))> {
    match reading.does {
        Does::Count => {}
        Does::Fail => return Err(Error::msg("as it was told to")),
        Does::Panic => std::panic::resume_unwind(Box::new("it was told to")),
        Does::Hang => std::future::pending().await,
    }
    let (count, sum) = COUNTS.get(&key.0)?.unwrap_or_default();
    Ok((key.0, (count + 1, sum + reading.n)))
}

fn refuse((key, _): (u64, (u64, u64))) -> Result<()> {
    if key < KEYS { Ok(()) } else { Err(Error::msg("no such key")) }
}

/// An app over the topic, with its state in this directory.
pub(super) fn reader(place: &Place<'_>, dir: &str) -> App {
    let config = Config::new()
        .set("kafka.bootstrap.servers", place.servers)
        .set("app.id", format!("{}-{}", place.topic, place.run))
        .set("topic.readings.name", place.topic)
        .set("topic.dead.name", place.dead());
    match std::env::var("SLIPSTREAM_PLANTED").as_deref() {
        Ok("skip") => app(dir).config(config).handler(forget),
        _ => app(dir).config(config).handler(count),
    }
}

/// As it would be if letters were not written: the oracle must say so.
#[handle(source = READINGS, sink = [COUNTS, refuse], timeout = millis(100), name = "count", on_error = skip)]
async fn forget(reading: &Reading, key: Key<u64>) -> Result<(u64, (u64, u64))> {
    count(reading, key).await
}

/// Reads the topic to its end. In the file `notes` stands at any time how much it has done and buried.
pub(super) async fn run(place: &Place<'_>, dir: &str, settings: &[&str]) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let notes = File::create(Path::new(dir).join("notes"))?;
    let mut config = Config::new();
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| Error::msg("`SETTING=VALUE`"))?;
        config = config.set(name, value);
    }
    let running = Arc::new(reader(place, dir).config(config).start().await?);
    let over = Arc::new(AtomicBool::new(false));
    let noting = std::thread::spawn({
        let (running, over) = (running.clone(), over.clone());
        // A thread of its own: the runtime may be busy.
        move || -> Result<()> {
            while !over.load(Relaxed) {
                let counts = running.report().handler("count");
                notes.write_all_at(format!("{:20} {:20}\n", counts.done, counts.dead).as_bytes(), 0)?;
                std::thread::sleep(millis(1));
            }
            Ok(())
        }
    });
    let ended = running.wait().await;
    over.store(true, Relaxed);
    noting.join().unwrap_or_else(|_| Err(Error::msg("what is done could not be noted")))?;
    ended?;
    running.assert_conserved();
    let counts = running.report().handler("count");
    say(&format!("done {} dead {}", counts.done, counts.dead));
    Ok(())
}
