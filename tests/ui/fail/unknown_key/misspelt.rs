use slipstream::prelude::*;

#[handle(sorce = 0..3_u32)]
//~      ^^^^^
fn look(_n: u32) {}

fn main() {}
