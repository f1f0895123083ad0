use slipstream::prelude::*;

struct Limits {
    low: u32,
}

#[handle(source = 0..3_u32, sink = [Limits])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    Limits { low: n }.low
}

fn main() {}
