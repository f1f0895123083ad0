use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
struct Look;
//~ from 1 to 12

fn main() {}
