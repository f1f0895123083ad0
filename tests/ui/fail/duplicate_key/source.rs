use slipstream::prelude::*;

#[handle(source = 0..3_u32, source = 4..9_u32)]
//~                         ^^^^^^
fn look(_n: u32) {}

fn main() {}
