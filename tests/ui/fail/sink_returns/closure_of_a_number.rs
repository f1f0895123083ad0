use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [|n| n + 1])]
//~                                 ^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
