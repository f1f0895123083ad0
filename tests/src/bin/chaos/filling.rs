//! Writes rows without end, waits while there is no space for them, and ends in order when it is told to.

use super::{app, mixed, say};
use slipstream::prelude::*;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

static ROWS: Cache<u64, String> = Cache::new("rows");
static WRITTEN: Cache<(), u64> = Cache::new("written");

/// How many rows there are: after that they are written anew.
const KEYS: u64 = 40_000;

/// A kilobyte that depends on the message alone.
fn row(n: u64) -> (u64, String) {
    (n % KEYS, format!("{:016x}", mixed(n)).repeat(64))
}

fn numbers(Resume(last): Resume<u64>) -> impl Stream<Item = At<u64, u64>> {
    slipstream::iter((last.map_or(0, |last| last + 1)..).map(|n| At(n, n)))
}

#[handle(source = numbers, sink = [ROWS])]
async fn write(n: &u64) -> Result<(u64, String)> {
    WRITTEN.put(&(), &(n + 1))?;
    // A row of before, which must be there as it was.
    if let Some(before) = n.checked_sub(1 + mixed(*n) % KEYS).map(row)
        && ROWS.get(&before.0)? != Some(before.1)
    {
        return Err(Error::msg(format!("row {} is not as it was written", before.0)));
    }
    if n.is_multiple_of(4) {
        tokio::time::sleep(millis(1)).await;
    }
    Ok(row(*n))
}

/// Writes until SIGTERM. How many messages have been committed stands in the file `notes`.
pub(crate) async fn run(dir: &str, notes: &Path) -> Result<()> {
    let notes = File::create(notes)?;
    let running = app(dir).handler(write).start().await?;
    say("running");
    let mut told = signal(SignalKind::terminate())?;
    tokio::select! {
        noted = note(&running, &notes) => noted?,
        ended = running.wait() => ended?,
        _ = told.recv() => {}
    }
    running.stop().await?;
    running.assert_conserved();
    say(&format!("written {}", written(&running)?));
    Ok(())
}

async fn note(running: &Running, notes: &File) -> Result<()> {
    loop {
        let written = written(running)?;
        running.flush().await?;
        notes.write_all_at(format!("{written:20}\n").as_bytes(), 0)?;
        tokio::time::sleep(millis(5)).await;
    }
}

fn written(running: &Running) -> Result<u64> {
    Ok(running.enter(|| WRITTEN.get(&()))?.unwrap_or(0))
}

/// Reads all that was written.
pub(crate) async fn check(dir: &str) -> Result<()> {
    let running = app(dir).start_idle().await?;
    let written = written(&running)?;
    let rows = running.enter(|| ROWS.iter().collect::<Result<std::collections::BTreeMap<_, _>>>())?;
    let should: std::collections::BTreeMap<_, _> = (written.saturating_sub(KEYS)..written).map(row).collect();
    let lost = should.iter().filter(|(key, value)| rows.get(key) != Some(value)).count();
    let invented = rows.keys().filter(|key| !should.contains_key(key)).count();
    say(&format!("written {written} lost {lost} invented {invented}"));
    Ok(())
}
