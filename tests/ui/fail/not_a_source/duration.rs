use slipstream::prelude::*;

#[handle(source = secs(1), sink = [print])]
//~               ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
