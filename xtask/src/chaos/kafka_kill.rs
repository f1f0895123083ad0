//! `kafka-kill`: a worker that counts from a topic into a cache and another topic is killed at random moments. At the end each
//! message has its update in the output, with the right count, and the cache is exact; only outputs may come twice.

use super::topics::{Judgement, Topics, Worker};
use super::{Builds, Options, Random, Verdict, on_a_broker};
use crate::kafka;
use anyhow::{Result, bail};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many messages there are, and how often the worker is killed.
const LONG: (u64, u64) = (500_000, 20);
const SHORT: (u64, u64) = (100_000, 5);

/// The mistakes that a debug build of the library makes when it is told to; each must be found.
const PLANTS: [&str; 2] = ["position-first", "ignore-acks"];

/// Of each five kills this many must hit work that was not committed.
const HITS_OF_FIVE: u64 = 3;

/// A killed member is replaced when its session ends; the longer records linger, the more are on their way at a kill.
const SETTINGS: [&str; 2] = ["kafka.session.timeout.ms=2000", "kafka.linger.ms=10"];
/// Of a broker that is not ours it is not known that it allows less.
const SETTINGS_OF_OTHERS: [&str; 2] = ["kafka.session.timeout.ms=6000", SETTINGS[1]];

/// How long nothing may come before what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Default)]
struct Kills {
    made: u64,
    hits: u64,
    /// How long it took from each start to the first message.
    returns: Vec<Duration>,
}

pub(super) fn settings() -> [&'static str; 2] {
    if kafka::is_given() { SETTINGS_OF_OTHERS } else { SETTINGS }
}

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let mut random = Random::new(options.seed());
    options.check_plant(&PLANTS)?;
    on_a_broker(|servers| killed(builds, options, &mut random, servers))
}

fn killed(builds: Builds, options: &mut Options, random: &mut Random, servers: &str) -> Result<Verdict> {
    let (messages, kills) = if options.short { SHORT } else { LONG };
    let kills_wanted = options.kills.unwrap_or(kills);
    let home = tempfile::tempdir()?;
    let dir = home.path();
    let topics = Topics::new(builds, servers, options.seed(), options.plant.clone())?;
    topics.make()?;
    topics.fill(0, messages, 0)?.done()?;

    let begun = Instant::now();
    let (mut kills, mut done) = (Kills::default(), 0);
    while kills.made < kills_wanted {
        let worker = topics.work(dir, &settings())?;
        let Some(opened) = opened(&worker, &mut kills, done)? else { bail!("a worker does not open") };
        // They are spread over all the messages, however fast the machine is.
        let share = messages.saturating_sub(opened) / (kills_wanted - kills.made + 1);
        let noted = killed_at(worker, random, 2 * share, &mut kills)?;
        done = opened + noted;
        println!("kill {}: {opened} were in the cache at its start, and {noted} were done", kills.made);
    }
    let worker = topics.work(dir, &settings())?;
    opened(&worker, &mut kills, done)?;
    kills.returns.push(worker.first()?);
    topics.judge(messages, PATIENCE, &[])?;
    let state = worker.stop()?;
    let judgement = topics.judge(messages, Duration::ZERO, &[state])?;
    let is_right = kills.report(messages, judgement, begun.elapsed());
    if !is_right {
        println!("the state is left in {}", Path::display(&home.keep()));
    }
    Ok(Verdict::of(is_right))
}

/// What was in the cache when the worker opened it: less than had been done if the kill before hit what was not committed.
fn opened(worker: &Worker, kills: &mut Kills, done: u64) -> Result<Option<u64>> {
    let opened = worker.opened(Duration::from_secs(30))?;
    kills.hits += u64::from(opened.is_some_and(|opened| opened < done));
    Ok(opened)
}

/// Kills it: mostly while it works, at times before it has begun. How many messages it had done.
fn killed_at(mut worker: Worker, random: &mut Random, within: u64, kills: &mut Kills) -> Result<u64> {
    if random.below(8) == 0 {
        std::thread::sleep(Duration::from_millis(random.below(2_500)));
    } else {
        kills.returns.push(worker.first()?);
        let after = random.below(within.max(1));
        while worker.noted().0 < after && worker.is_running()? {
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(random.below(50_000)));
    }
    worker.kill()?;
    kills.made += 1;
    Ok(worker.noted().0)
}

impl Kills {
    fn report(mut self, messages: u64, judgement: Judgement, took: Duration) -> bool {
        let Judgement { records, lost, duplicates, miscounted, wrong } = judgement;
        self.returns.sort_unstable();
        let middle = self.returns.get(self.returns.len() / 2).copied().unwrap_or_default();
        let longest = self.returns.last().copied().unwrap_or_default();
        println!(
            "kafka-kill: {} kills, {} of them hit uncommitted work, {messages} messages in {} s, first message {} ms after a \
             start (at most {} ms), {records} records in the output, duplicates {duplicates}, lost {lost}, miscounted \
             {miscounted}, wrong rows {wrong}",
            self.made,
            self.hits,
            took.as_secs(),
            middle.as_millis(),
            longest.as_millis()
        );
        lost + miscounted + wrong == 0 && 5 * self.hits >= HITS_OF_FIVE * self.made
    }
}
