use slipstream::prelude::*;

#[derive(Debug)]
struct Odd;

#[handle(source = 0..3_u32)]
async fn look(n: &u32) -> Result<(), Odd> {
//~                       ^^^^^^^^^^^^^^^
    if *n > 1 { Err(Odd) } else { Ok(()) }
}

fn main() {}
