use slipstream::prelude::*;

fn nil() {}

#[handle(source = 0..3_u32, sink = [nil])]
//~                                 ^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
