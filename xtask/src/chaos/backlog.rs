//! `backlog`: more than can be taken at once. A worker whose sink is slow reads a large topic to its end, and another one a
//! thousand partitions: their memory stays within what they are configured to, and no member is thrown out of its group.

use super::topics::Process;
use super::{Builds, Options, Verdict, number, on_a_broker, program};
use crate::{kafka, machine};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many records, and of how many bytes each.
const LONG: (u64, u64) = (1_000_000, 1_000);
const SHORT: (u64, u64) = (100_000, 1_000);

/// What the workers may hold, in MiB: their state; what librdkafka has fetched; and what waits before a lane, which is 8 MiB
/// for each topic that is behind.
const STATE: u64 = 64;
const FETCHED: u64 = 16;
const BEFORE_A_LANE: u64 = 8;

/// How many partitions the second worker reads, and how long it may take until it has a record of each.
const PARTITIONS: u64 = 1_000;
const SOON: u64 = 10_000;

/// How long a worker may take to its end.
const PATIENCE: Duration = Duration::from_secs(400);

/// How long a worker has been a member of its group before it gets company.
const JOINED: Duration = Duration::from_secs(4);

/// Mistakes that must be found: half of the memory is allowed, and the group gets another member.
const PLANTS: [&str; 2] = ["less-memory", "second-member"];

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    options.check_plant(&PLANTS)?;
    on_a_broker(|servers| {
        let workers = Workers {
            program: program(builds.kafka)?,
            servers: servers.to_owned(),
            topic: format!("backlog-{:x}", machine::random()),
            plant: options.plant.clone(),
            home: tempfile::tempdir()?,
        };
        workers.run(if options.short { SHORT } else { LONG })
    })
}

struct Workers {
    program: PathBuf,
    servers: String,
    topic: String,
    plant: Option<String>,
    home: tempfile::TempDir,
}

/// How a worker came to its end.
struct Ended {
    line: String,
    peak_kib: u64,
    rebalances: u64,
    took: Duration,
}

impl Workers {
    fn run(&self, (records, bytes): (u64, u64)) -> Result<Verdict> {
        for (name, count) in [("empty", 0), ("full", records)] {
            let mut fill = self.command("fill", name);
            machine::output(fill.args([count, bytes].map(|number| number.to_string())))?;
        }
        machine::output(&mut self.command("widen", "wide"))?;
        let base = self.ended("slow", "empty")?;
        let deep = self.ended("slow", "full")?;
        let wide = self.ended("wide", "wide")?;

        let mib = |kib: u64| kib.div_ceil(1024);
        let budgets = STATE + FETCHED + BEFORE_A_LANE;
        let most = (mib(base.peak_kib) + budgets) * 120 / 100;
        let most = if self.planted("less-memory") { most / 2 } else { most };
        let (read, read_wide) = (number(&deep.line, "read")?, number(&wide.line, "read")?);
        let (started, took) = (number(&wide.line, "started")?, number(&wide.line, "took")?);
        println!(
            "backlog: {} MiB in {records} records read by a slow sink in {} s: {read} read, peak {} MiB, rebalances {} (one is \
             the start); {PARTITIONS} partitions of 50 topics: {read_wide} read, started in {started} ms, a record of each after \
             {took} ms, peak {} MiB, rebalances {}; allowed are {most} MiB: 1.2 times {} MiB for a worker without records, \
             {STATE} MiB `state.memory.mib`, {FETCHED} MiB `queued.max.messages.kbytes` and {BEFORE_A_LANE} MiB before a lane",
            (records * bytes) >> 20,
            deep.took.as_secs(),
            mib(deep.peak_kib),
            deep.rebalances,
            mib(wide.peak_kib),
            wide.rebalances,
            mib(base.peak_kib),
        );
        let all_read = read == records && read_wide == PARTITIONS;
        let within = mib(deep.peak_kib) <= most && mib(wide.peak_kib) <= most;
        Ok(Verdict::of(all_read && within && took <= SOON && deep.rebalances == 1 && wide.rebalances <= 1))
    }

    fn planted(&self, name: &str) -> bool {
        self.plant.as_deref() == Some(name)
    }

    fn command(&self, what: &str, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["backlog", what, &self.servers, &format!("{}-{name}", self.topic)]);
        command.env("SLIPSTREAM_LOG", "off").env_remove(kafka::ADDRESS).stdin(Stdio::null());
        command
    }

    /// Lets a worker come to its end. librdkafka counts the changes of its group, in statistics that it logs.
    fn ended(&self, what: &str, name: &str) -> Result<Ended> {
        let (said, log) = (self.home.path().join("said"), self.home.path().join("log"));
        let mut command = self.command(what, name);
        command.arg(self.home.path().join(name)).args([
            format!("state.memory.mib={STATE}"),
            format!("kafka.queued.max.messages.kbytes={}", FETCHED << 10),
            // The sink stands still for longer than this.
            "kafka.max.poll.interval.ms=6000".to_owned(),
            "kafka.statistics.interval.ms=500".to_owned(),
        ]);
        command.env("SLIPSTREAM_LOG", "slipstream::kafka=debug").stdout(File::create(&said)?);
        let begun = Instant::now();
        let mut worker =
            Process(command.stderr(File::create(&log)?).spawn().context("cannot start a worker")?);
        let (mut peak_kib, mut second) = (0, None);
        while worker.is_running()? {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", worker.0.id())).unwrap_or_default();
            // One that has just ended has none.
            peak_kib = status.lines().find_map(|line| number(line, "VmHWM:").ok()).unwrap_or(peak_kib);
            if self.planted("second-member") && name == "full" && begun.elapsed() > JOINED && second.is_none()
            {
                let mut command = self.command(what, name);
                second = Some(Process(command.arg(self.home.path().join("second")).spawn()?));
            }
            if begun.elapsed() > PATIENCE {
                bail!("a worker has not ended after {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = std::fs::read_to_string(&log)?;
        worker.done().with_context(|| log.lines().next_back().unwrap_or_default().to_owned())?;
        // Leaving at the end counts as one; what comes before is of a steady member.
        let steady = log.split("\"join_state\": ").filter(|rest| rest.starts_with("\"steady\""));
        let counts = steady.filter_map(|rest| rest.split("\"rebalance_cnt\": ").nth(1));
        let counts = counts.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let line = std::fs::read_to_string(&said)?.trim().to_owned();
        Ok(Ended { line, peak_kib, rebalances: counts.max().unwrap_or(0), took: begun.elapsed() })
    }
}
