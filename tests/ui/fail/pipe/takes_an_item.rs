use slipstream::prelude::*;

fn double(n: u32) -> u32 {
    n * 2
}

#[handle(source = 0..3_u32, pipe = [double], sink = [print])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
