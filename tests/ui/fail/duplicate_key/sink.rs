use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print], sink = [print])]
//~                                         ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
