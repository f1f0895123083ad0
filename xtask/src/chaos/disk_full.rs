//! To come.
use super::{Builds, Options};
use anyhow::{Result, bail};

pub(super) fn run(_: Builds, _: &mut Options) -> Result<bool> {
    bail!("not yet")
}
