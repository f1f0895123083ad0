//! `chaos NAME`: what may happen to a process and its files is done to it, and the state must come out right. Each ends with
//! one line of numbers, and fails if one of them is wrong. The programs are in the tests package; nothing here knows the
//! library.

mod backlog;
mod broker;
mod checkpoints;
mod corruption;
mod disk_full;
mod endpoint;
mod kafka_kill;
mod members;
mod poison;
mod state_kill;
mod topics;

use crate::report::Outcome;
use crate::{builds, kafka, machine};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// What is built for a command that was typed, and within `cargo xtask test`, where another set of packages or features
/// would be built anew.
#[derive(Clone, Copy)]
struct Builds {
    program: &'static [&'static str],
    /// The same program with a client of Kafka.
    kafka: &'static [&'static str],
    library: &'static [&'static str],
}

const ALONE: Builds = Builds {
    program: &["-p", "slipstream-tests"],
    kafka: &["-p", "slipstream-tests", "--features", "kafka"],
    library: &["-p", "slipstream-rs"],
};
const AMONG_TESTS: Builds = Builds { program: builds::KAFKA, kafka: builds::KAFKA, library: builds::KAFKA };

pub(crate) const NAMES: [&str; 10] = [
    "state-kill",
    "checkpoints",
    "corruption",
    "disk-full",
    "endpoint",
    "kafka-kill",
    "broker",
    "poison",
    "backlog",
    "members",
];

/// How it came out; an error is for what could not even be tried.
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// Not run, and why.
    Skipped(String),
}

impl Verdict {
    fn of(is_right: bool) -> Self {
        if is_right { Verdict::Right } else { Verdict::Wrong }
    }
}

pub(crate) fn command(name: &str, rest: &[&str]) -> Result<bool> {
    Ok(match run(ALONE, name, rest)? {
        Verdict::Right => true,
        Verdict::Wrong => false,
        Verdict::Skipped(why) => {
            println!("!!! {name} DID NOT RUN: {why}");
            !machine::is_ci()
        }
    })
}

/// The short form, as a stage of the test.
pub(crate) fn short(name: &str) -> Result<Outcome> {
    match run(AMONG_TESTS, name, &["--short"])? {
        Verdict::Right => Ok(Outcome::Passed),
        Verdict::Wrong => bail!("see its numbers above"),
        Verdict::Skipped(why) => Ok(Outcome::Skipped(why)),
    }
}

fn run(builds: Builds, name: &str, rest: &[&str]) -> Result<Verdict> {
    let mut options = Options::parse(rest)?;
    let run = match name {
        "state-kill" => state_kill::run,
        "corruption" => corruption::run,
        "disk-full" => disk_full::run,
        "endpoint" => endpoint::run,
        "broker" => broker::run,
        "checkpoints" => checkpoints::run,
        "kafka-kill" => kafka_kill::run,
        "poison" => poison::run,
        "backlog" => backlog::run,
        "members" => members::run,
        _ => bail!("no `cargo xtask chaos {name}`: there are {}", NAMES.join(", ")),
    };
    println!("seed {}", options.seed());
    run(builds, &mut options)
}

/// Runs it on the broker that is there, or on one that is started for it.
fn on_a_broker(run: impl FnOnce(&str) -> Result<Verdict>) -> Result<Verdict> {
    let broker = match kafka::start() {
        Ok(broker) => broker,
        Err(why) => return Ok(Verdict::Skipped(format!("{why:#}"))),
    };
    let verdict = run(&broker.address);
    if broker.started {
        kafka::stop()?;
    }
    verdict
}

/// What was typed behind the name.
#[derive(Default)]
struct Options {
    seed: Option<u64>,
    kills: Option<u64>,
    short: bool,
    plant: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().copied().with_context(|| format!("`{word}` needs a value"));
            match *word {
                "--short" => options.short = true,
                "--seed" => options.seed = Some(value()?.parse().context("a seed is a number")?),
                "--kills" => options.kills = Some(value()?.parse().context("kills are a number")?),
                "--plant" => options.plant = Some(value()?.to_owned()),
                _ => bail!("no option `{word}`: there are --short, --seed N, --kills N and --plant NAME"),
            }
        }
        Ok(options)
    }

    /// Says so if the mistake that is to be planted is none of these.
    fn check_plant(&self, plants: &[&str]) -> Result<()> {
        match &self.plant {
            Some(plant) if !plants.contains(&plant.as_str()) => {
                bail!("no mistake `{plant}` can be planted: there are {}", plants.join(", "))
            }
            _ => Ok(()),
        }
    }

    fn seed(&mut self) -> u64 {
        *self.seed.get_or_insert_with(|| machine::random() % 1_000_000)
    }
}

/// Numbers that depend on a seed only.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Builds the program that is killed and filled up.
fn program(build: &[&str]) -> Result<PathBuf> {
    machine::run(machine::cargo(&["build", "--quiet"]).args(build).args(["--bin", "chaos"]))?;
    Ok(machine::target().join("debug/chaos"))
}

/// The number behind a word in a line of words and numbers.
fn number(line: &str, word: &str) -> Result<u64> {
    let mut words = line.split_whitespace().skip_while(|found| *found != word);
    let found = words.nth(1).and_then(|number| number.parse().ok());
    found.with_context(|| format!("no number `{word}` in `{line}`"))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            std::fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_what_was_typed() {
        let options = Options::parse(&["--seed", "7", "--short"]).unwrap();
        assert_eq!((options.seed, options.short, options.kills), (Some(7), true, None));
        assert!(Options::parse(&["--seed"]).is_err() && Options::parse(&["--sead", "7"]).is_err());
    }

    #[test]
    fn a_number_is_found_by_the_word_before_it() {
        assert_eq!(number("lost 3 doubled 0", "doubled").unwrap(), 0);
        assert!(number("lost", "lost").is_err());
    }
}
