use slipstream::prelude::*;

async fn insert_all(_rows: Vec<String>) {}

#[handle(source = 0..3_u32, sink = [print, batch(500, millis(50), insert_all)])]
//~                                        ^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
