use slipstream::prelude::*;

struct Bare;

#[handle(source = 0..3_u32, sink = [print])]
//~                                 ^^^^^
fn look(_n: u32) -> Bare {
    Bare
}

fn main() {}
