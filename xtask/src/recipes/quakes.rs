//! Quakes: the same table in memory, from a broker, and after a kill -9 half-way.

use super::compare;
use super::example::Example;
use crate::{kafka, machine};
use anyhow::{Context, Result, bail};
use std::time::Duration;
use tempfile::TempDir;

const TABLE: &str = "ci 386\nnc 370\nak 297\nnn 260\nus 168\npr 62\nuw 51\nhv 46\nuu 33\nmb 28\nnm 5\nse 1";
/// A member that was killed keeps its partitions until its session ends.
const WITHIN: Duration = Duration::from_secs(120);
/// How often the file is fed for a count that is killed: so that it has not ended by then.
const FEEDS: u64 = 20;
const KILLS: u32 = 3;

pub(super) fn in_memory() -> Result<()> {
    let ended = Example::new("quakes")?.run(WITHIN)?;
    ended.with_code(0)?;
    compare::same(TABLE, &table(&ended.lines))?;
    wired()
}

/// The picture in the README is the one that the command prints.
fn wired() -> Result<()> {
    let readme = machine::root().join("README.md");
    let text = std::fs::read_to_string(&readme).context("cannot read README.md")?;
    let pictures: Vec<&str> = text.split("```mermaid\n").skip(1).collect();
    let [picture] = pictures.as_slice() else {
        bail!("README.md has {} pictures, and not one", pictures.len())
    };
    let (picture, _) = picture.split_once("```").context("the picture in README.md has no end")?;
    let ended = Example::new("quakes")?.arg("plan").arg("--format=mermaid").run(WITHIN)?;
    ended.with_code(0)?;
    compare::same(picture.trim_end(), &ended.lines)
        .context("the picture in README.md is not the one of `plan`")
}

/// `feed` and `count` as two commands, as one would run them on two machines.
pub(super) fn two_commands(broker: &str) -> Result<()> {
    let job = Job::new(broker)?;
    job.command("feed")?.run(WITHIN)?.with_code(0)?;
    job.count()
}

/// A `count` that is killed half-way, again and again, leaves what makes the next one right.
pub(super) fn killed(broker: &str) -> Result<()> {
    let job = Job::new(broker)?;
    for _ in 0..FEEDS {
        job.command("feed")?.run(WITHIN)?.with_code(0)?;
    }
    for kill in 1..=KILLS {
        let counting = job.command("count")?.logging("slipstream=debug");
        let mut counting = counting.env("SLIPSTREAM_COMMIT_INTERVAL_MS", "10").start()?;
        // It has committed some of its work, and does more.
        counting.wait_until(|lines| lines.iter().any(|line| line.contains("committed")), WITHIN);
        std::thread::sleep(Duration::from_millis(machine::random() % 50));
        let ended = counting.kill()?;
        if ended.lines.iter().any(|line| line.starts_with("ci ")) {
            bail!("it had printed its table before kill {kill}: there was too little to count");
        }
    }
    job.counts(FEEDS).with_context(|| format!("after {KILLS} kills"))
}

/// The two commands of one job share a topic, a group and a state, which no other run has.
struct Job {
    broker: String,
    id: u64,
    state: TempDir,
}

impl Job {
    fn new(broker: &str) -> Result<Self> {
        let state = tempfile::tempdir().context("no temporary folder for the state of quakes")?;
        Ok(Job { broker: broker.into(), id: machine::random(), state })
    }

    fn command(&self, command: &str) -> Result<Example> {
        let name = format!("quakes-{:x}", self.id);
        let example = Example::new("quakes")?.arg(command).env(kafka::ADDRESS, &self.broker);
        let example = example.env("SLIPSTREAM_APP_ID", &name).env("SLIPSTREAM_TOPIC_QUAKES_NAME", &name);
        Ok(example.env("SLIPSTREAM_STATE_DIR", &self.state.path().to_string_lossy()))
    }

    fn count(&self) -> Result<()> {
        self.counts(1)
    }

    /// The table of this many times the file.
    fn counts(&self, times: u64) -> Result<()> {
        let ended = self.command("count")?.run(WITHIN)?;
        ended.with_code(0)?;
        let rows = TABLE.lines().map(|row| {
            let (net, count) = row.split_once(' ').context("a row of the table has no count")?;
            Ok(format!("{net} {}", count.parse::<u64>()? * times))
        });
        let expected = rows.collect::<Result<Vec<_>>>()?.join("\n");
        compare::same(&expected, &table(&ended.lines))
    }
}

/// The last twelve lines, whatever the space between network and count.
fn table(lines: &[String]) -> Vec<String> {
    let start = lines.len().saturating_sub(TABLE.lines().count());
    lines[start..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
