use slipstream::prelude::*;

static DEAD: Topic<String, u32> = Topic::new("dead");

struct Bare;

fn bares() -> [Bare; 1] {
    [Bare]
}

#[handle(source = bares, on_error = dead_letter(&DEAD))]
//~                                 ^^^^^^^^^^^
fn look(_bare: &Bare) {}

fn main() {}
