use slipstream::prelude::*;
use slipstream::testing;

static SEEN: testing::Output<String> = testing::Output::new("seen");

#[handle(source = 0..3_u32, sink = [SEEN])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
