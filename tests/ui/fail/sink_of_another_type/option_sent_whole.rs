use slipstream::prelude::*;

fn save(_n: Option<u32>) {}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> Option<u32> {
    Some(n)
}

fn main() {}
