//! What the chaos over a broker shares: a run's topics, workers that count from one into the other, and the oracle.

use super::{Builds, number, program};
use crate::{kafka, machine};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a worker may take to be done with anything.
const LONG: Duration = Duration::from_secs(60);

/// Two topics of a broker, and what is in the first.
pub(super) struct Topics {
    program: PathBuf,
    pub(super) servers: String,
    name: String,
    seed: u64,
    plant: Option<String>,
}

/// What the oracle says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judgement {
    pub(super) records: u64,
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    pub(super) miscounted: u64,
    pub(super) wrong: u64,
}

impl Topics {
    pub(super) fn new(builds: Builds, servers: &str, seed: u64, plant: Option<String>) -> Result<Self> {
        let name = format!("chaos-{:x}", machine::random());
        Ok(Topics { program: program(builds.kafka)?, servers: servers.to_owned(), name, seed, plant })
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["kafka", what, &self.servers, &self.name]);
        command.env("SLIPSTREAM_LOG", "error").env_remove(kafka::ADDRESS).stdin(Stdio::null());
        command
    }

    pub(super) fn make(&self) -> Result<()> {
        machine::output(&mut self.command("make")).map(drop)
    }

    /// Sends the messages from one number to another, so many a second, or as fast as may be.
    pub(super) fn fill(&self, from: u64, to: u64, rate: u64) -> Result<Process> {
        let mut command = self.command("fill");
        command.args([self.seed, from, to, rate].map(|number| number.to_string()));
        Ok(Process(command.spawn().context("cannot start the program that fills a topic")?))
    }

    /// Starts a worker, whose state is in this directory.
    pub(super) fn work(&self, dir: &Path, settings: &[&str]) -> Result<Worker> {
        let notes = dir.join("notes");
        let _ = std::fs::remove_file(&notes); // there is none before the first start
        let mut command = self.command("work");
        command.arg(dir).args(settings).stdout(Stdio::piped());
        // Only debug builds of the library know it.
        command.envs(self.plant.as_ref().map(|plant| ("SLIPSTREAM_PLANTED", plant)));
        let mut process = Process(command.spawn().context("cannot start a worker")?);
        let stdout = process.0.stdout.take().context("its output is not piped")?;
        let (said, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
        });
        Ok(Worker { process, lines, notes, begun: Instant::now() })
    }

    /// Reads the output, until there is nothing lost or nothing has come for so long.
    pub(super) fn judge(&self, count: u64, patience: Duration, states: &[PathBuf]) -> Result<Judgement> {
        let mut command = self.command("judge");
        command.args([self.seed, count, patience.as_secs()].map(|number| number.to_string()));
        let line = machine::output(command.args(states))?;
        let of = |word| number(&line, word);
        Ok(Judgement {
            records: of("records")?,
            lost: of("lost")?,
            duplicates: of("duplicates")?,
            miscounted: of("miscounted")?,
            wrong: of("wrong")?,
        })
    }
}

/// Is killed when it is dropped.
pub(super) struct Process(pub(super) Child);

impl Process {
    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill().context("cannot kill a process")?;
        self.0.wait().map(drop).context("cannot wait for a process")
    }

    pub(super) fn is_running(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    /// Waits until it has ended well.
    pub(super) fn done(&mut self) -> Result<()> {
        let begun = Instant::now();
        while self.0.try_wait()?.is_none() {
            if begun.elapsed() > LONG {
                bail!("a process has not ended after {} s", LONG.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { bail!("a process has ended with {status}") }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Does nothing to one that has ended.
        let _ = self.kill();
    }
}

/// A worker that runs.
pub(super) struct Worker {
    process: Process,
    lines: Receiver<String>,
    notes: PathBuf,
    begun: Instant,
}

impl Worker {
    /// The number behind this word, once the worker says it; `None` if it does not in time.
    fn said(&self, word: &str, until: Instant) -> Result<Option<u64>> {
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line == word => return Ok(Some(0)),
                Ok(line) if line.starts_with(word) => return number(&line, word).map(Some),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => bail!("a worker has ended by itself"),
            }
        }
    }

    /// How many messages were in its cache when it was opened; `None` if it does not open in time.
    pub(super) fn opened(&self, patience: Duration) -> Result<Option<u64>> {
        self.said("opened", Instant::now() + patience)
    }

    /// Waits for its first message; how long that took from its start.
    pub(super) fn first(&self) -> Result<Duration> {
        match self.said("first", Instant::now() + LONG)? {
            Some(_) => Ok(self.begun.elapsed()),
            None => bail!("a worker has done nothing after {} s", LONG.as_secs()),
        }
    }

    /// How many messages it has done, and how many updates were delivered, by its own account.
    pub(super) fn noted(&self) -> (u64, u64) {
        let notes = std::fs::read_to_string(&self.notes).unwrap_or_default(); // it may not have come as far
        let numbers: Vec<u64> = notes.split_whitespace().map_while(|number| number.parse().ok()).collect();
        if let [done, delivered] = numbers[..] { (done, delivered) } else { (0, 0) }
    }

    pub(super) fn is_running(&mut self) -> Result<bool> {
        self.process.is_running()
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        if !self.is_running()? {
            bail!("a worker has ended by itself");
        }
        self.process.kill()
    }

    pub(super) fn tell_to_stop(&self) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.process.0.id())?).context("a process has a number")?;
        kill_process(id, Signal::TERM).context("cannot tell a worker to stop")
    }

    /// Lets it end in order; where its cache is written.
    pub(super) fn stop(self) -> Result<PathBuf> {
        self.tell_to_stop()?;
        self.done()
    }

    /// Waits until one that was told to stop has ended well; where its cache is written.
    pub(super) fn done(mut self) -> Result<PathBuf> {
        self.process.done()?;
        Ok(self.notes.with_file_name("counts"))
    }
}
