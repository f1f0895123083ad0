//! `bench NAME`: a benchmark of the tests package; it runs its baseline in turn and ends with the ratio.

use crate::machine;
use anyhow::Result;

pub(crate) fn run(name: &str, rest: &[&str]) -> Result<bool> {
    let target = name.replace('-', "_");
    let mut cargo = machine::cargo(&["bench", "-p", "slipstream-tests", "--bench", &target, "--"]);
    machine::run(cargo.args(rest))?;
    Ok(true)
}
