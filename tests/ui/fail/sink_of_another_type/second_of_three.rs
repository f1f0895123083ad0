use slipstream::prelude::*;

static COUNTS: Cache<String, u64> = Cache::new("counts");

#[handle(source = 0..3_u32, sink = [print, COUNTS, print])]
//~                                        ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
