use slipstream::prelude::*;

fn numbers() -> std::ops::Range<u32> {
    0..3
}

#[handle(source = numbers, lanes = partitions)]
//~               ^^^^^^^
fn look(_n: u32) {}

fn main() {}
