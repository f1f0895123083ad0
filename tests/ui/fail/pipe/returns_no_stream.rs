use slipstream::prelude::*;

fn count<S: Stream<Item = u32>>(_numbers: S) -> u32 {
    7
}

#[handle(source = 0..3_u32, pipe = [count], sink = [print])]
//~                                 ^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
