use slipstream::prelude::*;

#[handle(source = 0..3_u32, pipe = [map(async |n: u32| n + 1)], sink = [print])]
//~                                     ^^^^^
fn show(n: u32) -> u32 {
    n
}

fn main() {}
