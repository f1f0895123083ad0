use slipstream::prelude::*;

struct Odd;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> Result<u32, Odd> {
//~                ^^^^^^^^^^^^^^^^
    if n > 1 { Err(Odd) } else { Ok(n) }
}

fn main() {}
