use slipstream::prelude::*;

struct Bare;

fn save(_bare: Bare) {}

#[handle(source = 0..3_u32, sink = [save], on_error = retry(2, fixed(millis(1))))]
//~                                 ^^^^
fn look(_n: &u32) -> Bare {
    Bare
}

fn main() {}
