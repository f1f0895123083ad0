use slipstream::prelude::*;

struct Shop;

impl Shop {
    #[handle(source = 0..3_u32)]
//~ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    fn look(_n: u32) {}
}

fn main() {}
