use slipstream::prelude::*;

fn numbers(from: u32) -> std::ops::Range<u32> {
    from..9
}

#[handle(source = numbers, sink = [print])]
//~               ^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
