use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(a: u32, by: State<u32>, b: u32) -> u32 {
//~                             ^^^^^^
    a + b + *by
}

fn main() {}
