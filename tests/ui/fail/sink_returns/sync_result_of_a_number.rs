use slipstream::prelude::*;

fn save(n: u32) -> Result<u32> {
    Ok(n)
}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
