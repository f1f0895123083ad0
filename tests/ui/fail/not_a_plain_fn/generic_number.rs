use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
fn look<const N: usize>(_n: u32) {}
//~    ^^^^^^^^^^^^^^^^

fn main() {}
