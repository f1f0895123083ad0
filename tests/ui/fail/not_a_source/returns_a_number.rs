use slipstream::prelude::*;

fn number() -> u32 {
    7
}

#[handle(source = number, sink = [print])]
//~               ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
