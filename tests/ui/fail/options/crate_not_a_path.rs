use slipstream::prelude::*;

#[handle(source = 0..3_u32, crate = "slip")]
//~                                 ^^^^^^
fn look(_n: u32) {}

fn main() {}
