use slipstream::prelude::*;

struct Odd;

fn save(_n: u32) -> Result<(), Odd> {
    Err(Odd)
}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
