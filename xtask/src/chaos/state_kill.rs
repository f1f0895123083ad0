//! `state-kill`: a process that counts is killed at random moments. After each kill every sum is what the positions say:
//! nothing lost, nothing doubled.

use super::{Builds, Options, Random, Verdict, copy, number, program};
use crate::machine;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u64 = 50;

/// The mistakes that a debug build of the library makes when it is told to; each must be found.
const PLANTS: [&str; 3] = ["position-first", "unfinished", "ignore-acks"];

/// How long the short form goes on with killing.
const SHORT: Duration = Duration::from_secs(40);

/// Of each five kills this many must hit work that was not committed.
const HITS_OF_FIVE: u64 = 4;

/// How long a process may take to open its state, and from the last kill to its end.
const LONG: Duration = Duration::from_secs(60);

/// How many messages of each source come after those that had been done at the last kill.
const MORE: u64 = 500;

#[derive(Default)]
struct Sums {
    kills: u64,
    hits: u64,
    conflicts: u64,
    retries: u64,
    lost: u64,
    doubled: u64,
    unopened: u64,
    longest: Duration,
}

impl Sums {
    fn is_right(&self) -> bool {
        self.lost + self.doubled + self.unopened == 0 && 5 * self.hits >= HITS_OF_FIVE * self.kills
    }
}

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let mut random = Random::new(options.seed());
    options.check_plant(&PLANTS)?;
    let home = tempfile::tempdir().context("no temporary folder for the state")?;
    let counter = Counter {
        program: program(builds.program)?,
        plant: options.plant.clone(),
        state: home.path().join("state"),
        copy: home.path().join("copy"),
        notes: home.path().join("notes"),
    };
    let begun = Instant::now();
    let (mut sums, mut before, mut ends) = (Sums::default(), 0, Ends::default());
    while sums.kills < options.kills.unwrap_or(KILLS) && !(options.short && begun.elapsed() > SHORT) {
        let noted = counter.killed(&mut random, &mut sums)?;
        let Some(line) = counter.checked(&mut sums)? else { break };
        let messages = number(&line, "messages")?;
        ends = Ends([number(&line, "pool")?, number(&line, "parted")?, number(&line, "feed")?]);
        let uncommitted = (before + noted).saturating_sub(messages);
        sums.hits += u64::from(uncommitted > 0);
        println!("kill {}: {line}, of {noted} since the last {uncommitted} not committed", sums.kills);
        before = messages;
    }
    if sums.unopened == 0 {
        counter.ended(Ends(ends.0.map(|end| end + MORE)), &mut sums)?;
    }
    let is_right = sums.is_right();
    if !is_right {
        println!("the state is left in {}", home.keep().display());
    }
    let Sums { kills, hits, conflicts, retries, lost, doubled, unopened, longest } = sums;
    println!(
        "state-kill: {kills} kills, {hits} of them hit uncommitted work, {before} messages, {conflicts} conflicts run \
         again, {retries} failures retried, reopened within {} ms, lost {lost}, doubled {doubled}, could not be opened \
         {unopened}",
        longest.as_millis()
    );
    Ok(Verdict::of(is_right))
}

/// Where the sources end: that of the pool, that with the yields, and that which fills the channel.
#[derive(Clone, Copy, Default)]
struct Ends([u64; 3]);

impl Ends {
    const NEVER: Ends = Ends([u64::MAX; 3]);

    /// How many messages that is: what is in the channel is one as well, and the source with the yields has two handlers.
    fn messages(self) -> u64 {
        let [pool, parted, feed] = self.0;
        pool + 2 * parted + 2 * feed
    }
}

/// The program that counts, and where.
struct Counter {
    program: PathBuf,
    plant: Option<String>,
    state: PathBuf,
    copy: PathBuf,
    notes: PathBuf,
}

impl Counter {
    fn spawn(&self, ends: Ends, stdout: Stdio) -> Result<Running> {
        let mut command = Command::new(&self.program);
        command.arg("count").args([&self.state, &self.notes]).args(ends.0.map(|end| end.to_string()));
        command.env("SLIPSTREAM_LOG", "error").stdin(Stdio::null()).stdout(stdout);
        // Only debug builds of the library know it.
        command.envs(self.plant.as_ref().map(|plant| ("SLIPSTREAM_PLANTED", plant)));
        Ok(Running(command.spawn().context("cannot start the program that counts")?))
    }

