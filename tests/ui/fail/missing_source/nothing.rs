use slipstream::prelude::*;

#[handle]
//~ from 1 to 9
fn look(_n: u32) {}

fn main() {}
