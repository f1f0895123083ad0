use slipstream::prelude::*;

#[derive(Debug)]
struct Bare;

fn save(_bare: Bare) {}

#[handle(source = 0..3_u32, sink = [print, save])]
//~                                ^^^^^^^^^^^^^
fn look(_n: u32) -> Bare {
    Bare
}

fn main() {}
