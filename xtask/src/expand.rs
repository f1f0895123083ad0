//! `expand NAME`: an example as it is after the macros, to read.

use crate::{machine, recipes};
use anyhow::{Result, bail};

pub(crate) fn run(name: &str) -> Result<bool> {
    if !machine::found("cargo-expand") {
        bail!("cargo-expand is not installed: `cargo install cargo-expand` installs it");
    }
    let package = recipes::package_of(name)?;
    machine::run(&mut machine::cargo(&["expand", "-p", package, "--example", name]))?;
    Ok(true)
}
