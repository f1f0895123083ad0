//! A handler that keeps what it reads, with a sink that is too slow for what is there.

use super::config;
use crate::{app, say};
use serde::{Deserialize, Serialize};
use slipstream::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[derive(Serialize, Deserialize)]
struct Reading {
    n: u64,
    text: String,
}

static READINGS: Topic<u64, Reading> = Topic::new("readings").start(Start::Earliest).until_end();
/// The beginnings of the texts, by their numbers modulo `KEPT`.
static TEXTS: Cache<u64, String> = Cache::new("texts");
const KEPT: u64 = 10_000;

/// Of how many records one makes the sink wait.
const RARE: u64 = 16;

/// How long the first call of the sink takes: longer than a member of the group may not poll.
const STANDSTILL: Duration = secs(9);

#[handle(source = READINGS, sink = [TEXTS, slow])]
fn keep(reading: Reading) -> (u64, String) {
    (reading.n % KEPT, reading.text.chars().take(100).collect())
}

static CALLS: AtomicU64 = AtomicU64::new(0);

async fn slow(_: (u64, String)) {
    match CALLS.fetch_add(1, Relaxed) {
        0 => tokio::time::sleep(STANDSTILL).await,
        n if n.is_multiple_of(RARE) => tokio::time::sleep(millis(1)).await,
        _ => {}
    }
}

/// Reads the topic to its end.
pub(super) async fn run(servers: &str, topic: &str, dir: &str, settings: &[&str]) -> Result<()> {
    let config = config(servers, topic, settings)?.set("topic.readings.name", topic);
    let running = app(dir).config(config).handler(keep).start().await?;
    running.wait().await?;
    running.assert_conserved();
    say(&format!("read {}", running.report().handler("keep").done));
    Ok(())
}
