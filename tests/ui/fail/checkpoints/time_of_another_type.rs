use slipstream::prelude::*;

static SYNC: Checkpoint = Checkpoint::new("sync", &[Dependency::new("other", secs(1))]);

#[handle(source = 0..3_u32, before = [SYNC], time = |n| *n)]
//~                                                 ^
fn look(_n: u32) {}

fn main() {}
