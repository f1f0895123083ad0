use slipstream::prelude::*;

#[handle(source = [1_u32, 2] sink = [print])]
//~                          ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
