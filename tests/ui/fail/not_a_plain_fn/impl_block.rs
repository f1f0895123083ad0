use slipstream::prelude::*;

struct Look;

#[handle(source = 0..3_u32)]
impl Look {
//~ from 1 to 11
    fn look(_n: u32) {}
//~ ^^^^^^^^^^^^^^^^^^^
}
//~ from 1 to 1

fn main() {}
