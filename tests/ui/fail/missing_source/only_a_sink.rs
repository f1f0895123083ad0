use slipstream::prelude::*;

#[handle(sink = [print])]
//~ from 1 to 25
fn look(n: u32) -> u32 {
    n
}

fn main() {}
