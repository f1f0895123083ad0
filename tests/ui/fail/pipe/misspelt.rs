use slipstream::prelude::*;

#[handle(source = 0..3_u32, pipe = [pairwize], sink = [print])]
//~                                 ^^^^^^^^
fn look(pair: (u32, u32)) -> (u32, u32) {
    pair
}

fn main() {}
