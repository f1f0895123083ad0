use slipstream::prelude::*;

struct Limits;

static LIMITS: Limits = Limits;

#[handle(source = 0..3_u32, sink = [LIMITS])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
