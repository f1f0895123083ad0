use slipstream::prelude::*;

#[handle(source = 0..3_u32, pipe = [|a, b| a], sink = [print])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
