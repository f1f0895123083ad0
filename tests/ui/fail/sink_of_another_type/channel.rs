use slipstream::prelude::*;

static NAMES: Channel<String> = Channel::new("names");

#[handle(source = 0..3_u32, sink = [NAMES])]
//~                                 ^^^^^
fn name(n: u32) -> u32 {
    n
}

fn main() {}
