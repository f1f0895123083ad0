use slipstream::prelude::*;

#[handle(source = nubmers, sink = [print])]
//~               ^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
