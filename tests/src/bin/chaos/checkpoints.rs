//! Random schedules over checkpoints, several at a time: they mostly wait until all is at rest.

use super::say;
use slipstream::prelude::*;
use slipstream_tests::schedules::{self, Outcome, Plant};
use std::time::Instant;
use tokio::task::JoinSet;

/// How many are played at a time.
const AT_ONCE: usize = 24;

/// Plays so many, from a seed on, but none is begun after so long; and every place for a crash.
pub(super) async fn run(first: u64, many: u64, limit: Duration, plant: &[&str]) -> Result<()> {
    // What is done to callbacks is expected, and would be said a thousand times.
    std::panic::set_hook(Box::new(|_| {}));
    let plant = plant
        .first()
        .map(|name| Plant::named(name).ok_or_else(|| Error::msg("no such plant")))
        .transpose()?;
    let (begun, mut playing, mut all) = (Instant::now(), JoinSet::new(), Outcome::default());
    let mut places = 0..schedules::CRASHES;
    let mut seeds = first..first + many;
    loop {
        while playing.len() < AT_ONCE
            && let Some(place) = places.next()
        {
            playing.spawn(async move { (format!("crash {place}"), schedules::crash(place, plant).await) });
        }
        while playing.len() < AT_ONCE
            && begun.elapsed() < limit
            && let Some(seed) = seeds.next()
        {
            playing.spawn(async move { (format!("seed {seed}"), schedules::random(seed, plant).await) });
        }
        match playing.join_next().await {
            None => break,
            Some(Ok((_, Ok(outcome)))) => all.add(outcome),
            Some(Ok((name, Err(error)))) => all.notes.push(format!("{name}: {error}")),
            Some(Err(error)) => all.notes.push(format!("{error}")),
        }
    }
    all.notes.iter().take(20).for_each(|note| say(note));
    let Outcome { schedules, events, stale, crashes, rebalances, recoveries, .. } = all;
    say(&format!(
        "schedules {schedules} events {events} stale {stale} crashes {crashes} rebalances {rebalances} recoveries \
         {recoveries} missed {} stuck {} other-offsets {} failed {}",
        all.missed,
        all.stuck,
        all.other_offsets,
        all.notes.len()
    ));
    Ok(())
}
