use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [|a, b| drop((a, b))])]
//~                                 ^^^^^^
fn look(n: u32) -> (u32, u32) {
    (n, n)
}

fn main() {}
