use slipstream::prelude::*;

async fn save(_text: String) {}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
