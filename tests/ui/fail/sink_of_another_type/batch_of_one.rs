use slipstream::prelude::*;

async fn insert(_row: u32) {}

#[handle(source = 0..3_u32, sink = [batch(500, millis(50), insert)])]
//~                                                        ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
