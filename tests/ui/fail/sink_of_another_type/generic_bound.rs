use slipstream::prelude::*;

struct Bare;

fn save<T: ToString>(_item: T) {}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(_n: u32) -> Bare {
    Bare
}

fn main() {}
