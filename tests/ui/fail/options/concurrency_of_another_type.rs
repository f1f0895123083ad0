use slipstream::prelude::*;

#[handle(source = 0..3_u32, concurrency = "4", key = |n: &u32| *n)]
//~                                       ^^^
fn look(_n: u32) {}

fn main() {}
