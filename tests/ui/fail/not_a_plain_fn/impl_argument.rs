use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
fn look(_n: impl Into<u64>) {}
//~         ^^^^^^^^^^^^^^

fn main() {}
