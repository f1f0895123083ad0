//! On one thread: what never waits does not keep the others from running.

use super::common::{LONG, counts, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Output};
use std::time::Instant;

static BEATS: Output<Duration> = Output::new("beats");

fn clockwork() -> impl Stream<Item = Duration> {
    let started = Instant::now();
    every(millis(10)).map(move |_| started.elapsed())
}

#[handle(source = clockwork, sink = [BEATS])]
fn beat(at: Duration) -> Duration {
    at
}

fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn endless() -> impl Iterator<Item = u64> {
    0..
}

#[handle(source = 0_u64..)]
fn spins(_n: u64) {
    spin(millis(1));
}

#[handle(source = endless)]
fn spins_shared(_n: u64) {
    spin(millis(1));
}

#[handle(source = endless)]
fn looks_shared(_n: &u64) {}

#[handle(source = 0_u64.., pipe = [filter(|_: &u64| false)])]
fn never_called(_n: u64) {}

#[handle(source = endless, pipe = [filter(|_: &u64| false)])]
fn never_called_shared(_n: u64) {}

fn nothing_comes(stream: impl Stream<Item = u64> + Send) -> impl Stream<Item = u64> + Send {
    stream.filter_map(async |_| None)
}

#[handle(source = 0_u64.., pipe = [nothing_comes])]
fn behind_a_foreign_filter(_n: u64) {}

fn spoilt() -> impl Iterator<Item = Result<u64, String>> {
    std::iter::repeat_with(|| Err("rotten".to_owned()))
}

#[handle(source = spoilt, on_error = skip)]
fn skips_all(_n: u64) {}

#[handle(source = 0_u64.., on_error = skip)]
fn fails_always(_n: u64) -> Result<()> {
    Err(Error::msg("always"))
}

#[handle(source = 0_u64.., pipe = [chunks(1_000_000_000)])]
fn collects(_all: Vec<u64>) {}

#[handle(source = 0_u64..)]
fn yields_for_ever(_n: u64) -> impl Iterator<Item = u64> {
    0..
}

/// One at a time, since the machine has few cores.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Beside the app, the timer's beat stays within 10 ms; and the app stops. Other tests keep the machine busy at times:
/// one of twelve goes must do, which for a timer that is starved none does.
async fn beats_beside(name: &str, app: fn() -> App) {
    let _alone = ALONE.lock().await;
    let mut seen = Vec::new();
    for _ in 0..12 {
        let running = app().handler(beat).start().await.unwrap();
        within(LONG, tokio::time::sleep(millis(300))).await;
        let beats = running.drain(&BEATS).unwrap();
        within(LONG, running.stop()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        counts(&running, name);
        let mut late: Vec<i128> =
            beats.windows(2).map(|pair| (pair[1] - pair[0]).as_millis() as i128 - 10).collect();
        late.sort_unstable();
        if late.len() >= 24 && late[late.len() - 3] <= 10 {
            return;
        }
        seen.push(late);
    }
    panic!("{name}: {seen:?}");
}

#[tokio::test]
async fn a_busy_handler() {
    beats_beside("spins", || testing::app().handler(spins)).await;
}

#[tokio::test]
async fn busy_handlers_of_a_shared_source() {
    beats_beside("spins_shared", || testing::app().handler(spins_shared).handler(looks_shared)).await;
}

#[tokio::test]
async fn a_pipe_that_leaves_everything_out() {
    beats_beside("never_called", || testing::app().handler(never_called)).await;
    beats_beside("never_called_shared", || testing::app().handler(never_called_shared).handler(looks_shared))
        .await;
    beats_beside("behind_a_foreign_filter", || testing::app().handler(behind_a_foreign_filter)).await;
}

#[tokio::test]
async fn a_source_of_errors_and_a_handler_that_always_fails() {
    beats_beside("skips_all", || testing::app().handler(skips_all)).await;
    beats_beside("fails_always", || testing::app().handler(fails_always)).await;
}

#[tokio::test]
async fn a_pipe_that_collects_without_end() {
    beats_beside("collects", || testing::app().handler(collects)).await;
}

/// A call without end cannot be drained; but it does not keep the thread, and can be aborted.
#[tokio::test]
async fn a_handler_that_gives_outputs_without_end() {
    let running = testing::app().handler(yields_for_ever).handler(beat).start().await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|beats| *beats <= 10) {
        within(LONG, tokio::time::sleep(millis(200))).await;
        seen.push(running.drain(&BEATS).unwrap().len());
        assert!(seen.len() < 12, "{seen:?}");
    }
    running.abort();
    assert!(within(LONG, running.wait()).await.is_err());
}
