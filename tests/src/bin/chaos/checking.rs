//! Judges a state that a kill has left. It goes on from a copy of it, and does not count any more: it notes what is still
//! taken. A message must be either in the sums or still to be taken, and in them once.

use super::counting::{
    self, CHECKS, DONE, ENDS, FED, FEED, GROUPS, KEYS, MARKS, ODD, PARTED, PARTS, POOL, SHIPPED, SUMS,
};
use super::{say, shipping};
use slipstream::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// What the state said before anything was taken again.
#[derive(Clone, Default)]
struct Found {
    sums: BTreeMap<u64, u64>,
    done: BTreeMap<(u64, u64), u64>,
    odd: u64,
}

static FOUND: Mutex<Option<Found>> = Mutex::new(None);

impl Found {
    fn read() -> Result<Self> {
        let (sums, done) = (SUMS.iter().collect::<Result<_>>()?, DONE.iter().collect::<Result<_>>()?);
        let odd = ODD.iter().collect::<Result<Vec<_>>>()?;
        Ok(Found { sums, done, odd: odd.iter().map(|(_, count)| count).sum() })
    }

    fn of(&self, lane: u64, group: u64) -> u64 {
        self.done.get(&(lane, group)).copied().unwrap_or(0)
    }

    /// Whether a message (or a yield) is among those that have been done.
    fn is_done(&self, lane: u64, index: u64) -> bool {
        match lane {
            POOL => index / GROUPS < self.of(lane, index % GROUPS),
            _ => index < self.of(lane, 0),
        }
    }

    /// How many messages have been done, in all lanes.
    fn messages(&self) -> u64 {
        self.done.iter().map(|((lane, _), done)| if *lane == PARTED { done / PARTS } else { *done }).sum()
    }

    /// How far the furthest of each source is.
    fn furthest(&self) -> [(u64, u64); 3] {
        let pool = (0..GROUPS).map(|group| self.of(POOL, group)).max().unwrap_or(0) * GROUPS;
        let parted = self.of(PARTED, 0).div_ceil(PARTS).max(self.of(SHIPPED, 0));
        [(POOL, pool), (PARTED, parted), (FEED, self.of(FEED, 0))]
    }

    /// What the sums must be.
    fn expected(&self) -> BTreeMap<u64, u64> {
        let mut expected = BTreeMap::new();
        let mut add = |lane, index| {
            let (key, more) = counting::share(lane, index);
            *expected.entry(key).or_insert(0) += more;
        };
        for ((lane, group), done) in &self.done {
            match *lane {
                POOL => (0..*done).for_each(|nth| add(POOL, nth * GROUPS + group)),
                FEED | SHIPPED => {}
                lane => (0..*done).for_each(|index| add(lane, index)),
            }
        }
        expected
    }
}

#[derive(Default)]
struct Verdict {
    lost: u64,
    doubled: u64,
    notes: Vec<String>,
}

impl Verdict {
    fn compare(&mut self, what: &str, is: u64, should: u64) {
        if is == should {
            return;
        }
        let (column, word) =
            if is < should { (&mut self.lost, "lost") } else { (&mut self.doubled, "doubled") };
        *column += 1;
        if self.notes.len() < 8 {
            self.notes.push(format!("{word}: {what} is {is} and should be {should}"));
        }
    }
}

/// Prints what it found in one line of numbers, and examples of what is wrong before it.
pub(crate) async fn run(dir: &str) -> Result<()> {
    const LONG: Duration = secs(30);
    /// How much further the sources go than anything was taken.
    const MORE: u64 = 2 * GROUPS;
    CHECKS.store(true, Relaxed);
    let app = counting::counter(dir).on_start(|| async {
        let found = Found::read()?;
        for (lane, furthest) in found.furthest() {
            ENDS[lane as usize].store(furthest + MORE, Relaxed);
        }
        *FOUND.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(())
    });
    let running = app.start().await?;
    let ended = tokio::time::timeout(LONG, running.wait()).await;
    ended.unwrap_or_else(|_| Err(Error::msg(format!("it does not end: {}", running.report()))))?;
    let after = running.enter(Found::read)?;
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
    let mut verdict = judged(&found, &after);
    let outside = shipping::read(dir);
    for n in 0..found.of(SHIPPED, 0) {
        verdict.compare(&format!("message {n} outside"), outside.contains(&n).into(), 1);
    }
    for note in &verdict.notes {
        say(note);
    }
    let [pool, parted, feed] = found.furthest().map(|(_, furthest)| furthest);
    let (Verdict { lost, doubled, .. }, messages) = (verdict, found.messages());
    say(&format!(
        "messages {messages} pool {pool} parted {parted} feed {feed} lost {lost} doubled {doubled}"
    ));
    Ok(())
}

fn judged(found: &Found, after: &Found) -> Verdict {
    let mut verdict = Verdict::default();
    let expected = found.expected();
    for key in 0..KEYS {
        let of = |sums: &BTreeMap<u64, u64>| sums.get(&key).copied().unwrap_or(0);
        verdict.compare(&format!("the sum of key {key}"), of(&found.sums), of(&expected));
        verdict.compare(&format!("the sum of key {key}, after the check,"), of(&after.sums), of(&found.sums));
    }
    verdict.compare("what came out of order", found.odd, 0);
    for (lane, name, end) in [
        (POOL, "the pool", ENDS[POOL as usize].load(Relaxed)),
        (PARTED, "the stream", ENDS[PARTED as usize].load(Relaxed) * PARTS),
        (FED, "the channel", ENDS[FEED as usize].load(Relaxed)),
    ] {
        let marks = MARKS * (lane + 1)..MARKS * (lane + 2);
        let taken = after.sums.range(marks.clone()).map(|(mark, _)| mark - marks.start);
        // What was done long ago is not asked for one by one.
        let first = (0..GROUPS).map(|group| found.of(lane, group) * GROUPS).min().unwrap_or(0);
        let first = if lane == POOL { first } else { found.of(lane, 0) };
        let asked: BTreeSet<u64> = taken.chain(first..end).collect();
        for index in asked {
            let taken = after.sums.get(&(marks.start + index)).copied().unwrap_or(0);
            let done = u64::from(found.is_done(lane, index));
            verdict.compare(&format!("message {index} of {name}"), done + taken, 1);
        }
    }
    verdict
}
