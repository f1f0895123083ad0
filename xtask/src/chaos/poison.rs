//! `poison`: one record of a hundred cannot be read or handled, in every way that we know. The app that reads them is let
//! through once, and killed again and again in a second run: what is poison is in the topic of dead letters, byte by byte,
//! and all else is counted once.

use super::topics::Process;
use super::{Builds, Options, Random, Verdict, number, on_a_broker, program};
use crate::{kafka, machine};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many records there are, and how often the app is killed.
const LONG: (u64, u64) = (200_000, 10);
const SHORT: (u64, u64) = (40_000, 3);

/// What must be found: that a debug build commits without waiting for its letters, and that letters are not written at all.
const PLANTS: [&str; 2] = ["ignore-acks", "skip"];

/// How long an app may take to its end, or to the place where it is killed.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    options.check_plant(&PLANTS)?;
    on_a_broker(|servers| {
        let poisoned = Poisoned {
            program: program(builds.kafka)?,
            servers: servers.to_owned(),
            topic: format!("poison-{:x}", machine::random()),
            plant: options.plant.clone(),
            home: tempfile::tempdir()?,
        };
        poisoned.run(options)
    })
}

struct Poisoned {
    program: PathBuf,
    servers: String,
    topic: String,
    plant: Option<String>,
    home: tempfile::TempDir,
}

impl Poisoned {
    fn run(&self, options: &mut Options) -> Result<Verdict> {
        let begun = Instant::now();
        let mut random = Random::new(options.seed());
        let (records, kills) = if options.short { SHORT } else { LONG };
        let kills = options.kills.unwrap_or(kills);
        machine::output(
            self.command("fill").args([options.seed(), records].map(|number| number.to_string())),
        )?;

        machine::output(&mut self.read("whole"))?;
        let whole = self.judged("whole")?;
        let mut done = 0;
        for kill in 0..kills {
            done += self.killed(&mut random, records / (kills + 1), kill)?;
        }
        let said = machine::output(&mut self.read("killed"))?;
        done += number(&said, "done")? + number(&said, "dead")?;
        let again = done.saturating_sub(records);
        let killed = self.judged("killed")?;

        let of = |word| Ok::<_, anyhow::Error>((number(&whole, word)?, number(&killed, word)?));
        let (poison, kinds, repeated) = (of("poison")?.0, of("kinds")?.0, of("repeated")?);
        let (mut wrong, mut told) = (repeated.0, String::new());
        for word in ["missing", "invented", "altered", "wrong", "miscounted"] {
            let (in_whole, in_killed) = of(word)?;
            wrong += in_whole + in_killed;
            told += &format!(", {word} {in_whole} and {in_killed}");
        }
        println!(
            "poison: {records} records, {poison} of them poison of {kinds} kinds, read once without and once with {kills} kills, \
             after which {again} were done again, in {} s: letters {} and {}, repeated {} and {}{told}",
            begun.elapsed().as_secs(),
            of("letters")?.0,
            of("letters")?.1,
            repeated.0,
            repeated.1
        );
        Ok(Verdict::of(wrong == 0 && kinds >= 15 && (kills == 0 || again > 0)))
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["poison", what, &self.servers, &self.topic]);
        command.env("SLIPSTREAM_LOG", "off").env_remove(kafka::ADDRESS).stdin(Stdio::null());
        command
    }

    /// The app of this run.
    fn read(&self, run: &str) -> Command {
        let mut command = self.command("read");
        command.args([Path::new(run), &self.home.path().join(run)]);
        // Only debug builds of the library know it.
        command.envs(self.plant.as_ref().map(|plant| ("SLIPSTREAM_PLANTED", plant)));
        command
    }

    /// Starts the app, and kills it when it has gone on by about so many records. Says by how many.
    fn killed(&self, random: &mut Random, share: u64, kill: u64) -> Result<u64> {
        // The longer letters linger, the more are on their way; and a killed member is replaced when its session ends.
        let session = if kafka::is_given() { "6000" } else { "2000" };
        let settings = ["kafka.linger.ms=200", &format!("kafka.session.timeout.ms={session}")];
        let notes = self.home.path().join("killed").join("notes");
        let _ = std::fs::remove_file(&notes); // there is none before the first
        let (begun, after) = (Instant::now(), share / 2 + random.below(share));
        let mut command = self.read("killed");
        let spawned = command.args(settings).stdout(Stdio::null()).spawn().context("cannot start the app")?;
        let mut app = Process(spawned);
        let noted = || {
            let notes = std::fs::read_to_string(&notes).unwrap_or_default(); // it may not have come as far
            notes.split_whitespace().filter_map(|number| number.parse::<u64>().ok()).sum::<u64>()
        };
        while noted() < after && app.is_running()? {
            if begun.elapsed() > PATIENCE {
                bail!("the app has not done {after} records after {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        app.kill()?;
        let noted = noted();
        println!("kill {}: {noted} records were done or buried", kill + 1);
        Ok(noted)
    }

    /// What the oracle says of a run.
    fn judged(&self, run: &str) -> Result<String> {
        let mut command = self.command("judge");
        let said = machine::output(command.args([Path::new(run), &self.home.path().join(run)]))?;
        println!("{run}: {}", said.trim_end());
        Ok(said.lines().last().unwrap_or_default().to_owned())
    }
}
