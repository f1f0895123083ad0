//! `--repeat`: recipes that wait for time print the same each time, on a clock that is moved by hand, and on the machine's
//! beside a process that eats a core.

use super::example::Example;
use super::{build, compare, expected};
use crate::machine;
use anyhow::{Context, Result};
use std::process::{Child, Command};
use std::time::Duration;

const NAMES: [&str; 2] = ["joins", "synchronization"];
const STOPPED: usize = 200;
const REAL: usize = 50;
/// So few runs at once that what they wait for is time, and not each other.
const AT_ONCE: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run() -> Result<bool> {
    let mut stopped = machine::cargo(&["test", "-p", "slipstream-tests"]);
    stopped.args(NAMES.map(|name| format!("--test=stopped_{name}")));
    // It says itself how many differ, and the other half is run all the same.
    let mut all_same = machine::run(stopped.env("SLIPSTREAM_TEST_RUNS", STOPPED.to_string())).is_ok();
    build(false)?;
    let _eaten = Eater::start()?;
    for name in NAMES {
        let mut different = Vec::new();
        for _ in 0..REAL / AT_ONCE {
            let runs: Vec<_> = (0..AT_ONCE).map(|_| std::thread::spawn(move || once(name))).collect();
            let ended =
                runs.into_iter().map(|run| run.join().map_err(|_| anyhow::anyhow!("a run panicked"))?);
            different.extend(ended.filter_map(Result::err));
        }
        let count = different.len();
        println!(
            "{name}: {REAL} runs on the real clock beside a process that eats a core, {count} differences"
        );
        if let Some(first) = different.first() {
            println!("{first:#}");
        }
        all_same &= count == 0;
    }
    Ok(all_same)
}

fn once(name: &str) -> Result<()> {
    let ended = Example::new(name)?.run(WITHIN)?;
    ended.with_code(0)?;
    compare::same(&expected(name)?, &ended.lines)
}

/// A process that does nothing as fast as it can, until it is dropped.
struct Eater(Child);

impl Eater {
    fn start() -> Result<Self> {
        let eating = Command::new("sh").args(["-c", "while :; do :; done"]).spawn();
        eating.map(Eater).context("cannot start a process that eats a core")
    }
}

impl Drop for Eater {
    fn drop(&mut self) {
        // It cannot have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
