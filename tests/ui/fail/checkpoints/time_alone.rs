use slipstream::prelude::*;

#[handle(source = 0..3_u32, time = |_: &u32| Utc::now())]
//~                         ^^^^
fn look(_n: u32) {}

fn main() {}
