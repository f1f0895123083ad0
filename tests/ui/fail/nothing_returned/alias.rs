use slipstream::prelude::*;

type Nil = ();

#[handle(source = 0..3_u32, sink = [print])]
//~                                 ^^^^^
fn look(_n: u32) -> Nil {}

fn main() {}
