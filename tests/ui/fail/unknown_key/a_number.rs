use slipstream::prelude::*;

#[handle(5, source = 0..3_u32)]
//~      ^
fn look(_n: u32) {}

fn main() {}
