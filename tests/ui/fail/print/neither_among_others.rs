use slipstream::prelude::*;

struct Bare;

fn save(_all: Vec<Bare>) {}

#[handle(source = 0..3_u32, sink = [print])]
//~                                 ^^^^^
fn look(_n: u32) -> One<Vec<Bare>> {
    save(vec![]);
    One(vec![Bare])
}

fn main() {}
