//! Plays a schedule to its end, and judges what has come of it.

use super::app::{self, DONE, EVENTS, Enriched, LEFTS, Over, PARTITIONS, RIGHTS};
use crate::random::Random;
use slipstream::prelude::*;
use slipstream::testing::{Broker, stopped_clock};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

/// A mistake that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// An equal time does not recover.
    Strict,
    /// The stream goes back behind the first event that was handled while something was down.
    Newest,
    /// A callback fails before it has gone back.
    Deaf,
}

impl Plant {
    /// By its name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        [("strict", Plant::Strict), ("newest", Plant::Newest), ("deaf", Plant::Deaf)]
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, plant)| plant)
    }
}

/// What has come of schedules.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many schedules, events, and records of events that were handled while something was down.
    pub schedules: u64,
    /// See above.
    pub events: u64,
    /// See above.
    pub stale: u64,
    /// How often the app was aborted, and its partitions changed.
    pub crashes: u64,
    /// See above.
    pub rebalances: u64,
    /// How often something recovered.
    pub recoveries: u64,
    /// Events that are enriched with what is too old in the end, and those that were not handled at all.
    pub missed: u64,
    /// See above.
    pub stuck: u64,
    /// How often other offsets were handed over than those of the pulses that found a downtime.
    pub other_offsets: u64,
    /// What was wrong, by the seed.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Adds another.
    pub fn add(&mut self, other: Outcome) {
        self.schedules += other.schedules;
        self.events += other.events;
        self.stale += other.stale;
        self.crashes += other.crashes;
        self.rebalances += other.rebalances;
        self.missed += other.missed;
        self.stuck += other.stuck;
        self.notes.extend(other.notes);
        self.recoveries = app::RECOVERIES.load(Relaxed);
        self.other_offsets += other.other_offsets;
    }

    /// Whether nothing was wrong.
    pub fn is_right(&self) -> bool {
        self.missed + self.stuck + self.other_offsets == 0 && self.notes.is_empty()
    }
}

/// How long a schedule may take to its end in real time, once nothing is done to it any more.
const PATIENCE: Duration = secs(20);

struct Play {
    name: String,
    broker: Broker,
    running: Running,
    plant: Option<Plant>,
    /// Which of the handlers of events.
    kind: u64,
    now: i64,
    sent: u64,
    right_is_over: Over,
    outcome: Outcome,
}

impl Play {
    async fn new(name: String, kind: u64, plant: Option<Plant>) -> Result<Play> {
        let broker = Broker::new();
        let (running, right_is_over) = start(&broker, kind, plant).await?;
        let outcome = Outcome { schedules: 1, ..Outcome::default() };
        let play = Play { name, broker, running, plant, kind, now: 0, sent: 0, right_is_over, outcome };
        // Both are known from the beginning on: who was never heard of is not down for a while.
        play.left(0).await?;
        play.right(0)?;
        play.running.quiet().await;
        play.running.flush().await?;
        Ok(play)
    }

    async fn event(&mut self, later: i64) -> Result<()> {
        self.now += later;
        self.sent += 1;
        self.running.scope(EVENTS.send((self.sent - 1, self.now))).await.map(drop)
    }

    async fn left(&self, late: i64) -> Result<()> {
        self.running.scope(LEFTS.send((0, self.now - late))).await.map(drop)
    }

    fn right(&self, late: i64) -> Result<()> {
        if self.right_is_over.0.load(Relaxed) {
            Ok(())
        } else {
            self.running.feed(&RIGHTS, [self.now - late])
        }
    }

    fn end_right(&mut self) -> Result<()> {
        self.right_is_over.0.store(true, Relaxed);
        self.running.end(&RIGHTS)
    }

    fn assign(&mut self, partitions: impl IntoIterator<Item = u32>) {
        self.outcome.rebalances += 1;
        self.broker.assign(&EVENTS, partitions);
    }

    /// What is not committed is gone.
    async fn crash(&mut self) -> Result<()> {
        self.outcome.crashes += 1;
        self.running.abort();
        let _ = self.running.wait().await; // it says that it was aborted
        (self.running, self.right_is_over) = start(&self.broker, self.kind, self.plant).await?;
        Ok(())
    }

    /// What was made of each event, the last time.
    fn done(&self) -> Result<BTreeMap<u64, Enriched>> {
        Ok(self.broker.records(&DONE)?.into_iter().map(|record| (record.key, record.value)).collect())
    }

    /// The events that are too far ahead of what they were enriched with, and those that are missing.
    fn wrong(&self) -> Result<(Vec<u64>, Vec<u64>)> {
        let done = self.done()?;
        let is_stale = |enriched: &Enriched| {
            let is_old = |latest: i64, may_be: i64| enriched.at > latest.saturating_add(may_be);
            enriched.was_down
                || is_old(enriched.left, app::LEFT_BEHIND)
                || is_old(enriched.right, app::RIGHT_BEHIND)
        };
        let missed = done.iter().filter(|(_, enriched)| is_stale(enriched)).map(|(event, _)| *event);
        Ok((missed.collect(), (0..self.sent).filter(|event| !done.contains_key(event)).collect()))
    }

