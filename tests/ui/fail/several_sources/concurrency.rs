use slipstream::prelude::*;

fn numbers() -> std::ops::Range<u32> {
    0..3
}

#[handle(source = [numbers, 5..8_u32], concurrency = 4, key = |n: &u32| *n)]
//~                                    ^^^^^^^^^^^
fn look(_n: u32) {}

fn main() {}
