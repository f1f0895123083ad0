use slipstream::prelude::*;

fn save(_key: u32, _value: u32) {}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> (u32, u32) {
    (n, n)
}

fn main() {}
