//! Quakes: the same table in memory, from a broker, and after a kill -9 half-way.

use super::compare;
use super::example::Example;
use crate::{kafka, machine};
use anyhow::{Context, Result};
use std::time::Duration;
use tempfile::TempDir;

const TABLE: &str = "ci 386\nnc 370\nak 297\nnn 260\nus 168\npr 62\nuw 51\nhv 46\nuu 33\nmb 28\nnm 5\nse 1";
/// A member that was killed keeps its partitions until its session ends, 45 s by default.
const WITHIN: Duration = Duration::from_secs(120);

pub(super) fn in_memory() -> Result<()> {
    let ended = Example::new("quakes")?.run(WITHIN)?;
    ended.with_code(0)?;
    compare::same(TABLE, &table(&ended.lines))
}

/// `feed` and `count` as two commands, as one would run them on two machines.
pub(super) fn two_commands(broker: &str) -> Result<()> {
    let job = Job::new(broker)?;
    job.command("feed")?.run(WITHIN)?.with_code(0)?;
    job.count()
}

/// A `count` that is killed leaves what makes the next one right.
pub(super) fn killed(broker: &str) -> Result<()> {
    let job = Job::new(broker)?;
    job.command("feed")?.run(WITHIN)?.with_code(0)?;
    let moment = Duration::from_millis(300 + machine::random() % 1200);
    let mut first = job.command("count")?.start()?;
    first.wait_for_lines(1, moment);
    let ended = first.kill()?;
    let lines = ended.lines.len();
    job.count()
        .with_context(|| format!("killed after {} ms, when it had printed {lines} lines", moment.as_millis()))
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
        let example = example.env("SLIPSTREAM_APP_ID", &name).env("QUAKES_TOPIC", &name);
        Ok(example.env("SLIPSTREAM_STATE_DIR", &self.state.path().to_string_lossy()))
    }

    fn count(&self) -> Result<()> {
        let ended = self.command("count")?.run(WITHIN)?;
        ended.with_code(0)?;
        compare::same(TABLE, &table(&ended.lines))
    }
}

/// The last twelve lines, whatever the space between network and count.
fn table(lines: &[String]) -> Vec<String> {
    let start = lines.len().saturating_sub(TABLE.lines().count());
    lines[start..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
