use slipstream::prelude::*;

#[handle(source = 0..3_u32, concurrency = 4, key = |word: &String| word.clone())]
//~                                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
fn look(_n: u32) {}

fn main() {}
