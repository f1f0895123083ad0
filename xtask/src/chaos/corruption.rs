//! `corruption`: files of a state are damaged in each way that we know, and it answers rightly or with an error. The campaign
//! is a test of the library, which knows the store; this says how long it is.

use super::{Builds, Options, Verdict, number};
use crate::machine;
use anyhow::{Context, Result};

/// How often each file is damaged in each way, by one seed: so that there are at least 40 of each kind.
const ROUNDS: u64 = 20;
const SHORT_ROUNDS: u64 = 10;

/// How many histories are damaged.
const SEEDS: u64 = 4;

const NUMBERS: [&str; 6] = ["kinds", "least", "right", "detected", "silent", "panicked"];

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let (seeds, rounds) = if options.short { (1, SHORT_ROUNDS) } else { (SEEDS, ROUNDS) };
    let mut sums = [0; NUMBERS.len()];
    for seed in options.seed()..options.seed() + seeds {
        let found = campaign(builds, seed, rounds)?;
        for (sum, found) in sums[1..].iter_mut().zip(&found[1..]) {
            *sum += found;
        }
        sums[0] = found[0];
    }
    let [kinds, least, right, detected, silent, panicked] = sums;
    println!(
        "corruption: {} corruptions of {kinds} kinds, at least {least} of each; right {right}, detected {detected}, \
         silent {silent}, panicked {panicked}",
        right + detected + silent + panicked
    );
    Ok(Verdict::of(silent + panicked == 0))
}

/// What became of one history, by the names above.
fn campaign(builds: Builds, seed: u64, rounds: u64) -> Result<[u64; NUMBERS.len()]> {
    let test =
        ["--lib", "store::tests::campaign::a_long_campaign", "--", "--ignored", "--exact", "--nocapture"];
    let mut cargo = machine::cargo(&["test", "--quiet"]);
    cargo.args(builds.library).args(test);
    cargo.env("SLIPSTREAM_CAMPAIGN_SEED", seed.to_string());
    cargo.env("SLIPSTREAM_CAMPAIGN_ROUNDS", rounds.to_string());
    // It fails if there is something to tell, and says what; the panics that it has caught speak as well.
    let output = cargo.output().context("cannot start `cargo test`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = |starts: &'static str| text.lines().filter(move |line| line.starts_with(starts));
    for line in said("silent: ").chain(said("panicked: ")).chain(said("campaign: ")) {
        println!("{line}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let counts = said("campaign: ").next().with_context(|| format!("the campaign did not end:\n{errors}"))?;
    let mut numbers = [0; NUMBERS.len()];
    for (number_of, name) in numbers.iter_mut().zip(NUMBERS) {
        *number_of = number(counts, name)?;
    }
    Ok(numbers)
}
