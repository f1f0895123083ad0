use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [String])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
