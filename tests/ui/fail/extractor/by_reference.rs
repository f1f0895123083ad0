use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32, by: &State<u32>) -> u32 {
//~             ^^^^^^^^^^^^^^^
    n + **by
}

fn main() {}
