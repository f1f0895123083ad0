//! Counts from sources that can be replayed into one cache, in lanes of three kinds that meet at its keys.

use super::shipping::{self, ship};
use super::{any_below, app, mixed, say};
use slipstream::prelude::*;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What is counted: the sum of what the messages of all lanes have added to each key.
pub(crate) static SUMS: Cache<u64, u64> = Cache::new("sums");

/// How many messages (yields, where a message has several) each lane has done: of each group, within which they come in
/// order. It is written in the step that also adds, so that it says what each sum must be.
pub(crate) static DONE: Cache<(u64, u64), u64> = Cache::new("done");

/// How many messages came out of their order, which a message that is lost or comes again also does.
pub(crate) static ODD: Cache<u64, u64> = Cache::new("odd");

static ITEMS: Channel<u64> = Channel::new("items");

/// So few that the lanes meet.
pub(crate) const KEYS: u64 = 24;

/// How many keys of order the lane with `concurrency` has.
pub(crate) const GROUPS: u64 = 16;

/// How many yields a message of the stream is.
pub(crate) const PARTS: u64 = 3;

/// The lanes by their numbers; `FEED` fills the channel, and adds nothing itself.
pub(crate) const POOL: u64 = 0;
pub(crate) const PARTED: u64 = 1;
pub(crate) const FED: u64 = 2;
pub(crate) const FEED: u64 = 3;

/// Over the source of the stream; adds nothing, but does something outside of the app.
pub(crate) const SHIPPED: u64 = 4;

/// Where the sources end.
pub(crate) static ENDS: [AtomicU64; 4] = [const { AtomicU64::new(u64::MAX) }; 4];

/// Where a check notes what is still taken, among the sums: as `MARKS * (lane + 1) + index`.
pub(crate) const MARKS: u64 = 1 << 40;

/// Whether nothing is counted, but noted what is still taken.
pub(crate) static CHECKS: AtomicBool = AtomicBool::new(false);

/// The key of a message, and what it adds to it.
pub(crate) fn share(lane: u64, index: u64) -> (u64, u64) {
    let mixed = mixed(lane << 48 | index);
    (mixed % KEYS, 1 + (mixed >> 32) % 1000)
}

fn source(lane: u64, last: Option<u64>) -> impl Stream<Item = At<u64, u64>> {
    let first = last.map_or(0, |last| last + 1);
    slipstream::iter((first..ENDS[lane as usize].load(Relaxed)).map(|n| At(n, n)))
}

fn pooled(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    source(POOL, last)
}

fn parted(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    source(PARTED, last)
}

fn feeding(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    source(FEED, last)
}

/// Eight at once, which sleep between get and sink.
#[handle(source = pooled, concurrency = 8, key = |n: &u64| n % GROUPS, sink = [SUMS], on_error = retry(9, fixed(millis(0))))]
async fn pool(n: &u64) -> Result<(u64, u64)> {
    let sum = added(POOL, *n)?;
    tokio::time::sleep(Duration::from_micros(any_below(3000))).await;
    fails_at_times()?;
    Ok(sum)
}

/// Each yield adds, in a step of its own. A stream has no other way to fail in its midst than by a panic.
#[handle(source = parted, sink = [SUMS], on_error = retry(9, fixed(millis(0))))]
fn parts(n: &u64) -> impl Stream<Item = (u64, u64)> {
    let first = n * PARTS;
    slipstream::iter(first..first + PARTS).then(|index| async move {
        let sum = added(PARTED, index);
        match any_below(16) {
            0 => tokio::time::sleep(millis(1)).await,
            _ => tokio::task::yield_now().await,
        }
        let sum = sum.and_then(|sum| fails_at_times().map(|()| sum));
        sum.unwrap_or_else(|error| std::panic::resume_unwind(Box::new(error.to_string())))
    })
}

/// Shares its source with the lane that yields.
#[handle(source = parted, sink = [batch(256, millis(60), ship)])]
fn shipped(n: &u64) -> Result<Option<u64>> {
    done(SHIPPED, *n)?;
    Ok((!CHECKS.load(Relaxed)).then_some(*n))
}

