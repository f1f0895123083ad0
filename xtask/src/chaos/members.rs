//! `members`: each second a member joins a group of workers or leaves it, killed or in order. Each message must have its update
//! in the output; how often, and with which count, is not asked, since a partition that comes to another member is counted
//! anew.

use super::topics::{Judgement, Topics, Worker};
use super::{Builds, Options, Random, Verdict, kafka_kill, on_a_broker};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many changes there are, and how long what is left may take.
const LONG: (u64, Duration) = (60, Duration::from_secs(60));
const SHORT: (u64, Duration) = (9, Duration::from_secs(20));
const CHANGE: Duration = Duration::from_secs(1);

/// How many messages are there before, and how many come with each second.
const BEFORE: u64 = 20_000;
const RATE: u64 = 2_000;

/// So many are members at most: one for each partition. There are more directories, so that some find what they left long ago.
const MEMBERS: usize = 4;
const PLACES: u64 = 6;

/// The state of a partition that has been elsewhere is behind: from there on it is taken again.
const REPLAY: &str = "state.on.loss=replay";
/// How partitions change hands: all at once, and one by one.
const STRATEGIES: [&str; 2] =
    ["kafka.partition.assignment.strategy=range", "kafka.partition.assignment.strategy=cooperative-sticky"];
/// So long that each kill meets records on their way, few as they are a second.
const LINGER: &str = "kafka.linger.ms=300";

/// A mistake that a debug build of the library makes when it is told to, and that must be found.
const PLANT: &str = "ignore-acks";

/// A worker in the directory of its number.
struct Member(u64, Worker);

struct Group<'a> {
    topics: &'a Topics,
    dir: &'a Path,
    settings: Vec<&'static str>,
    members: Vec<Member>,
    /// Told to stop, and not yet gone.
    leaving: Vec<Member>,
    joins: u64,
    leaves: u64,
    kills: u64,
    /// How many messages those have done that are gone.
    done: u64,
}

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let mut random = Random::new(options.seed());
    options.check_plant(&[PLANT])?;
    on_a_broker(|servers| {
        let mut is_right = true;
        for strategy in STRATEGIES {
            is_right &= changed(builds, options, &mut random, servers, strategy)?;
        }
        Ok(Verdict::of(is_right))
    })
}

fn changed(
    builds: Builds,
    options: &mut Options,
    random: &mut Random,
    servers: &str,
    strategy: &'static str,
) -> Result<bool> {
    let (changes, limit) = if options.short { SHORT } else { LONG };
    let messages = BEFORE + RATE * changes;
    let home = tempfile::tempdir()?;
    let topics = Topics::new(builds, servers, options.seed(), options.plant.clone())?;
    topics.make()?;
    topics.fill(0, BEFORE, 0)?.done()?;

    let mut group = Group::new(&topics, home.path(), strategy);
    let mut filling = topics.fill(BEFORE, messages, RATE)?;
    let begun = Instant::now();
    for change in 0..changes {
        group.change(random)?;
        let next = CHANGE * u32::try_from(change + 1)?;
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
        group.look()?;
    }
    let meanwhile = group.done + group.members.iter().map(|Member(_, worker)| worker.noted().0).sum::<u64>();
    filling.done()?;
    let rest = Instant::now();
    // Looked at anew each time: one that waits for silence would wait for ever if updates came again and again.
    while topics.judge(messages, Duration::ZERO, &[])?.lost > 0 && rest.elapsed() < limit {
        group.look()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    let rest = rest.elapsed();
    let (joins, leaves, kills) = group.end()?;
    let Judgement { records, lost, duplicates, .. } = topics.judge(messages, Duration::ZERO, &[])?;
    println!(
        "members, {}: {joins} joins, {leaves} leaves in order, {kills} kills, {meanwhile} messages done meanwhile and the rest \
         after {:.1} s, {messages} records in, {records} records out, duplicates {duplicates}, lost {lost}",
        strategy.rsplit('=').next().unwrap_or_default(),
        rest.as_secs_f32()
    );
    if lost > 0 {
        println!("the state is left in {}", home.keep().display());
    }
    Ok(lost == 0 && rest < limit)
}

impl<'a> Group<'a> {
    fn new(topics: &'a Topics, dir: &'a Path, strategy: &'static str) -> Self {
        let settings = kafka_kill::settings().into_iter().chain([REPLAY, LINGER, strategy]).collect();
        let (members, leaving) = (Vec::new(), Vec::new());
        Group { topics, dir, settings, members, leaving, joins: 0, leaves: 0, kills: 0, done: 0 }
    }

    /// One joins or leaves; there is always one.
    fn change(&mut self, random: &mut Random) -> Result<()> {
        let (joins, is_killed, which) = (random.below(2) == 0, random.below(2) == 0, random.below(60));
        if self.members.len() < 2 || joins && self.members.len() < MEMBERS {
            return self.join(which);
        }
        let Member(place, mut worker) = self.members.swap_remove(which as usize % self.members.len());
        if is_killed {
            worker.kill()?;
            self.kills += 1;
            self.done += worker.noted().0;
        } else {
            // Before it can be told to stop, the signal would kill it.
            worker.opened(Duration::from_secs(30))?.context("a worker does not open")?;
            worker.tell_to_stop()?;
            self.leaves += 1;
            self.leaving.push(Member(place, worker));
        }
        Ok(())
    }

    /// In one of the places where nobody is.
    fn join(&mut self, which: u64) -> Result<()> {
        let is_taken =
            |place: &u64| self.members.iter().chain(&self.leaving).any(|member| member.0 == *place);
        let free: Vec<u64> = (0..PLACES).filter(|place| !is_taken(place)).collect();
        let Some(place) = free.get(which as usize % free.len().max(1)) else {
            bail!("members that were told to stop are still there");
        };
        let worker = self.topics.work(&self.dir.join(place.to_string()), &self.settings)?;
        self.members.push(Member(*place, worker));
        self.joins += 1;
        Ok(())
    }

    /// Nobody may have ended who was not told to, and who was told must end well.
    fn look(&mut self) -> Result<()> {
        for Member(place, worker) in &mut self.members {
            if !worker.is_running()? {
                bail!("the member in {place} has ended by itself");
            }
        }
        for Member(place, mut worker) in std::mem::take(&mut self.leaving) {
            if worker.is_running()? {
                self.leaving.push(Member(place, worker));
            } else {
                self.done += worker.noted().0;
                worker.done()?;
            }
        }
        Ok(())
    }

    /// All leave in order. How many had joined, left in order and been killed before.
    fn end(self) -> Result<(u64, u64, u64)> {
        for Member(_, worker) in self.leaving {
            worker.done()?;
        }
        for Member(_, worker) in self.members {
            worker.stop()?;
        }
        Ok((self.joins, self.leaves, self.kills))
    }
}
