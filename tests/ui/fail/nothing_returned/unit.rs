use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print, print])]
//~                                 ^^^^^
fn look(_n: u32) -> () {}

fn main() {}