/// Half of the items are sent by the call itself, which may fail then.
#[handle(source = feeding, sink = [ITEMS], on_error = retry(9, fixed(millis(0))))]
async fn feed(n: &u64) -> Result<Option<u64>> {
    done(FEED, *n)?;
    if n.is_multiple_of(2) {
        return Ok(Some(*n));
    }
    ITEMS.send(*n).await?;
    tokio::task::yield_now().await;
    fails_at_times()?;
    Ok(None)
}

#[handle(source = ITEMS, sink = [SUMS], on_error = retry(9, fixed(millis(0))))]
async fn fed(n: &u64) -> Result<(u64, u64)> {
    let sum = added(FED, *n)?;
    tokio::task::yield_now().await;
    fails_at_times()?;
    Ok(sum)
}

/// The new sum of a message's key.
fn added(lane: u64, index: u64) -> Result<(u64, u64)> {
    done(lane, index)?;
    let (key, more) = match CHECKS.load(Relaxed) {
        true => (MARKS * (lane + 1) + index, 1),
        false => share(lane, index),
    };
    Ok((key, SUMS.get(&key)?.unwrap_or(0) + more))
}

fn done(lane: u64, index: u64) -> Result<()> {
    if CHECKS.load(Relaxed) {
        return Ok(());
    }
    let (group, nth) = if lane == POOL { (index % GROUPS, index / GROUPS) } else { (0, index) };
    let before = DONE.get(&(lane, group))?.unwrap_or(0);
    if before != nth {
        ODD.put(&lane, &(ODD.get(&lane)?.unwrap_or(0) + 1))?;
    }
    DONE.put(&(lane, group), &(before + 1))
}

fn fails_at_times() -> Result<()> {
    if !CHECKS.load(Relaxed) && any_below(20) == 0 {
        return Err(Error::msg("as it does at times"));
    }
    Ok(())
}

/// The app that counts, and that is looked at when it has been killed.
pub(crate) fn counter(dir: &str) -> App {
    app(dir).handler(pool).handler(parts).handler(feed).handler(fed).handler(shipped)
}

/// Counts to the ends of the sources: of the pool's, of that with the yields, and of that which fills the channel. How many messages have been done, in all lanes, and how many calls were made
/// again, stands in the file `notes` at any time.
pub(crate) async fn run(dir: &str, notes: &Path, ends: [u64; 3]) -> Result<()> {
    for (lane, end) in [POOL, PARTED, FEED].into_iter().zip(ends) {
        ENDS[lane as usize].store(end, Relaxed);
    }
    let notes = File::create(notes)?;
    shipping::open(dir)?;
    let running = Arc::new(counter(dir).start().await?);
    let noting = {
        let (running, over) = (running.clone(), Arc::new(AtomicBool::new(false)));
        let is_over = over.clone();
        // A thread of its own: a timer of the runtime would be late by more than a commit takes.
        let thread = std::thread::spawn(move || {
            while !is_over.load(Relaxed) {
                note(&running, &notes)?;
                std::thread::sleep(Duration::from_micros(200));
            }
            note(&running, &notes)
        });
        move || {
            over.store(true, Relaxed);
            thread.join().unwrap_or_else(|_| Err(Error::msg("what is done could not be noted")))
        }
    };
    say("running");
    running.wait().await?;
    running.assert_conserved();
    noting()
}

fn note(running: &Running, notes: &File) -> Result<()> {
    let rows = running.report().messages;
    let of = |column: fn(&slipstream::MessageCounts) -> u64| rows.iter().map(column).sum::<u64>();
    let text = format!(
        "{:20} {:20} {:20}\n",
        of(|row| row.done + row.filtered),
        of(|row| row.conflicts),
        of(|row| row.retries)
    );
    std::os::unix::fs::FileExt::write_all_at(notes, text.as_bytes(), 0)?;
    Ok(())
}
