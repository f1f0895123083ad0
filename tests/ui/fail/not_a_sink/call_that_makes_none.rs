use slipstream::prelude::*;

fn notify() -> u32 {
    7
}

#[handle(source = 0..3_u32, sink = [notify()])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
