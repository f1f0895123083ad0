use slipstream::prelude::*;

fn numbers() -> std::ops::Range<u32> {
    0..3
}

#[handle(source = [numbers, secs(1)], sink = [print])]
//~                         ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
