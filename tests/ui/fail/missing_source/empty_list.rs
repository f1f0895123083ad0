use slipstream::prelude::*;

#[handle(source = [])]
//~               ^^
fn look(_n: u32) {}

fn main() {}
