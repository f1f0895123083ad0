use slipstream::prelude::*;

static DEAD: Cache<String, u32> = Cache::new("dead");

#[handle(source = 0..3_u32, on_error = dead_letter(&DEAD))]
//~                                                ^^^^^
fn look(_n: u32) {}

fn main() {}