    /// Starts it, and waits until it takes messages.
    fn start(&self, ends: Ends, sums: &mut Sums) -> Result<Running> {
        let begun = Instant::now();
        let mut running = self.spawn(ends, Stdio::piped())?;
        let mut line = String::new();
        let stdout = running.0.stdout.take().context("its output is not piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim() != "running" {
            bail!("the program that counts did not start, and ended with {}", running.0.wait()?);
        }
        sums.longest = sums.longest.max(begun.elapsed());
        Ok(running)
    }

    /// Starts it and kills it, mostly while it counts, at times while it opens its state. Says how many messages it had
    /// done.
    fn killed(&self, random: &mut Random, sums: &mut Sums) -> Result<u64> {
        let _ = fs::remove_file(&self.notes); // there is none before the first
        let moment = Duration::from_micros(random.below(800_000));
        if random.below(16) == 0 {
            let mut running = self.spawn(Ends::NEVER, Stdio::null())?;
            std::thread::sleep(moment / 32);
            running.kill()?;
        } else {
            let mut running = self.start(Ends::NEVER, sums)?;
            std::thread::sleep(moment);
            if let Some(status) = running.0.try_wait()? {
                bail!("the program that counts has ended by itself, with {status}");
            }
            running.kill()?;
        }
        sums.kills += 1;
        self.noted(sums)
    }

    /// How many messages it has done, by its own account.
    fn noted(&self, sums: &mut Sums) -> Result<u64> {
        let notes = fs::read_to_string(&self.notes).unwrap_or_default(); // it may not have come as far
        let numbers: Vec<u64> = notes.split_whitespace().map_while(|number| number.parse().ok()).collect();
        let [done, conflicts, retries] = numbers[..] else { return Ok(0) };
        sums.conflicts += conflicts;
        sums.retries += retries;
        Ok(done)
    }

    /// Judges a copy of the state; `None` if that cannot be opened.
    fn checked(&self, sums: &mut Sums) -> Result<Option<String>> {
        let _ = fs::remove_dir_all(&self.copy); // that of the kill before
        if self.state.exists() {
            copy(&self.state, &self.copy)?;
        }
        let mut command = Command::new(&self.program);
        let checked = machine::output(command.arg("judge").arg(&self.copy).env("SLIPSTREAM_LOG", "error"));
        let text = match checked {
            Ok(text) => text,
            Err(error) => {
                println!("after kill {}: {error:#}", sums.kills);
                sums.unopened += 1;
                return Ok(None);
            }
        };
        let (notes, line) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
        if !notes.is_empty() {
            println!("after kill {}:\n{notes}", sums.kills);
        }
        sums.lost += number(line, "lost")?;
        sums.doubled += number(line, "doubled")?;
        Ok(Some(line.to_owned()))
    }

    /// Lets it come to its end, where all has been done once.
    fn ended(&self, ends: Ends, sums: &mut Sums) -> Result<()> {
        let mut running = self.start(ends, sums)?;
        let begun = Instant::now();
        while running.0.try_wait()?.is_none() {
            if begun.elapsed() > LONG {
                bail!("the program that counts has not come to its end after {} s", LONG.as_secs());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = running.0.wait()?;
        if !status.success() {
            bail!("the program that counts has ended with {status}");
        }
        self.noted(sums)?;
        let Some(line) = self.checked(sums)? else { return Ok(()) };
        println!("at the end: {line}");
        let done = number(&line, "messages")?;
        sums.lost += ends.messages().saturating_sub(done);
        sums.doubled += done.saturating_sub(ends.messages());
        Ok(())
    }
}

/// Is killed when it is dropped.
struct Running(Child);

impl Running {
    fn kill(&mut self) -> Result<()> {
        self.0.kill().context("cannot kill the program that counts")?;
        self.0.wait().map(drop).context("cannot wait for the program that counts")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing to one that has ended.
        let _ = self.kill();
    }
}
