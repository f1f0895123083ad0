use slipstream::prelude::*;

#[handle(source = 7)]
//~               ^
fn look(_n: u32) {}

fn main() {}
