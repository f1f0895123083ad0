use slipstream::prelude::*;
use std::cell::Cell;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32, by: State<Cell<u32>>) -> u32 {
//~                 ^^^^^^^^^^^^^^^^
    n + by.get()
}

fn main() {}
