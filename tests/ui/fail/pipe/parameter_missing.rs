use slipstream::prelude::*;

#[handle(source = 0..3_u32, pipe = [chunks], sink = [print])]
//~                                 ^^^^^^
fn look(some: Vec<u32>) -> usize {
    some.len()
}

fn main() {}