    /// Everybody catches up, and no further than to the latest event; then all must be right.
    async fn end(mut self) -> Result<Outcome> {
        self.assign(0..PARTITIONS);
        self.event(1).await?;
        self.left(0).await?;
        self.right(0)?;
        let since = std::time::Instant::now();
        let (mut missed, mut stuck) = self.wrong()?;
        while !(missed.is_empty() && stuck.is_empty()) && since.elapsed() < PATIENCE {
            for _ in 0..3 {
                self.running.quiet().await;
            }
            // For callbacks that hang, as long as they may; not for those that work.
            self.running.advance(secs(31)).await;
            (missed, stuck) = self.wrong()?;
            if self.plant.is_some() && since.elapsed() > PATIENCE / 20 {
                break;
            }
        }
        if !(missed.is_empty() && stuck.is_empty()) {
            self.outcome.notes.push(format!("{}: missed {missed:?}, stuck {stuck:?}", self.name));
        }
        self.outcome.events = self.sent;
        self.outcome.stale =
            self.broker.records(&DONE)?.iter().filter(|record| record.value.was_down).count() as u64;
        (self.outcome.missed, self.outcome.stuck) = (missed.len() as u64, stuck.len() as u64);
        self.running.stop().await?;
        self.running.assert_conserved();
        for record in self.broker.records(&app::OTHER_OFFSETS)? {
            self.outcome.other_offsets += 1;
            self.outcome.notes.push(format!("{}: {}", self.name, record.value));
        }
        Ok(self.outcome)
    }
}

async fn start(broker: &Broker, kind: u64, plant: Option<Plant>) -> Result<(Running, Over)> {
    let over = Over::default();
    let app = broker.app().clock(stopped_clock()).state(over.clone());
    let app = match plant {
        None => app::right_ones::app(app, kind),
        Some(Plant::Strict) => app::strict::app(app, kind),
        Some(Plant::Newest) => app::newest::app(app, kind),
        Some(Plant::Deaf) => app::deaf::app(app, kind),
    };
    Ok((app.start().await?, over))
}

/// How often each thing happens in a schedule: events, beats of the left and of the right one, rest, commits, time, crashes,
/// partitions that go, partitions that come, the end of the right one.
const HABITS: [[u64; 10]; 6] = [
    [8, 0, 4, 2, 1, 1, 1, 1, 1, 0], // one is silent
    [8, 4, 4, 2, 1, 1, 1, 1, 1, 0], // both are late
    [6, 7, 7, 4, 1, 1, 1, 0, 0, 0], // flapping
    [9, 1, 1, 2, 1, 1, 1, 0, 0, 1], // both are down, and one may end
    [6, 3, 3, 3, 2, 1, 5, 0, 0, 1], // restarts
    [6, 3, 3, 3, 1, 1, 1, 4, 3, 0], // rebalances
];

/// A random schedule.
///
/// # Errors
/// If an app cannot start, or fails.
pub async fn random(seed: u64, plant: Option<Plant>) -> Result<Outcome> {
    let mut random = Random::new(seed);
    let habits = HABITS[random.below(HABITS.len() as u64) as usize];
    let mut play = Play::new(format!("seed {seed}"), random.below(app::KINDS), plant).await?;
    for _ in 0..30 {
        let mut any = random.below(habits.iter().sum());
        let what = habits.iter().position(|often| any.checked_sub(*often).map(|left| any = left).is_none());
        match what.unwrap_or_default() {
            0 => play.event(random.below(9) as i64).await?,
            1 => play.left(random.below(12) as i64).await?,
            2 => play.right(random.below(22) as i64)?,
            3 => play.running.quiet().await,
            4 => play.running.flush().await?,
            5 => play.running.advance(millis(random.below(1_000))).await,
            6 => play.crash().await?,
            7 => play.assign([random.below(PARTITIONS.into()) as u32]),
            8 => play.assign(0..PARTITIONS),
            _ => play.end_right()?,
        }
    }
    play.end().await
}

/// How many steps the outage of [`crash`] has, and how many places for a crash there are.
const STEPS: u64 = 9;
/// As above.
pub const CRASHES: u64 = app::KINDS * STEPS * (STEPS + 1) / 2;

/// One outage from its beginning to its end, step by step; a crash comes behind one of them, with what was committed up to an
/// earlier one. What fails here is between two steps of detection, recovery, going back and commit.
///
/// # Errors
/// As [`random`].
pub async fn crash(place: u64, plant: Option<Plant>) -> Result<Outcome> {
    let (kind, mut committed, mut last) = (place % app::KINDS, place / app::KINDS, 0);
    while committed > last {
        last += 1;
        committed -= last;
    }
    let name = format!("a crash behind step {last}, committed up to {committed}, handler {kind}");
    let mut play = Play::new(name, kind, plant).await?;
    for step in 0..=last {
        match step {
            0 | 6 => play.left(0).await?,
            1 | 7 => play.right(0)?,
            2 => play.event(5).await?,
            // Both are found down, in each partition.
            3 => play.event(40).await?,
            _ => play.event(1).await?,
        }
        // Some are cut off in the middle.
        if step < last || place.is_multiple_of(2) {
            play.running.quiet().await;
        }
        if step + 1 == committed {
            play.running.flush().await?;
        }
    }
    play.crash().await?;
    play.end().await
}
