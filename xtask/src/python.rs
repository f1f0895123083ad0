//! A Python with the packages that the Avro codec is compared with, in a folder of its own below `target`.

use crate::machine;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// What is installed; the versions that were last seen to agree.
const PACKAGES: [&str; 2] = ["fastavro==1.13.1", "avro==1.12.2"];

/// The interpreter: the one that `SLIPSTREAM_TEST_PYTHON` names, or one that is made here.
pub(crate) fn prepare() -> Result<String> {
    if let Ok(given) = std::env::var("SLIPSTREAM_TEST_PYTHON") {
        return Ok(given);
    }
    if !machine::found("python3") {
        bail!(
            "no python3: install it, or set SLIPSTREAM_TEST_PYTHON to one that has {}",
            PACKAGES.join(" and ")
        );
    }
    let folder = machine::target().join("python");
    let python = folder.join("bin/python3");
    if !Command::new(&python)
        .args(["-c", "import fastavro, avro"])
        .output()
        .is_ok_and(|ran| ran.status.success())
    {
        machine::output(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        machine::output(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))
            .context("the packages cannot be installed")?;
    }
    Ok(python.to_string_lossy().into_owned())
}
