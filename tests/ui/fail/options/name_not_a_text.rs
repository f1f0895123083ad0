use slipstream::prelude::*;

#[handle(source = 0..3_u32, name = look)]
//~                                ^^^^
fn look(_n: u32) {}

fn main() {}
