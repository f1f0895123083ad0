use slipstream::prelude::*;

#[derive(Clone)]
struct Bare;

fn bares() -> Vec<Bare> {
    vec![Bare]
}

#[handle(source = bares, pipe = [accumulate], sink = [print])]
//~                              ^^^^^^^^^^
fn look(_bare: &Bare) -> u32 {
    1
}

fn main() {}
