use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
unsafe fn look(_n: u32) {}
//~ from 1 to 6

fn main() {}
