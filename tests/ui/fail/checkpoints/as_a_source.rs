use slipstream::prelude::*;

static SYNC: Checkpoint = Checkpoint::new("sync", &[Dependency::new("other", secs(1))]);

#[handle(source = SYNC)]
//~               ^^^^
fn look(_n: u32) {}

fn main() {}
