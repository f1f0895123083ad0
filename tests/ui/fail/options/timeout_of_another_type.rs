use slipstream::prelude::*;

#[handle(source = 0..3_u32, timeout = 5)]
//~                                   ^
fn look(_n: u32) {}

fn main() {}
