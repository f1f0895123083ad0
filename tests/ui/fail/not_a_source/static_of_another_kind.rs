use slipstream::prelude::*;
use std::sync::atomic::AtomicU32;

static COUNT: AtomicU32 = AtomicU32::new(0);

#[handle(source = COUNT, sink = [print])]
//~               ^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
