use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
fn look(_n: Option<impl Into<u64>>) {}
//~         ^^^^^^^^^^^^^^^^^^^^^^

fn main() {}
