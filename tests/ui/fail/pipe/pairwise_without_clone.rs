use slipstream::prelude::*;

struct Bare;

fn bares() -> [Bare; 1] {
    [Bare]
}

#[handle(source = bares, pipe = [pairwise], sink = [print])]
//~                              ^^^^^^^^
fn look(_pair: (Bare, Bare)) -> u32 {
    1
}

fn main() {}
