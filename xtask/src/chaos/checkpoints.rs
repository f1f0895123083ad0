//! `checkpoints`: random schedules over streams that wait for others, on a stopped clock, with crashes between any two steps of
//! an outage. Whatever was handled while something was down must come again, and nobody may wait for ever.

use super::{Builds, Options, Verdict, number, program};
use crate::machine;
use anyhow::{Context, Result};
use std::process::Command;

/// How many schedules beside those with the crashes, and how long they are begun, in seconds.
const LONG: (u64, u64) = (1_000, 3_600);
const SHORT: (u64, u64) = (1_000, 30);

/// Mistakes that must be found.
const PLANTS: [&str; 3] = ["strict", "newest", "deaf"];

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    options.check_plant(&PLANTS)?;
    let (many, seconds) = if options.short { SHORT } else { LONG };
    let mut command = Command::new(program(builds.program)?);
    command.args(["checkpoints", &options.seed().to_string(), &many.to_string(), &seconds.to_string()]);
    // What it does on purpose is reported as errors.
    let text = machine::output(command.args(&options.plant).env("SLIPSTREAM_LOG", "off"))?;
    let line = text.lines().last().context("it has said nothing")?;
    println!("{}", text.trim_end());
    let found = |word| number(line, word);
    println!(
        "checkpoints: {} schedules, of {} events {} handled while something was down, {} crashes, {} rebalances, {} \
         recoveries: missed {}, stuck {}, other offsets than those of the pulse {}",
        found("schedules")?,
        found("events")?,
        found("stale")?,
        found("crashes")?,
        found("rebalances")?,
        found("recoveries")?,
        found("missed")?,
        found("stuck")?,
        found("other-offsets")?
    );
    let wrong = found("missed")? + found("stuck")? + found("other-offsets")? + found("failed")?;
    Ok(Verdict::of(wrong == 0 && found("stale")? > 0 && found("recoveries")? > 0))
}
