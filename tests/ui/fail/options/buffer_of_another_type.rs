use slipstream::prelude::*;

#[handle(source = 0..3_u32, buffer = "64")]
//~                                  ^^^^
fn look(_n: u32) {}

fn main() {}
