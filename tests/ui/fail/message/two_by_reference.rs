use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(a: &u32, b: &u32) -> u32 {
//~              ^^^^^^^
    a + b
}

fn main() {}
